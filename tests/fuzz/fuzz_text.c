/* SPDX-License-Identifier: MIT */
/*
 * Names of threads, files and functions may hold any byte. Whatever they hold, they go out as UTF-8, print without a
 * control character, and stand in JSON as one text.
 */
#include "protocol/arena.h"
#include "protocol/wire_text.h"
#include "tools/stackpipe/plain_text.h"
#include "viewer-stub/host/json.h"
#include "viewer-stub/host/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_utf8(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t step = spipe_utf8_character(text + at, len - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static void check_wire(const char *text)
{
    size_t len = strlen(text);
    char *memory = malloc(len + 64);
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, len + 64);
    const char *clean = spipe_wire_text_clean(text, &arena);
    require(clean != NULL && strlen(clean) == len && is_utf8(clean, len));
    free(memory);
}

static void check_utf8(const char *text, size_t len)
{
    char *copy = malloc(len + 1);
    memcpy(copy, text, len + 1);
    for (size_t most = 0; most <= len && most < 8; most++)
        require(spipe_utf8_cut(text, len - most) <= len - most);
    spipe_utf8_clean(copy, len);
    require(is_utf8(copy, len));
    free(copy);
}

/* The quotes at both ends are the only ones that nothing escapes. */
static void check_json(const char *text, size_t len)
{
    char *out = NULL;
    size_t out_len = 0;
    FILE *stream = open_memstream(&out, &out_len);
    struct spipe_json json;
    spipe_json_init(&json, stream, false);
    spipe_json_text_len(&json, text, len);
    fclose(stream);
    while (out_len > 0 && out[out_len - 1] == '\n')
        out_len--;
    require(out_len >= 2 && out[0] == '"' && out[out_len - 1] == '"' && is_utf8(out, out_len));
    for (size_t i = 1; i < out_len - 1; i++) {
        require((unsigned char)out[i] >= 0x20 && out[i] != '"');
        i += out[i] == '\\';
    }
    free(out);
}

static void check_plain(const char *text)
{
    char *out = NULL;
    size_t out_len = 0;
    FILE *stream = open_memstream(&out, &out_len);
    spipe_plain_text_write(text, stream);
    fclose(stream);
    for (size_t i = 0; i < out_len; i++)
        require((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    check_wire(text);
    check_utf8(text, strlen(text));
    check_json(text, size);
    check_plain(text);
    free(text);
    return 0;
}
