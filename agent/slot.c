/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include "pages.h"

/* The handler's own part stands in slot_signal.c, which calls nothing. */
#include "slot_pool.h"

#include <string.h>

#define NO_SLOT UINT32_MAX

static unsigned char *ring_memory;
static _Atomic uint64_t free_list;      /* index of the first free slot, and a tag against reuse in its high half */
static _Atomic uint32_t next_free[SPIPE_SLOT_COUNT];
static _Atomic uint32_t used_count;

bool spipe_slot_pool_init(void)
{
    size_t slots_size = sizeof(struct spipe_slot) * SPIPE_SLOT_COUNT;
    unsigned char *slots = spipe_pages_new(slots_size);
    ring_memory = spipe_pages_new((size_t)SPIPE_RING_SIZE * SPIPE_SLOT_COUNT);
    if (slots == NULL || ring_memory == NULL) {
        spipe_pages_free(slots, slots_size);
        spipe_pages_free(ring_memory, (size_t)SPIPE_RING_SIZE * SPIPE_SLOT_COUNT);
        return false;
    }
    for (uint32_t i = 0; i < SPIPE_SLOT_COUNT; i++)
        atomic_store_explicit(&next_free[i], i + 1 < SPIPE_SLOT_COUNT ? i + 1 : NO_SLOT, memory_order_relaxed);
    atomic_store(&free_list, 0);
    atomic_store(&used_count, 0);
    spipe_slot_pool = (struct spipe_slot *)(void *)slots;
    return true;
}

static void prepare_slot(struct spipe_slot *slot, uint32_t index)
{
    uint32_t arming = atomic_load_explicit(&slot->arming, memory_order_relaxed);
    uint32_t epoch = atomic_load_explicit(&slot->epoch, memory_order_relaxed);
    memset(slot, 0, sizeof *slot);
    /* These two only ever grow, so that a signal or a reader of an earlier life is told apart. */
    atomic_store_explicit(&slot->arming, arming + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->epoch, epoch, memory_order_relaxed);
    slot->index = index;
    slot->source_descriptor = -1;
    slot->stat_descriptor = -1;
    atomic_store_explicit(&slot->timer_id, -1, memory_order_relaxed);
    spipe_ring_init(&slot->ring, ring_memory + (size_t)index * SPIPE_RING_SIZE, SPIPE_RING_SIZE);
    atomic_store_explicit(&slot->state, SPIPE_SLOT_CLAIMED, memory_order_release);
}

static void note_use(uint32_t index)
{
    uint32_t used = atomic_load(&used_count);
    while (used <= index && !atomic_compare_exchange_weak(&used_count, &used, index + 1))
        ;
}

struct spipe_slot *spipe_slot_claim(void)
{
    uint64_t head = atomic_load(&free_list);
    uint64_t next;
    do {
        if ((uint32_t)head == NO_SLOT)
            return NULL;
        next = (head >> 32) + 1;
        next = next << 32 | atomic_load_explicit(&next_free[(uint32_t)head], memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&free_list, &head, next));

    struct spipe_slot *slot = &spipe_slot_pool[(uint32_t)head];
    prepare_slot(slot, (uint32_t)head);
    note_use((uint32_t)head);
    return slot;
}

void spipe_slot_release(struct spipe_slot *slot)
{
    uint32_t index = slot->index;
    atomic_store_explicit(&slot->state, SPIPE_SLOT_FREE, memory_order_release);

    uint64_t head = atomic_load(&free_list);
    uint64_t next;
    do {
        atomic_store_explicit(&next_free[index], (uint32_t)head, memory_order_relaxed);
        next = ((head >> 32) + 1) << 32 | index;
    } while (!atomic_compare_exchange_weak(&free_list, &head, next));
}

uint32_t spipe_slot_used(void)
{
    return atomic_load(&used_count);
}
