/* SPDX-License-Identifier: MIT */
#include "opening.h"

#include "protocol/record.h"

#include <string.h>

static const uint8_t mark[] = {0xef, 0xbb, 0xbf};     /* UTF-8's byte order mark */

/* How far a JSON object has been followed. */
struct object {
    size_t depth;
    bool in_string;
    bool is_escaped;
};

static bool is_text_byte(uint8_t byte)
{
    return (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\r';
}

/* True when the byte is the brace that closes the object. */
static bool closes_object(struct object *object, uint8_t byte)
{
    if (object->in_string) {
        object->in_string = byte != '"' || object->is_escaped;
        object->is_escaped = byte == '\\' && !object->is_escaped;
    } else if (byte == '"') {
        object->in_string = true;
    } else if (byte == '{') {
        object->depth++;
    } else if (byte == '}') {
        object->depth--;
    }
    return object->depth == 0;
}

/* Each byte is looked at once and in order, and the first that decides does so: thus it does not matter what came
 * with it. A text has at least two bytes on its first line: `{` and a newline are also how a message of 123 bytes
 * begins. An object goes on over lines. */
static enum spipe_opening judge_text(const uint8_t *text, size_t len, bool is_end, size_t *ret_len)
{
    struct object object = {0, false, false};
    bool is_object = len > 0 && text[0] == '{';
    for (size_t i = 0; i < len; i++) {
        bool ends_line = text[i] == '\0' || text[i] == '\n';
        if ((ends_line && i <= 1) || (!ends_line && !is_text_byte(text[i])))
            return SPIPE_OPENING_NO_PREFACE;
        bool is_over = text[i] == '\0' || (ends_line && !is_object);
        *ret_len = is_over ? i : i + 1;
        if (is_over || (is_object && closes_object(&object, text[i])) || *ret_len == SPIPE_OPENING_TEXT_MAX)
            return SPIPE_OPENING_TEXT;
    }
    if (!is_end)
        return SPIPE_OPENING_MORE;
    *ret_len = len;
    return len <= 1 ? SPIPE_OPENING_NO_PREFACE : SPIPE_OPENING_TEXT;
}

enum spipe_opening spipe_opening_judge(const uint8_t *bytes, size_t len, bool is_end, size_t *ret_len)
{
    size_t common = len < SPIPE_PREFACE_LEN - 1 ? len : SPIPE_PREFACE_LEN - 1;
    size_t skipped = len < sizeof mark ? len : sizeof mark;
    size_t text_len = 0;
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
    if (memcmp(bytes, mark, skipped) != 0)
        skipped = 0;
    enum spipe_opening verdict = judge_text(bytes + skipped, len - skipped, is_end, &text_len);
    if (verdict == SPIPE_OPENING_TEXT)
        *ret_len = text_len + skipped;
    return verdict;
}
