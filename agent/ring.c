/* SPDX-License-Identifier: MIT */
#include "ring.h"

static uint32_t sample_size(uint32_t depth)
{
    return (uint32_t)sizeof(struct spipe_raw_sample) + depth * 8u;
}

static struct spipe_raw_sample *sample_at(const struct spipe_ring *ring, uint32_t position)
{
    return (struct spipe_raw_sample *)(void *)(ring->bytes + (position & (ring->size - 1)));
}

void spipe_ring_init(struct spipe_ring *ring, void *bytes, uint32_t size)
{
    ring->bytes = bytes;
    ring->size = size;
    ring->reserved = 0;
    atomic_store_explicit(&ring->head, 0, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, 0, memory_order_relaxed);
}

struct spipe_raw_sample *spipe_ring_reserve(struct spipe_ring *ring, uint32_t max_depth)
{
    uint32_t need = sample_size(max_depth);
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    uint32_t free_bytes = ring->size - (head - tail);
    uint32_t to_end = ring->size - (head & (ring->size - 1));
    uint32_t skip = need > to_end ? to_end : 0;

    if (need > ring->size / 2 || free_bytes < skip || free_bytes - skip < need)
        return NULL;
    if (skip != 0) {
        /* A sample is never split: the pump steps over the ring's end. Positions are multiples of 8, so a size fits. */
        struct spipe_raw_sample *rest = sample_at(ring, head);
        rest->size = skip;
        rest->kind = SPIPE_RAW_SKIP;
    }
    ring->reserved = head + skip;
    return sample_at(ring, ring->reserved);
}

void spipe_ring_commit(struct spipe_ring *ring, struct spipe_raw_sample *sample)
{
    sample->size = sample_size(sample->depth);
    atomic_store_explicit(&ring->head, ring->reserved + sample->size, memory_order_release);
}

const struct spipe_raw_sample *spipe_ring_peek(struct spipe_ring *ring)
{
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    while (tail != head) {
        const struct spipe_raw_sample *sample = sample_at(ring, tail);
        if (sample->kind != SPIPE_RAW_SKIP)
            return sample;
        tail += sample->size;
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return NULL;
}

void spipe_ring_consume(struct spipe_ring *ring, const struct spipe_raw_sample *sample)
{
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + sample->size, memory_order_release);
}

uint32_t spipe_ring_fill(const struct spipe_ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_acquire) -
           atomic_load_explicit(&ring->tail, memory_order_relaxed);
}
