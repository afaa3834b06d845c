/* SPDX-License-Identifier: MIT */
/*
 * One HTML file that holds a whole profile: an interactive flame graph, a table of functions, and the ledger.
 *
 * The file needs nothing but a browser: it loads nothing from anywhere, and its own rules forbid it to. All names from
 * the profile are data in it, never markup. The state of the view is in its address
 * (#search=name&reverse=1&threads=tid,tid&states=running,waiting&tab=functions), so that a view can be passed on.
 */
#ifndef SPIPE_HOST_EXPORT_HTML_H
#define SPIPE_HOST_EXPORT_HTML_H

#include "capture.h"
#include "export_stacks.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the page for the wanted samples; `options` may be NULL for all. `end` says how the capture ended and may be
 * NULL. The ledger and the header tell of the whole capture, whatever is wanted, and the page says what was left out.
 * Errors of the stream stay in the stream (ferror). SPIPE_E_NOT_FOUND: no thread is called so; SPIPE_E_NO_MEMORY;
 * SPIPE_E_LIMIT. */
SPIPE_HOST_API int spipe_export_html(const struct spipe_store *store, struct spipe_symbols *symbols,
                                     const struct spipe_export_options *options, const struct spipe_capture_end *end,
                                     FILE *stream);

#ifdef __cplusplus
}
#endif

#endif
