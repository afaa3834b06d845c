/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

static void begin_line(const struct spipe_json *json)
{
    if (json->pretty) {
        fprintf(json->stream, "\n%*s", json->depth * 2, "");
    }
}

/* What stands before a value or a key: a comma after the one before, and a new line. */
static void begin_member(struct spipe_json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->depth == 0) {
        return;
    }
    if (json->has_members[json->depth - 1]) {
        fputs(json->pretty ? "," : ", ", json->stream);
    }
    json->has_members[json->depth - 1] = true;
    begin_line(json);
}

static void begin_group(struct spipe_json *json, char bracket)
{
    begin_member(json);
    assert(json->depth < SPIPE_JSON_DEPTH_MAX);
    putc(bracket, json->stream);
    json->has_members[json->depth++] = false;
}

static void end_group(struct spipe_json *json, char bracket)
{
    bool has_members = json->has_members[--json->depth];
    if (has_members) {
        begin_line(json);
    }
    putc(bracket, json->stream);
}

/* A sequence of two bytes that terminals obey: U+0080 to U+009F. */
static bool is_high_control(const unsigned char *text)
{
    return text[0] == 0xc2 && text[1] < 0xa0;
}

/* The length of the UTF-8 sequence that begins here, 0 when it is none: overlong forms and surrogates are not. */
static size_t sequence_len(const unsigned char *text, size_t len)
{
    size_t need = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (text[0] >= 0xf5 || (text[0] >= 0x80 && text[0] < 0xc2) || need > len) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90)) {
        return 0;
    }
    return need;
}

static void write_escaped(FILE *stream, unsigned char byte)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if ((unsigned char)named[i] == byte) {
            fprintf(stream, "\\%c", named[i + 1]);
            return;
        }
    }
    fprintf(stream, "\\u%04x", byte);
}

static void write_text(FILE *stream, const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    putc('"', stream);
    for (size_t at = 0; at < len;) {
        size_t sequence = sequence_len(bytes + at, len - at);
        if (sequence == 0) {
            fputs(REPLACEMENT, stream);
            at++;
        } else if (bytes[at] < 0x20 || bytes[at] == '"' || bytes[at] == '\\' || bytes[at] == 0x7f) {
            write_escaped(stream, bytes[at]);
            at++;
        } else if (sequence == 2 && is_high_control(bytes + at)) {
            write_escaped(stream, bytes[at + 1]);
            at += sequence;
        } else {
            fwrite(bytes + at, 1, sequence, stream);
            at += sequence;
        }
    }
    putc('"', stream);
}

void spipe_json_init(struct spipe_json *json, FILE *stream, bool pretty)
{
    *json = (struct spipe_json){.stream = stream, .pretty = pretty};
}

void spipe_json_begin_object(struct spipe_json *json)
{
    begin_group(json, '{');
}

void spipe_json_end_object(struct spipe_json *json)
{
    end_group(json, '}');
}

void spipe_json_begin_array(struct spipe_json *json)
{
    begin_group(json, '[');
}

void spipe_json_end_array(struct spipe_json *json)
{
    end_group(json, ']');
}

void spipe_json_key(struct spipe_json *json, const char *key)
{
    begin_member(json);
    write_text(json->stream, key, strlen(key));
    fputs(": ", json->stream);
    json->after_key = true;
}

void spipe_json_text(struct spipe_json *json, const char *text)
{
    spipe_json_text_len(json, text, strlen(text));
}

void spipe_json_text_len(struct spipe_json *json, const char *text, size_t len)
{
    begin_member(json);
    write_text(json->stream, text, len);
}

void spipe_json_hex(struct spipe_json *json, const uint8_t *bytes, size_t len)
{
    begin_member(json);
    putc('"', json->stream);
    for (size_t i = 0; i < len; i++) {
        fprintf(json->stream, "%02x", bytes[i]);
    }
    putc('"', json->stream);
}

void spipe_json_unsigned(struct spipe_json *json, uint64_t number)
{
    begin_member(json);
    fprintf(json->stream, "%" PRIu64, number);
}

void spipe_json_signed(struct spipe_json *json, int64_t number)
{
    begin_member(json);
    fprintf(json->stream, "%" PRId64, number);
}

void spipe_json_real(struct spipe_json *json, double number)
{
    char text[64];
    begin_member(json);
    if (!isfinite(number)) {
        fputs("null", json->stream);
        return;
    }
    snprintf(text, sizeof text, "%.10g", number);
    char *comma = strchr(text, ','); /* the decimal point of some locales */
    if (comma != NULL) {
        *comma = '.';
    }
    fputs(text, json->stream);
}

void spipe_json_bool(struct spipe_json *json, bool value)
{
    begin_member(json);
    fputs(value ? "true" : "false", json->stream);
}

void spipe_json_null(struct spipe_json *json)
{
    begin_member(json);
    fputs("null", json->stream);
}

void spipe_json_member_text(struct spipe_json *json, const char *key, const char *text)
{
    spipe_json_key(json, key);
    spipe_json_text(json, text);
}

void spipe_json_member_unsigned(struct spipe_json *json, const char *key, uint64_t number)
{
    spipe_json_key(json, key);
    spipe_json_unsigned(json, number);
}

void spipe_json_member_real(struct spipe_json *json, const char *key, double number)
{
    spipe_json_key(json, key);
    spipe_json_real(json, number);
}

void spipe_json_member_bool(struct spipe_json *json, const char *key, bool value)
{
    spipe_json_key(json, key);
    spipe_json_bool(json, value);
}
