/* SPDX-License-Identifier: MIT */
/*
 * What happens in the signal handler, on the sampled thread.
 *
 * Nothing here calls outside the agent, makes a system call, touches errno or thread-local storage, locks or allocates.
 * It loads only from the agent's tables and from the thread's own stack between the stack pointer and its known end.
 * The files that hold it (handler_*, ring.c, slice.c, slot_signal.c, the unwinder's walk) are built without stack
 * protector and without calls to libc that the compiler would make by itself.
 */
#ifndef SPIPE_AGENT_HANDLER_H
#define SPIPE_AGENT_HANDLER_H

#include "code_map.h"
#include "slot.h"

#include <signal.h>

/* What the pump tells the handlers. */
struct spipe_handler_shared {
    _Atomic(const struct spipe_code_map *) map;
    _Atomic uint32_t map_is_stale;      /* a library is being unloaded: leave the walking to the pump */
    _Atomic uint64_t stale_since_ns;    /* since when that is so */
    _Atomic uint32_t max_depth;
    _Atomic uint32_t audit_interval;    /* one in so many samples of a thread comes with a copy of its stack; 0: none */
    _Atomic uint32_t audits_skipped;    /* running total of those that no slice was free for; written by handlers */
    _Atomic uint32_t pipe_is_full;      /* a full ring is the pipe's doing */
    _Atomic uint32_t has_fsbase;        /* the processor lets user code read the thread pointer */
};

extern struct spipe_handler_shared spipe_handler_shared;

#define SPIPE_HANDLER_DESCRIPTORS 4096u
/* A descriptor whose event is gone: a signal of it may still be on its way, and is to be swallowed. */
#define SPIPE_HANDLER_RETIRED 0xffffu
/* Which slot (index + 1) perf's event with that descriptor belongs to; 0: none. Written by the pump. */
extern _Atomic uint16_t spipe_handler_descriptor_slot[SPIPE_HANDLER_DESCRIPTORS];

/* If the signal is one of ours, takes the sample and returns true; also for a late one of an arming that is over,
 * which only has to be swallowed. False: the signal is the program's. */
bool spipe_handler_take(const siginfo_t *info, const void *context);

/* True when spipe_handler_take() would take it. On any thread. */
bool spipe_handler_is_ours(const siginfo_t *info);

/* The pump finds out what the sample stands for. */
#define SPIPE_WEIGHT_LATER UINT32_MAX

/* A thread that ends before its timer's tick: a sample of that weight at the function that the thread was started
 * with, since where it was exactly is not known. On that thread, outside of handlers, when its slot takes no more
 * signals. */
void spipe_handler_take_last(struct spipe_slot *slot, uint32_t weight);

#endif
