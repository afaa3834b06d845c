/* SPDX-License-Identifier: MIT */
/*
 * A ring of raw samples between one sampled thread and the pump.
 *
 * Reserving and committing are safe inside a signal handler: no locks, no allocation, no call outside the agent. There
 * is one producer, the sampled thread, and one consumer, the pump. When there is no room the producer gets NULL and
 * counts the loss; nothing already committed is ever overwritten.
 */
#ifndef SPIPE_AGENT_RING_H
#define SPIPE_AGENT_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum spipe_raw_kind {
    SPIPE_RAW_SKIP = 0,     /* nothing: the rest of the ring's memory up to its end */
    SPIPE_RAW_WALKED = 1,   /* `address` holds the stack */
    SPIPE_RAW_SLICE = 2,    /* the stack is still to be walked, from the slice */
    SPIPE_RAW_AUDITED = 3,  /* as WALKED, and the slice is of the same stack, for the host to walk again */
    SPIPE_RAW_LAST = 4      /* as WALKED, but how much it stands for is still to be found out */
};

/* As the handler leaves it; `size` counts all bytes of it and is a multiple of 8. */
struct spipe_raw_sample {
    uint32_t size;
    uint8_t kind;
    uint8_t end;            /* enum spipe_walk_end */
    uint16_t slice;         /* SPIPE_RAW_SLICE and SPIPE_RAW_AUDITED: its index */
    uint64_t time_ns;       /* CLOCK_MONOTONIC */
    uint32_t weight;        /* in periods */
    uint32_t depth;         /* entries of `address` */
    uint32_t generation;    /* of the code map it was walked with */
    uint32_t stack_unknown; /* not 0: the thread's stack is not known yet, and address[1] and [2] are its stack and thread pointer */
    uint64_t address[];     /* leaf first; callers point into the calling instruction */
};

struct spipe_ring {
    unsigned char *bytes;
    uint32_t size;          /* a power of two */
    uint32_t reserved;      /* where the reserved sample begins; sampled thread only */
    _Atomic uint32_t head;  /* bytes ever committed; written by the sampled thread */
    _Atomic uint32_t tail;  /* bytes ever consumed; written by the pump */
};

/* `bytes` (8-aligned) stays the caller's; `size` is a power of two. */
void spipe_ring_init(struct spipe_ring *ring, void *bytes, uint32_t size);

/* Reserves room for a sample of up to `max_depth` addresses, to be filled in place; NULL when there is none. At most
 * one at a time. */
struct spipe_raw_sample *spipe_ring_reserve(struct spipe_ring *ring, uint32_t max_depth);

/* Gives back the room that sample->depth does not need, and shows the sample to the pump. */
void spipe_ring_commit(struct spipe_ring *ring, struct spipe_raw_sample *sample);

/* The oldest sample, or NULL. Pump only; valid until spipe_ring_consume(). */
const struct spipe_raw_sample *spipe_ring_peek(struct spipe_ring *ring);

/* Frees the room of the sample that spipe_ring_peek() returned. */
void spipe_ring_consume(struct spipe_ring *ring, const struct spipe_raw_sample *sample);

/* Bytes that wait for the pump. */
uint32_t spipe_ring_fill(const struct spipe_ring *ring);

#endif
