/* SPDX-License-Identifier: MIT */
/* The agent itself, linked into this program: its own handler, its own pump, and a session with the host that started
 * this program. A sample is taken when the program sends itself what a timer would have sent. */
#include "subject.h"

#include "agent/sampler.h"
#include "agent/signals.h"
#include "agent/slot.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define START_MS 2000u

static struct spipe_slot *own_slot;

static void sleep_ms(unsigned ms)
{
    struct timespec left = {0, (long)ms * 1000000};
    nanosleep(&left, NULL);
}

static struct spipe_slot *find_slot(int tid)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (slot->tid == tid && atomic_load(&slot->state) == SPIPE_SLOT_LIVE)
            return slot;
    }
    return NULL;
}

const char *subject_name(void)
{
    return "stackpipe";
}

bool subject_start(void)
{
    int tid = (int)syscall(SYS_gettid);
    for (unsigned waited = 0; waited < START_MS && own_slot == NULL; waited++) {
        if (spipe_sampler_is_on())
            own_slot = find_slot(tid);
        sleep_ms(1);
    }
    if (own_slot == NULL)
        fprintf(stderr, "sample_cost: no session; it has to be started by bench_session --linked\n");
    return own_slot != NULL;
}

int subject_signal(union sigval *ret_value)
{
    ret_value->sival_ptr = spipe_slot_signal_value(own_slot);
    return spipe_signals_current();
}

void subject_settle(void)
{
    if (spipe_ring_fill(&own_slot->ring) < SPIPE_RING_SIZE / 3)
        return;
    while (spipe_ring_fill(&own_slot->ring) != 0)
        sleep_ms(1);
}

unsigned long subject_lost(void)
{
    return atomic_load(&own_slot->dropped_ring_full) + atomic_load(&own_slot->dropped_pipe_full);
}
