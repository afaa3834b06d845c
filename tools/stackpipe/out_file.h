/* SPDX-License-Identifier: MIT */
/*
 * A result's file that appears when it is whole: until then what was there before stays.
 */
#ifndef SPIPE_TOOL_OUT_FILE_H
#define SPIPE_TOOL_OUT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

struct spipe_out_file {
    FILE *stream;
    char path[PATH_MAX];
    char part[PATH_MAX]; /* what is written until it is whole; "": the path itself, because it is a device or a pipe */
    bool is_stdout;
};

/* Opens it; "-" is standard output. SPIPE_E_SYSTEM, with errno: it cannot be written. */
int spipe_out_file_open(struct spipe_out_file *file, const char *path);

/* Closes it and, when `keep` is set and all was written, puts it in its place. SPIPE_E_SYSTEM, with errno: it could not
 * be. */
int spipe_out_file_close(struct spipe_out_file *file, bool keep);

#endif
