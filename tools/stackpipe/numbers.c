/* SPDX-License-Identifier: MIT */
#include "numbers.h"

#include "protocol/status.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longer numbers than this are none that anybody means. */
#define NUMBER_LEN_MAX 32

static bool is_decimal(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    size_t len = digits;
    if (text[len] == '.') {
        len++;
        size_t fraction = strspn(text + len, "0123456789");
        len += fraction;
        digits += fraction;
    }
    return digits > 0 && text[len] == '\0' && len <= NUMBER_LEN_MAX;
}

/* Reads the digits at the beginning of `text` and says where they end. */
static int read_digits(const char *text, uint64_t *ret_value, const char **ret_end)
{
    if (!isdigit((unsigned char)*text)) {
        return SPIPE_E_FORMAT;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno == ERANGE) {
        return SPIPE_E_LIMIT;
    }
    *ret_value = value;
    *ret_end = end;
    return 0;
}

int spipe_number_parse_count(const char *text, uint64_t *ret_count)
{
    uint64_t value = 0;
    const char *end = NULL;
    int status = read_digits(text, &value, &end);
    if (status != 0) {
        return status;
    }
    if (*end != '\0') {
        return SPIPE_E_FORMAT;
    }
    *ret_count = value;
    return 0;
}

int spipe_number_parse_real(const char *text, double *ret_real)
{
    if (!is_decimal(text)) {
        return SPIPE_E_FORMAT;
    }
    *ret_real = strtod(text, NULL);
    return 0;
}

/* How many bits a unit shifts by; -1 for what is no unit. */
static int unit_shift(const char *unit)
{
    static const char letters[] = "KMGT";
    if (unit[0] == '\0' || strcmp(unit, "B") == 0) {
        return 0;
    }
    const char *letter = strchr(letters, toupper((unsigned char)unit[0]));
    if (letter == NULL) {
        return -1;
    }
    const char *rest = unit + 1;
    if (*rest != '\0' && strcmp(rest, "B") != 0 && strcmp(rest, "iB") != 0) {
        return -1;
    }
    return 10 * (int)(letter - letters + 1);
}

int spipe_number_parse_size(const char *text, uint64_t *ret_bytes)
{
    uint64_t value = 0;
    const char *end = NULL;
    int status = read_digits(text, &value, &end);
    if (status != 0) {
        return status;
    }
    int shift = unit_shift(end);
    if (shift < 0) {
        return SPIPE_E_FORMAT;
    }
    if (value > UINT64_MAX >> shift) {
        return SPIPE_E_LIMIT;
    }
    *ret_bytes = value << shift;
    return 0;
}

int spipe_number_parse_seconds(const char *text, uint64_t *ret_ns)
{
    double seconds = 0;
    int status = spipe_number_parse_real(text, &seconds);
    if (status != 0) {
        return status;
    }
    if (seconds > 1e9) {
        return SPIPE_E_LIMIT;
    }
    *ret_ns = (uint64_t)(seconds * 1e9 + 0.5);
    return 0;
}
