/* SPDX-License-Identifier: MIT */
/*
 * Copies of a stack's upper part with the registers, for stacks that the handler could not walk because a table was not
 * there yet, and for those that the host is to walk again. A small pool, taken at start: the pump walks or sends them in
 * its next round.
 */
#ifndef SPIPE_AGENT_SLICE_H
#define SPIPE_AGENT_SLICE_H

#include "unwind.h"

#include <stdint.h>

#define SPIPE_SLICE_COUNT 384u
#define SPIPE_SLICE_BYTES (64u * 1024u)
#define SPIPE_SLICE_NONE 0xffffu

struct spipe_slice {
    struct spipe_registers registers;
    uint64_t low;               /* the stack address of bytes[0] */
    uint32_t len;
    uint32_t is_cut;            /* the stack goes on above what was copied */
    unsigned char bytes[SPIPE_SLICE_BYTES];
};

/* The pool: SPIPE_SLICE_COUNT slices of zeros, taken at start and set before any handler runs. */
extern struct spipe_slice *spipe_slice_pool;

/* Copies [low, high) or as much of it as fits. Returns the slice's index, or SPIPE_SLICE_NONE. Handler-safe. */
uint16_t spipe_slice_take(const struct spipe_registers *registers, uint64_t low, uint64_t high);

const struct spipe_slice *spipe_slice_get(uint16_t index);

/* Pump only. */
void spipe_slice_release(uint16_t index);

#endif
