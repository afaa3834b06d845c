/* SPDX-License-Identifier: MIT */
#include "json_lines.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 32u

struct cursor {
    const char *at;
    const char *end;
    unsigned depth;
};

static bool take_value(struct cursor *cursor);

static char peek(const struct cursor *cursor)
{
    return cursor->at < cursor->end ? *cursor->at : '\0';
}

static bool take(struct cursor *cursor, char wanted)
{
    if (peek(cursor) != wanted || cursor->at == cursor->end)
        return false;
    cursor->at++;
    return true;
}

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && memchr(" \t\r\n", *cursor->at, 4) != NULL)
        cursor->at++;
}

static bool take_word(struct cursor *cursor, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < len || memcmp(cursor->at, word, len) != 0)
        return false;
    cursor->at += len;
    return true;
}

static bool is_hex(char byte)
{
    return byte != '\0' && strchr("0123456789abcdefABCDEF", byte) != NULL;
}

static bool take_escape(struct cursor *cursor)
{
    char kind = peek(cursor);
    cursor->at++;
    if (kind != 'u')
        return kind != '\0' && strchr("\"\\/bfnrt", kind) != NULL;
    for (unsigned i = 0; i < 4; i++) {
        if (!is_hex(peek(cursor)))
            return false;
        cursor->at++;
    }
    return true;
}

/* One character of several bytes, as Unicode's table 3-7 has them. */
static bool take_utf8(struct cursor *cursor)
{
    uint8_t first = (uint8_t)*cursor->at++;
    unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0xc2 || first > 0xf4)
        return false;
    for (unsigned i = 0; i < more; i++, low = 0x80, high = 0xbf) {
        uint8_t byte = (uint8_t)peek(cursor);
        if (byte < low || byte > high)
            return false;
        cursor->at++;
    }
    return true;
}

static bool take_string(struct cursor *cursor)
{
    if (!take(cursor, '"'))
        return false;
    while (cursor->at < cursor->end) {
        uint8_t byte = (uint8_t)*cursor->at;
        if (byte < 0x20)
            return false;
        if (byte >= 0x80) {
            if (!take_utf8(cursor))
                return false;
            continue;
        }
        cursor->at++;
        if (byte == '"')
            return true;
        if (byte == '\\' && !take_escape(cursor))
            return false;
    }
    return false;
}

static bool take_digits(struct cursor *cursor)
{
    const char *start = cursor->at;
    while (peek(cursor) >= '0' && peek(cursor) <= '9')
        cursor->at++;
    return cursor->at > start;
}

static bool take_number(struct cursor *cursor)
{
    (void)take(cursor, '-');
    bool is_zero = peek(cursor) == '0';
    const char *start = cursor->at;
    if (!take_digits(cursor) || (is_zero && cursor->at - start > 1))
        return false;
    if (take(cursor, '.') && !take_digits(cursor))
        return false;
    if (!take(cursor, 'e') && !take(cursor, 'E'))
        return true;
    if (!take(cursor, '+'))
        (void)take(cursor, '-');
    return take_digits(cursor);
}

static bool take_member(struct cursor *cursor)
{
    skip_blanks(cursor);
    if (!take_string(cursor))
        return false;
    skip_blanks(cursor);
    return take(cursor, ':') && take_value(cursor);
}

/* What stands between brackets: members of an object, or values of an array. */
static bool take_list(struct cursor *cursor, char close, bool (*take_item)(struct cursor *))
{
    cursor->at++;
    skip_blanks(cursor);
    if (take(cursor, close))
        return true;
    if (++cursor->depth > DEPTH_MAX)
        return false;
    do {
        if (!take_item(cursor))
            return false;
        skip_blanks(cursor);
    } while (take(cursor, ','));
    cursor->depth--;
    return take(cursor, close);
}

static bool take_value(struct cursor *cursor)
{
    skip_blanks(cursor);
    switch (peek(cursor)) {
    case '{': return take_list(cursor, '}', take_member);
    case '[': return take_list(cursor, ']', take_value);
    case '"': return take_string(cursor);
    case 't': return take_word(cursor, "true");
    case 'f': return take_word(cursor, "false");
    case 'n': return take_word(cursor, "null");
    default: return take_number(cursor);
    }
}

bool json_is_value(const char *text, size_t len)
{
    struct cursor cursor = {text, text + len, 0};
    if (!take_value(&cursor))
        return false;
    skip_blanks(&cursor);
    return cursor.at == cursor.end;
}

bool json_is_lines(const char *text, size_t len, size_t *ret_count)
{
    *ret_count = 0;
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        if (newline == NULL || !json_is_value(text, (size_t)(newline - text)))
            return false;
        (*ret_count)++;
        len -= (size_t)(newline + 1 - text);
        text = newline + 1;
    }
    return true;
}
