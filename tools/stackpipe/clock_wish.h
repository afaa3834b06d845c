/* SPDX-License-Identifier: MIT */
/*
 * Which clock of a capture is to be shown: what --clock says; without it, the wall clock where the capture has one.
 */
#ifndef SPIPE_TOOL_CLOCK_WISH_H
#define SPIPE_TOOL_CLOCK_WISH_H

#include "options.h"

#include "viewer-stub/host/store.h"

/* Returns 0 and SPIPE_SOURCE_CPU or SPIPE_SOURCE_WALL; or an exit code, after having said what is wrong. */
int spipe_clock_wish_read(const struct spipe_options *options, const struct spipe_store *store,
                          enum spipe_source_kind *ret_kind);

#endif
