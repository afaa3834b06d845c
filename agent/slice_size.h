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
    uint32_t lost;              /* samples that found the ring full */
    uint32_t deepest;           /* bytes of stack that were needed */
    uint32_t patience;          /* stacks before a smaller size is thought of */
};

void spipe_slice_size_init(struct spipe_slice_size *size, uint32_t bytes, uint32_t most_bytes);

/* A stack was walked that needed so many bytes, or more than there were. */
void spipe_slice_size_note(struct spipe_slice_size *size, uint32_t needed_bytes, bool is_cut);

/* So many samples found the ring full. */
void spipe_slice_size_note_lost(struct spipe_slice_size *size, uint64_t count);

/* The size that would be right; 0 when none is: stacks are too deep, or samples are lost with the smallest size that they fit. Changing it is up to spipe_slice_size_set(). */
uint32_t spipe_slice_size_wanted(const struct spipe_slice_size *size);

void spipe_slice_size_set(struct spipe_slice_size *size, uint32_t bytes);

/* The next smaller size, or the smallest. */
uint32_t spipe_slice_size_below(uint32_t bytes);

/* False while too little is known of the program. */
bool spipe_slice_size_is_settled(const struct spipe_slice_size *size);

#endif
