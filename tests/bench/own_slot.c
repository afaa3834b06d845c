/* SPDX-License-Identifier: MIT */
#include "own_slot.h"

#include "agent/sampler.h"
#include "clock.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define START_MS 2000u

static struct spipe_slot *find(int tid)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (slot->tid == tid && atomic_load(&slot->state) == SPIPE_SLOT_LIVE)
            return slot;
    }
    return NULL;
}

struct spipe_slot *own_slot_wait(void)
{
    int tid = (int)syscall(SYS_gettid);
    struct spipe_slot *slot = NULL;
    for (unsigned waited = 0; waited < START_MS && slot == NULL; waited++) {
        if (spipe_sampler_is_on())
            slot = find(tid);
        if (slot == NULL)
            clock_sleep_us(1000);
    }
    if (slot == NULL)
        fprintf(stderr, "no session: this program has to be started by bench_session --linked\n");
    return slot;
}

unsigned long own_slot_lost(const struct spipe_slot *slot)
{
    return atomic_load(&slot->dropped_ring_full) + atomic_load(&slot->dropped_pipe_full);
}
