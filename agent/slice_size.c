/* SPDX-License-Identifier: MIT */
#include "slice_size.h"

/* More than one stack in a thousand may not be cut, and a few are no proof. */
#define CUT_FEW 3u
#define CUT_SHARE 1000u
#define PATIENCE_FIRST 500u
#define PATIENCE_MOST 50000u
/* What was longer ago is no measure. */
#define WINDOW 100000u
/* A size has room for stacks twice as deep as those that were seen. */
#define HEADROOM 2u

uint32_t spipe_slice_size_above(uint32_t bytes)
{
    return bytes * 2 > SPIPE_SLICE_SIZE_MOST ? SPIPE_SLICE_SIZE_MOST : bytes * 2;
}

uint32_t spipe_slice_size_below(uint32_t bytes)
{
    uint32_t size = SPIPE_SLICE_SIZE_LEAST;
    while (size * 2 < bytes)
        size *= 2;
    return size;
}

void spipe_slice_size_init(struct spipe_slice_size *size, uint32_t bytes, uint32_t most_bytes)
{
    *size = (struct spipe_slice_size){.bytes = bytes, .most_bytes = most_bytes, .patience = PATIENCE_FIRST};
}

static void start_window(struct spipe_slice_size *size)
{
    size->taken = 0;
    size->cut = 0;
    size->deepest = 0;
}

void spipe_slice_size_note(struct spipe_slice_size *size, uint32_t needed_bytes, bool is_cut)
{
    if (size->taken == WINDOW)
        start_window(size);
    size->taken++;
    size->cut += is_cut;
    if (needed_bytes > size->deepest)
        size->deepest = needed_bytes;
}

static bool is_too_small(const struct spipe_slice_size *size)
{
    return size->cut >= CUT_FEW && size->cut > size->taken / CUT_SHARE;
}

uint32_t spipe_slice_size_wanted(const struct spipe_slice_size *size)
{
    if (is_too_small(size))
        return size->bytes < size->most_bytes ? spipe_slice_size_above(size->bytes) : 0;
    if (size->taken < size->patience || size->cut > 0)
        return size->bytes;
    uint32_t wanted = size->bytes;
    while (wanted > SPIPE_SLICE_SIZE_LEAST && spipe_slice_size_below(wanted) >= size->deepest * HEADROOM)
        wanted = spipe_slice_size_below(wanted);
    return wanted;
}

/* After stacks were cut, a smaller size has to wait for ten times as long. */
void spipe_slice_size_set(struct spipe_slice_size *size, uint32_t bytes)
{
    if (bytes > size->bytes)
        size->patience = size->patience * 10 > PATIENCE_MOST ? PATIENCE_MOST : size->patience * 10;
    size->bytes = bytes;
    start_window(size);
}
