/* SPDX-License-Identifier: MIT */
/* Whether a text is JSON, by the grammar of RFC 8259. For tests of what is written as JSON. */
#ifndef SPIPE_TESTS_JSON_LINES_H
#define SPIPE_TESTS_JSON_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* True for one whole JSON value and nothing else, in well-formed UTF-8. */
bool json_is_value(const char *text, size_t len);

/* True when the text is lines, each ended by a newline and each one JSON value; counts them. */
bool json_is_lines(const char *text, size_t len, size_t *ret_count);

#endif
