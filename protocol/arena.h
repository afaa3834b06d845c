/* SPDX-License-Identifier: MIT */
/*
 * Bounded memory for one message at a time: taken once, handed out in order, given back all together.
 *
 * It holds what a decoded record points to, and the temporary structs that encoding needs. Not for several threads at
 * once. It calls nothing, so that it may be used where malloc may not.
 */
#ifndef SPIPE_PROTOCOL_ARENA_H
#define SPIPE_PROTOCOL_ARENA_H

#include <stddef.h>

struct spipe_arena {
    unsigned char *memory;  /* the caller's; the arena never frees it */
    size_t capacity;
    size_t limit;           /* at most `capacity`; spipe_decode_*() lowers it to a multiple of the message's length */
    size_t used;
};

/* Makes an arena of `capacity` bytes of the caller's memory, which must outlive it. */
void spipe_arena_init(struct spipe_arena *arena, void *memory, size_t capacity);

/* Returns `size` bytes aligned for any type, not cleared, or NULL when the limit would be exceeded. */
void *spipe_arena_take(struct spipe_arena *arena, size_t size);

/* Takes everything back; what was handed out is no longer valid. The limit is the capacity again. */
void spipe_arena_reset(struct spipe_arena *arena);

#endif
