/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs as text: for a terminal, as man pages, and as a completion for bash.
 */
#ifndef SPIPE_TOOL_HELP_H
#define SPIPE_TOOL_HELP_H

#include "verbs.h"

#include <stdio.h>

/* The usage in one paragraph, begun with "usage:". */
void spipe_help_write_usage(const struct spipe_verb *verb, FILE *stream);

/* All there is to say about a verb. */
void spipe_help_write_verb(const struct spipe_verb *verb, FILE *stream);

/* What the command is for, and its verbs, a line each. */
void spipe_help_write_overview(FILE *stream);

/* A verb's manual page, or with NULL the command's own, as roff with the man macros. */
void spipe_man_write(const struct spipe_verb *verb, const char *version, FILE *stream);

/* A completion script for bash. */
void spipe_completion_write(FILE *stream);

#endif
