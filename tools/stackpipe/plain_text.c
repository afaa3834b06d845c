/* SPDX-License-Identifier: MIT */
#include "plain_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* How many bytes of `text` form a control character: 1, or 2 for the C1 controls in UTF-8; 0 when none begins there. */
static size_t control_len(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7f) {
        return 1;
    }
    return text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0 ? 2 : 0;
}

void spipe_plain_text_write(const char *text, FILE *stream)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != 0) {
        size_t skip = control_len(at);
        fputc(skip > 0 ? '?' : *at, stream);
        at += skip > 0 ? skip : 1;
    }
}

void spipe_plain_text_wrap(const char *text, int indent, int width, FILE *stream)
{
    int column = 0;
    while (*text != '\0') {
        int len = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + len > width) {
            fputc('\n', stream);
            column = 0;
        }
        if (column == 0) {
            fprintf(stream, "%*s%.*s", indent, "", len, text);
            column = indent + len;
        } else {
            fprintf(stream, " %.*s", len, text);
            column += 1 + len;
        }
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

char *spipe_plain_text_duration(uint64_t duration_ns, char text[SPIPE_PLAIN_NUMBER_MAX])
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double value = (double)duration_ns / units[i].ns;
        if (value >= 0.9995) {
            int decimals = value < 10 ? 2 : value < 100 ? 1 : 0;
            snprintf(text, SPIPE_PLAIN_NUMBER_MAX, "%.*f %s", decimals, value, units[i].unit);
            return text;
        }
    }
    snprintf(text, SPIPE_PLAIN_NUMBER_MAX, "%" PRIu64 " ns", duration_ns);
    return text;
}

char *spipe_plain_text_size(uint64_t bytes, char text[SPIPE_PLAIN_NUMBER_MAX])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        snprintf(text, SPIPE_PLAIN_NUMBER_MAX, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return text;
    }
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, SPIPE_PLAIN_NUMBER_MAX, "%.1f %s", value, units[unit]);
    return text;
}

double spipe_plain_text_percent(uint64_t part, uint64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

char *spipe_plain_text_count(uint64_t count, const char *word, char text[SPIPE_PLAIN_NUMBER_MAX])
{
    snprintf(text, SPIPE_PLAIN_NUMBER_MAX, "%" PRIu64 " %s%s", count, word, count == 1 ? "" : "s");
    return text;
}
