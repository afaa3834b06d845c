/* SPDX-License-Identifier: MIT */
/* The handler's part of slot.h: no call of any kind. */
#include "slot_pool.h"

struct spipe_slot *spipe_slot_pool;

_Static_assert(sizeof(struct spipe_slot) % SPIPE_SLOT_ALIGNMENT == 0, "slots must keep their alignment in the pool");

struct spipe_slot *spipe_slot_from_signal(const void *value)
{
    uint64_t address = (uint64_t)(uintptr_t)value;
    uint64_t first = (uint64_t)(uintptr_t)spipe_slot_pool;
    uint64_t offset = (address & ~(uint64_t)(SPIPE_SLOT_ALIGNMENT - 1)) - first;
    if (first == 0 || offset >= sizeof(struct spipe_slot) * SPIPE_SLOT_COUNT || offset % sizeof(struct spipe_slot) != 0)
        return NULL;
    return &spipe_slot_pool[offset / sizeof(struct spipe_slot)];
}

struct spipe_slot *spipe_slot_get(uint32_t index)
{
    return &spipe_slot_pool[index];
}

void *spipe_slot_signal_value(const struct spipe_slot *slot)
{
    uint32_t arming = atomic_load_explicit(&slot->arming, memory_order_relaxed);
    return (void *)((uintptr_t)slot | (arming & (SPIPE_SLOT_ALIGNMENT - 1)));
}
