/* SPDX-License-Identifier: MIT */
#include "opening.h"

#include "protocol/record.h"

#include <string.h>

static bool is_text_byte(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\r' || byte >= 0x80;
}

static size_t skip_byte_order_mark(const uint8_t *bytes, size_t len)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    return len >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0 ? sizeof mark : 0;
}

/* The length of one balanced JSON object at the start of the text, or 0. */
static size_t balanced_object(const uint8_t *text, size_t len)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '{') {
            depth++;
        } else if (text[i] == '}' && --depth == 0) {
            return i + 1;
        }
        if (depth == 0)
            return 0;
    }
    return 0;
}

/* A text has at least two bytes on its first line, all of them printable. */
static enum spipe_opening judge_text(const uint8_t *text, size_t len, bool is_end, size_t *ret_len)
{
    size_t object_len = balanced_object(text, len);
    size_t line_len = 0;
    while (line_len < len && text[line_len] != '\0' && text[line_len] != '\n') {
        bool is_json_space = object_len != 0 && line_len < object_len;
        if (!is_text_byte(text[line_len]) && !is_json_space)
            return SPIPE_OPENING_NO_PREFACE;
        line_len++;
    }
    bool has_end = line_len < len || object_len != 0 || is_end || len >= SPIPE_OPENING_TEXT_MAX;
    if (line_len <= 1 && (has_end || line_len < len))
        return SPIPE_OPENING_NO_PREFACE;
    if (!has_end)
        return SPIPE_OPENING_MORE;
    *ret_len = object_len != 0 ? object_len : line_len;
    return SPIPE_OPENING_TEXT;
}

enum spipe_opening spipe_opening_judge(const uint8_t *bytes, size_t len, bool is_end, size_t *ret_len)
{
    size_t common = len < SPIPE_PREFACE_LEN - 1 ? len : SPIPE_PREFACE_LEN - 1;
    *ret_len = 0;
    if (len == 0)
        return SPIPE_OPENING_MORE;
    if (memcmp(bytes, spipe_preface, common) == 0) {
        if (len >= SPIPE_PREFACE_LEN)
            return bytes[SPIPE_PREFACE_LEN - 1] == SPIPE_PROTOCOL_MAJOR ? SPIPE_OPENING_PROTOBUF
                                                                        : SPIPE_OPENING_OTHER_MAJOR;
        if (!is_end)
            return SPIPE_OPENING_MORE;
    }
    size_t mark = skip_byte_order_mark(bytes, len);
    enum spipe_opening verdict = judge_text(bytes + mark, len - mark, is_end, ret_len);
    if (verdict == SPIPE_OPENING_TEXT)
        *ret_len += mark;
    return verdict;
}
