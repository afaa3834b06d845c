/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/utf8.h"

#include <stdint.h>
#include <string.h>

/* How long the character is that begins with this byte, and the smallest code that needs that many; 0 for no first
 * byte. */
static size_t length_by_first(unsigned char first, uint32_t *ret_smallest)
{
    if (first < 0x80) {
        *ret_smallest = 0;
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        *ret_smallest = 0x80;
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *ret_smallest = 0x800;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *ret_smallest = 0x10000;
        return 4;
    }
    return 0;
}

size_t spipe_utf8_character(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t smallest = 0;
    uint32_t code = 0;
    size_t needed = length_by_first(bytes[0], &smallest);

    if (needed == 0 || needed > len)
        return 0;
    if (needed == 1)
        return 1;
    code = bytes[0] & (0x7fu >> needed);
    for (size_t i = 1; i < needed; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3fu);
    }
    if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    return needed;
}

size_t spipe_utf8_cut(const char *text, size_t len)
{
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    return len;
}

void spipe_utf8_clean(char *text, size_t len)
{
    size_t i = 0;

    while (i < len) {
        size_t character = spipe_utf8_character(text + i, len - i);
        /* U+0080 to U+009F are control characters too, written as C2 80 to C2 9F. */
        int is_control = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ||
                         (character == 2 && (unsigned char)text[i] == 0xc2 && (unsigned char)text[i + 1] < 0xa0);
        if (character == 0 || is_control) {
            size_t bad = character ? character : 1;
            memset(text + i, '?', bad);
            i += bad;
        } else {
            i += character;
        }
    }
}
