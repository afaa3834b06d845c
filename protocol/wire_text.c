/* SPDX-License-Identifier: MIT */
#include "wire_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_between(unsigned char byte, unsigned char first, unsigned char last)
{
    return byte >= first && byte <= last;
}

/* How many bytes a character has that begins with this byte; 0 for a byte that begins none. */
static size_t length_of(unsigned char first)
{
    if (first < 0x80) {
        return 1;
    }
    if (is_between(first, 0xC2, 0xDF)) {
        return 2;
    }
    if (is_between(first, 0xE0, 0xEF)) {
        return 3;
    }
    return is_between(first, 0xF0, 0xF4) ? 4 : 0;
}

/* The second byte rules out what the first alone does not: needlessly long forms, surrogates, and codes above
 * U+10FFFF. */
static bool is_second(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return is_between(second, 0xA0, 0xBF);
    case 0xED:
        return is_between(second, 0x80, 0x9F);
    case 0xF0:
        return is_between(second, 0x90, 0xBF);
    case 0xF4:
        return is_between(second, 0x80, 0x8F);
    default:
        return is_between(second, 0x80, 0xBF);
    }
}

/* The length of the character at `bytes`, or 0 when there is none. The NUL at the text's end ends any character. */
static size_t character(const unsigned char *bytes)
{
    size_t len = length_of(bytes[0]);
    if (len < 2) {
        return len;
    }
    if (!is_second(bytes[0], bytes[1])) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (!is_between(bytes[i], 0x80, 0xBF)) {
            return 0;
        }
    }
    return len;
}

/* How many bytes at the text's start are well-formed. */
static size_t well_formed(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t len = 0;
    while (bytes[len] != '\0') {
        size_t step = character(bytes + len);
        if (step == 0) {
            break;
        }
        len += step;
    }
    return len;
}

const char *spipe_wire_text_clean(const char *text, struct spipe_arena *arena)
{
    if (text == NULL) {
        return "";
    }
    size_t at = well_formed(text);
    if (text[at] == '\0') {
        return text;
    }
    size_t size = at + strlen(text + at) + 1;
    char *copy = spipe_arena_take(arena, size);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, text, size);
    for (; copy[at] != '\0'; at += well_formed(copy + at)) {
        copy[at++] = '?';
    }
    return copy;
}
