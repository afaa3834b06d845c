/* SPDX-License-Identifier: MIT */
/*
 * What was lost, in words.
 */
#ifndef SPIPE_TOOL_LOSSES_H
#define SPIPE_TOOL_LOSSES_H

#include "viewer-stub/host/summary.h"

#define SPIPE_LOSSES_MAX 160

/* "33959 lost (mostly: threads kept the signal blocked)"; `nothing` when nothing was lost. Returns `text`. */
char *spipe_losses_format(const struct spipe_summary *summary, const char *nothing, char text[SPIPE_LOSSES_MAX]);

/* A cause by the name that struct spipe_summary_drop has for it, such as "the ring was full". A static string. */
const char *spipe_losses_cause_words(const char *name);

#endif
