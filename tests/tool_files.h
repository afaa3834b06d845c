/* SPDX-License-Identifier: MIT */
/*
 * A folder for one test's files, which goes away with it, and a few things to do with files.
 */
#ifndef SPIPE_TESTS_TOOL_FILES_H
#define SPIPE_TESTS_TOOL_FILES_H

#include <stddef.h>

/* cmocka's setup and teardown: `*state` is the folder's path. */
int tool_files_setup(void **state);
int tool_files_teardown(void **state);

/* The path of a file in the folder; valid until the fourth next call. */
const char *tool_files_path(void **state, const char *name);

/* Writes a file with that content and mode. */
void tool_files_write(const char *path, const void *bytes, size_t len, unsigned mode);

/* Reads a whole file, a NUL after it; free it. NULL when there is none. */
char *tool_files_read(const char *path, size_t *ret_len);

#endif
