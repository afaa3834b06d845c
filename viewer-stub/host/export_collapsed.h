/* SPDX-License-Identifier: MIT */
/*
 * Collapsed stacks: the text that flamegraph.pl, speedscope, inferno and others read.
 *
 * One line for each stack: the names from the thread's and the outermost function's to the innermost one's, joined by
 * ';', then a space and the stack's CPU time in whole nanoseconds, so that the sum over all lines is exactly that of
 * the samples. Lines are sorted by their bytes and each stack stands once. In names, ';' becomes ':' and control
 * characters become '?'.
 */
#ifndef SPIPE_HOST_EXPORT_COLLAPSED_H
#define SPIPE_HOST_EXPORT_COLLAPSED_H

#include "export_stacks.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the wanted samples; `options` may be NULL for all. Errors of the stream stay in the stream (ferror).
 * SPIPE_E_NOT_FOUND: no thread is called so; SPIPE_E_NO_MEMORY; SPIPE_E_LIMIT. */
SPIPE_HOST_API int spipe_export_collapsed(const struct spipe_store *store, struct spipe_symbols *symbols,
                                          const struct spipe_export_options *options, FILE *stream);

#ifdef __cplusplus
}
#endif

#endif
