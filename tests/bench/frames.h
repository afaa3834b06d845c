/* SPDX-License-Identifier: MIT */
/*
 * Stacks to be sampled: calls through functions of different frame sizes, in a library of their own and built as stock
 * programs are, without frame pointers.
 */
#ifndef SPIPE_BENCH_FRAMES_H
#define SPIPE_BENCH_FRAMES_H

#include <stdint.h>

/* Calls `bottom` from below `depth` (1 or more) functions. `path` chooses which functions those are. */
uint32_t frames_descend(unsigned depth, uint64_t path, void (*bottom)(void *), void *argument);

#endif
