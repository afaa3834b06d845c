/* SPDX-License-Identifier: MIT */
/*
 * For counting instructions under valgrind:  handler_count DEPTH SAMPLES
 *
 * Calls the agent's handler, spipe_handler_take(), from below DEPTH functions with the registers of the place where it
 * is called, as a signal would: for each sample other functions, so that none fits the last one's stack. There is no
 * signal, no session and no agent thread, all of which valgrind would disturb.
 */
#include "frames.h"

#include "agent/handler.h"
#include "tests/unwind_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BELOW (256u * 1024u)

struct count {
    struct spipe_slot *slot;
    unsigned long taken, frames;
};

/* Takes the sample away, as the pump would. */
static void drain(struct count *count)
{
    const struct spipe_raw_sample *sample = spipe_ring_peek(&count->slot->ring);
    if (sample == NULL)
        return;
    count->taken++;
    count->frames += sample->depth;
    spipe_ring_consume(&count->slot->ring, sample);
}

static void take(void *argument)
{
    struct count *count = argument;
    ucontext_t context;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_TIMER;
    info.si_value.sival_ptr = spipe_slot_signal_value(count->slot);
    getcontext(&context);
    (void)spipe_handler_take(&info, &context);
    drain(count);
}

static struct spipe_slot *make_slot(void)
{
    char here;
    struct spipe_slot *slot = spipe_slot_pool_init() ? spipe_slot_claim() : NULL;
    if (slot == NULL)
        return NULL;
    atomic_store(&slot->stack_high, process_stack_end(&here));
    atomic_store(&slot->stack_low, (uint64_t)(uintptr_t)&here - STACK_BELOW);
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    atomic_store(&slot->stretch, 1);
    atomic_store(&spipe_handler_shared.map, process_map_new());
    atomic_store(&spipe_handler_shared.max_depth, 1024);
    return slot;
}

int main(int argc, char **argv)
{
    struct count count = {.slot = make_slot()};
    if (argc != 3 || count.slot == NULL) {
        fprintf(stderr, "usage: handler_count DEPTH SAMPLES\n");
        return 2;
    }
    unsigned long samples = strtoul(argv[2], NULL, 10);
    for (uint64_t path = 1; path <= samples; path++)
        frames_descend((unsigned)atoi(argv[1]), path, take, &count);
    printf("{\"samples\": %lu, \"frames\": %lu}\n", count.taken, count.frames);
    return count.taken == samples ? 0 : 1;
}
