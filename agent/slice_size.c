/* SPDX-License-Identifier: MIT */
#include "slice_size.h"

/* More than one stack in a thousand may not be cut. Of the largest size a few more are no proof yet. */
#define CUT_FEW 3u
#define CUT_SHARE 1000u
#define LOST_SHARE 1000u
#define PATIENCE_FIRST 500u
#define PATIENCE_MOST 50000u
/* What was longer ago is no measure. */
#define WINDOW 100000u
/* A size has room for stacks twice as deep as those that were seen. */
#define HEADROOM 2u

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
    size->lost = 0;
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

void spipe_slice_size_note_lost(struct spipe_slice_size *size, uint64_t count)
{
    size->lost += count > WINDOW ? WINDOW : (uint32_t)count;
}

/* With room for stacks that deep. */
static uint32_t smallest_for(const struct spipe_slice_size *size, uint32_t bytes)
{
    uint32_t smallest = size->bytes;
    while (smallest > SPIPE_SLICE_SIZE_LEAST && spipe_slice_size_below(smallest) >= bytes)
        smallest = spipe_slice_size_below(smallest);
    return smallest;
}

/* A ring that was full holds more samples when they are smaller. */
static uint32_t wanted_after_loss(const struct spipe_slice_size *size)
{
    uint32_t smallest = smallest_for(size, size->deepest);
    if (smallest < size->bytes)
        return smallest;
    return size->lost > (size->taken + size->lost) / LOST_SHARE ? 0 : size->bytes;
}

static bool is_too_small(const struct spipe_slice_size *size)
{
    bool is_proof = size->bytes < size->most_bytes || size->cut >= CUT_FEW;
    return is_proof && size->cut > size->taken / CUT_SHARE;
}

uint32_t spipe_slice_size_wanted(const struct spipe_slice_size *size)
{
    if (is_too_small(size))
        return size->bytes < size->most_bytes ? size->most_bytes : 0;   /* how deep they are is not known */
    if (size->lost > 0 && size->taken > 0)
        return wanted_after_loss(size);
    if (size->taken < size->patience || size->cut > 0)
        return size->bytes;
    return smallest_for(size, size->deepest * HEADROOM);
}

bool spipe_slice_size_is_settled(const struct spipe_slice_size *size)
{
    return size->taken >= size->patience || size->patience > PATIENCE_FIRST;
}

/* After stacks were cut, a smaller size has to wait for ten times as long. */
void spipe_slice_size_set(struct spipe_slice_size *size, uint32_t bytes)
{
    if (bytes > size->bytes)
        size->patience = size->patience * 10 > PATIENCE_MOST ? PATIENCE_MOST : size->patience * 10;
    size->bytes = bytes;
    start_window(size);
}
