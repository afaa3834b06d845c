/* SPDX-License-Identifier: MIT */
/*
 * Keeps the agent's descriptors and the program's apart. The pump gets a descriptor table of its own, so the program
 * neither sees, closes nor inherits what the pump opens. Where the kernel refuses (before 5.9), the pipe's descriptors
 * are moved high up and checked before each use. Pump only.
 */
#ifndef SPIPE_AGENT_DESCRIPTORS_H
#define SPIPE_AGENT_DESCRIPTORS_H

#include "protocol/pipe.h"

#include <stdbool.h>

/* The pump's first act. Descriptors that the endpoint names are kept. False when the program's table stays shared. */
bool spipe_descriptors_hide(const struct spipe_endpoint *endpoint);

/* Notes the pipe's descriptors once it is connected. */
void spipe_descriptors_note(struct spipe_pipe *pipe);

/* False when the program has closed one of them, and perhaps has something else there by now: then they must not be
 * used, nor closed. */
bool spipe_descriptors_are_ours(const struct spipe_pipe *pipe);

/* In a forked child, which has copies of what was in a shared table: closes them. */
void spipe_descriptors_fork(const struct spipe_pipe *pipe);

#endif
