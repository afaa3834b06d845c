/* SPDX-License-Identifier: MIT */
/*
 * How large the slices of stacks are to be that the kernel copies: large enough that hardly a stack is cut, and no
 * larger than that for long, since each byte is copied for each sample and fills the ring. No system calls.
 */
#ifndef SPIPE_AGENT_SLICE_SIZE_H
#define SPIPE_AGENT_SLICE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* What the kernel takes at the most is a little less than 64 KiB. */
#define SPIPE_SLICE_SIZE_LEAST (4u * 1024u)
#define SPIPE_SLICE_SIZE_MOST (64u * 1024u - 8u)

struct spipe_slice_size {
    uint32_t bytes;             /* as they are now */
    uint32_t most_bytes;        /* that the rings have room for */
    uint32_t taken;             /* since they are so, or in the present window */
    uint32_t cut;
    uint32_t deepest;           /* bytes of stack that were needed */
    uint32_t patience;          /* stacks before a smaller size is thought of */
};

void spipe_slice_size_init(struct spipe_slice_size *size, uint32_t bytes, uint32_t most_bytes);

/* A stack was walked that needed so many bytes, or more than there were. */
void spipe_slice_size_note(struct spipe_slice_size *size, uint32_t needed_bytes, bool is_cut);

/* The size that would be right; 0 when none is large enough. Changing it is up to spipe_slice_size_set(). */
uint32_t spipe_slice_size_wanted(const struct spipe_slice_size *size);

void spipe_slice_size_set(struct spipe_slice_size *size, uint32_t bytes);

/* The next larger and smaller size; the same at the ends. */
uint32_t spipe_slice_size_above(uint32_t bytes);
uint32_t spipe_slice_size_below(uint32_t bytes);

#endif
