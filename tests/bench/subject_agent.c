/* SPDX-License-Identifier: MIT */
/* The agent itself, linked into this program: its own handler, its own pump, and a session with the host that started
 * this program. A sample is taken when the program sends itself what a timer would have sent. */
#include "clock.h"
#include "own_slot.h"
#include "subject.h"

#include "agent/signals.h"

static struct spipe_slot *own_slot;

const char *subject_name(void)
{
    return "stackpipe";
}

bool subject_start(void)
{
    own_slot = own_slot_wait();
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
        clock_sleep_us(1000);
}

unsigned long subject_lost(void)
{
    return own_slot_lost(own_slot);
}
