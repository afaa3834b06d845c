/* SPDX-License-Identifier: MIT */
#include "report_columns.h"

#include "plain_text.h"

#include <string.h>

#define WIDTH_MAX 60

double spipe_report_columns_ms(uint64_t duration_ns)
{
    return (double)duration_ns / 1e6;
}

/* How many columns a text takes, as far as one can know: one for each character. */
static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++) {
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return columns;
}

int spipe_report_columns_widen(int width, const char *text)
{
    int columns = columns_of(text);
    int widest = columns > width ? columns : width;
    return widest < WIDTH_MAX ? widest : WIDTH_MAX;
}

void spipe_report_columns_pad(const char *text, int width, FILE *stream)
{
    spipe_plain_text_write(text, stream);
    int columns = columns_of(text);
    fprintf(stream, "%*s", columns < width ? width - columns : 0, "");
}

void spipe_report_columns_image(const char *path, FILE *stream)
{
    const char *slash = strrchr(path, '/');
    spipe_plain_text_write(slash != NULL ? slash + 1 : path, stream);
}
