/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdint.h>

#define ALIGNMENT _Alignof(max_align_t)

void spipe_arena_init(struct spipe_arena *arena, void *memory, size_t capacity)
{
    arena->memory = memory;
    arena->capacity = capacity;
    spipe_arena_reset(arena);
}

void *spipe_arena_take(struct spipe_arena *arena, size_t size)
{
    /* The memory itself may start anywhere, so it is the address that gets aligned, not the offset. */
    size_t misfit = ((uintptr_t)arena->memory + arena->used) % ALIGNMENT;
    size_t padding = misfit != 0 ? ALIGNMENT - misfit : 0;
    size_t left = arena->limit - arena->used;
    if (arena->used > arena->limit || padding > left || size > left - padding) {
        return NULL;
    }
    void *taken = arena->memory + arena->used + padding;
    arena->used += padding + size;
    return taken;
}

void spipe_arena_reset(struct spipe_arena *arena)
{
    arena->used = 0;
    arena->limit = arena->capacity;
}
