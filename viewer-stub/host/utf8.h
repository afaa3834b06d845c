/* SPDX-License-Identifier: MIT */
/* Texts from outside made fit to print: names of symbols, files and threads can hold any byte. Any thread may call. */
#ifndef SPIPE_HOST_UTF8_H
#define SPIPE_HOST_UTF8_H

#include <stddef.h>

/* How many of the bytes at `text` (at least one, `len` are there) form one well-formed character; 0 when they form
 * none. */
size_t spipe_utf8_character(const char *text, size_t len);

/* The greatest length of at most `len` that does not cut a character in the middle. */
size_t spipe_utf8_cut(const char *text, size_t len);

/* Replaces control characters and bytes that are not part of a well-formed character by '?', in place. */
void spipe_utf8_clean(char *text, size_t len);

#endif
