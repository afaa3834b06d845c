/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON to a stream: commas, quotes and indentation are seen to.
 *
 * Inside an object each value is preceded by spipe_json_key(). Texts may hold any bytes: control characters are
 * escaped, and what is no UTF-8 becomes U+FFFD. Numbers are plain; those that are not finite become null. Errors of the
 * stream stay in the stream (ferror).
 */
#ifndef SPIPE_HOST_JSON_H
#define SPIPE_HOST_JSON_H

#include "host_api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPIPE_JSON_DEPTH_MAX 32

struct spipe_json {
    FILE *stream;
    bool pretty; /* one member a line; else all in one line */
    int depth;
    bool has_members[SPIPE_JSON_DEPTH_MAX];
    bool after_key;
};

SPIPE_HOST_API void spipe_json_init(struct spipe_json *json, FILE *stream, bool pretty);
SPIPE_HOST_API void spipe_json_begin_object(struct spipe_json *json);
SPIPE_HOST_API void spipe_json_end_object(struct spipe_json *json);
SPIPE_HOST_API void spipe_json_begin_array(struct spipe_json *json);
SPIPE_HOST_API void spipe_json_end_array(struct spipe_json *json);
SPIPE_HOST_API void spipe_json_key(struct spipe_json *json, const char *key);
SPIPE_HOST_API void spipe_json_text(struct spipe_json *json, const char *text);
SPIPE_HOST_API void spipe_json_text_len(struct spipe_json *json, const char *text, size_t len);
SPIPE_HOST_API void spipe_json_hex(struct spipe_json *json, const uint8_t *bytes, size_t len);
SPIPE_HOST_API void spipe_json_unsigned(struct spipe_json *json, uint64_t number);
SPIPE_HOST_API void spipe_json_signed(struct spipe_json *json, int64_t number);
SPIPE_HOST_API void spipe_json_real(struct spipe_json *json, double number);
SPIPE_HOST_API void spipe_json_bool(struct spipe_json *json, bool value);
SPIPE_HOST_API void spipe_json_null(struct spipe_json *json);

/* A key and its value in one call. */
SPIPE_HOST_API void spipe_json_member_text(struct spipe_json *json, const char *key, const char *text);
SPIPE_HOST_API void spipe_json_member_unsigned(struct spipe_json *json, const char *key, uint64_t number);
SPIPE_HOST_API void spipe_json_member_real(struct spipe_json *json, const char *key, double number);
SPIPE_HOST_API void spipe_json_member_bool(struct spipe_json *json, const char *key, bool value);

#ifdef __cplusplus
}
#endif

#endif
