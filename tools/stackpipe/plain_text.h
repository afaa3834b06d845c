/* SPDX-License-Identifier: MIT */
/*
 * Foreign texts and numbers in a form that is fit for a terminal.
 *
 * Names come from the profiled program, so that they may hold anything: control characters, which terminals obey, are
 * shown as '?'.
 */
#ifndef SPIPE_TOOL_PLAIN_TEXT_H
#define SPIPE_TOOL_PLAIN_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Writes `text`, each control character (C0, DEL, C1) as '?'. */
void spipe_plain_text_write(const char *text, FILE *stream);

/* Writes `text` broken between words into lines of at most `width` columns, each begun with `indent` spaces. */
void spipe_plain_text_wrap(const char *text, int indent, int width, FILE *stream);

/* Room for any number that is written by the functions below. */
#define SPIPE_PLAIN_NUMBER_MAX 40

/* A duration for people: "831 ns", "12.4 ms", "3.21 s". Returns `text`. */
char *spipe_plain_text_duration(uint64_t duration_ns, char text[SPIPE_PLAIN_NUMBER_MAX]);

/* A size for people: "512 bytes", "3.4 KiB", "17.0 MiB". Returns `text`. */
char *spipe_plain_text_size(uint64_t bytes, char text[SPIPE_PLAIN_NUMBER_MAX]);

/* `part` of `whole` in percent; 0 when `whole` is 0. */
double spipe_plain_text_percent(uint64_t part, uint64_t whole);

/* "sample" or "samples": `word` with an s unless `count` is 1. Returns `text`. */
char *spipe_plain_text_count(uint64_t count, const char *word, char text[SPIPE_PLAIN_NUMBER_MAX]);

#endif
