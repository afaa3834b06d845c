/* SPDX-License-Identifier: MIT */
/*
 * What the tables of a report share: names in a column, images by their file, times in milliseconds.
 */
#ifndef SPIPE_TOOL_REPORT_COLUMNS_H
#define SPIPE_TOOL_REPORT_COLUMNS_H

#include <stdint.h>
#include <stdio.h>

/* The width of a column that is `width` wide so far, with `text` in it. Texts beyond a limit push the rest of their line
 * to the right instead of all lines. */
int spipe_report_columns_widen(int width, const char *text);

/* Writes a text and blanks up to the column's width. */
void spipe_report_columns_pad(const char *text, int width, FILE *stream);

/* Writes the last part of an image's path. */
void spipe_report_columns_image(const char *path, FILE *stream);

double spipe_report_columns_ms(uint64_t duration_ns);

#endif
