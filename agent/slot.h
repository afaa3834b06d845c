/* SPDX-License-Identifier: MIT */
/*
 * One slot for each sampled thread: its ring, its counts, what the handler must know of it.
 *
 * All slots lie in one mapping that is taken at start, so a pointer that arrives in a signal can be checked before it
 * is used. A slot is claimed by whoever meets the thread first (the thread that creates it, or the pump's scan) and
 * freed by the pump alone, after the thread has ended and its ring is empty. Fields say who writes them.
 */
#ifndef SPIPE_AGENT_SLOT_H
#define SPIPE_AGENT_SLOT_H

#include "ring.h"
#include "unwind.h"

#include <stdbool.h>

#define SPIPE_SLOT_COUNT 1024u
#define SPIPE_RING_SIZE (64u * 1024u)
/* The low bits of a slot's address in a signal carry the arming it belongs to. */
#define SPIPE_SLOT_ALIGNMENT 64u

enum spipe_slot_state {
    SPIPE_SLOT_FREE = 0,
    SPIPE_SLOT_CLAIMED = 1,     /* belongs to a thread that does not run yet */
    SPIPE_SLOT_LIVE = 2,
    SPIPE_SLOT_ENDING = 3,      /* takes no more signals; its thread is about to leave the last of it */
    SPIPE_SLOT_ENDED = 4        /* the thread is gone; the pump has still to take what it left */
};

/* Times spent in the handler, by power of two of ns and its two following bits: a quarter of an octave each. */
#define SPIPE_LATENCY_BUCKETS 96u

struct spipe_slot {
    _Alignas(SPIPE_SLOT_ALIGNMENT)
    struct spipe_ring ring;
    uint32_t index;
    int32_t tid;                            /* written before the slot is live */
    _Atomic uint32_t state;
    _Atomic uint32_t epoch;                 /* odd while the handler runs; written by the sampled thread */
    _Atomic uint32_t arming;                /* which arming is valid; written under `arm_lock` */
    _Atomic uint32_t arm_lock;
    _Atomic uint32_t stretch;               /* periods that an expiry of that arming stands for; written by who arms */
    _Atomic int32_t timer_id;               /* -1: none; whoever takes it out deletes the timer */
    _Atomic uint64_t first_ns;              /* the thread's CPU time at which its first period is over; written by who arms */
    _Atomic uint64_t attempted_before;      /* `attempted` at that time */
    _Atomic uint32_t event_half;            /* the part of `carried` that came with perf's event; written by who arms */
    _Atomic uint32_t carried;               /* periods that the next sample stands for besides its own */
    _Atomic uint64_t stack_low;             /* both 0: not known yet */
    _Atomic uint64_t stack_high;

    _Atomic uint64_t begin_ns;              /* CLOCK_MONOTONIC when the thread entered and left; 0: not seen to, or not yet */
    _Atomic uint64_t end_ns;

    /* What the creating thread leaves for the new one. */
    void *(*routine)(void *);
    void *argument;
    uint64_t stack_size;

    /* Written by the sampled thread, in periods unless said otherwise; read by the pump, relaxed. */
    _Atomic uint64_t attempted;
    _Atomic uint64_t dropped_ring_full;
    _Atomic uint64_t dropped_pipe_full;
    _Atomic uint64_t sleeps_cut_short;      /* calls */
    _Atomic uint64_t unwind_faults;         /* stacks */
    uint32_t audit_wait;                    /* samples since the last audit; sampled thread only */
    _Atomic uint32_t latency[SPIPE_LATENCY_BUCKETS];
    _Atomic uint32_t latency_max_ns;
    _Atomic uint64_t handler_ns;            /* all of them added up */
    _Atomic uint32_t signal_weight;         /* periods that the next signal stands for, added by the sampler thread */
    _Atomic uint64_t dropped_refused;       /* periods that the system had no room for a signal for; written by the sampler thread */
    char final_name[16];                    /* the thread's name at its end; written before the slot has ended */
    _Atomic uint64_t final_cpu_ns;          /* the thread's CPU time at its end; 0 while it lives */

    struct spipe_walk_cache cache;          /* sampled thread only */
    struct spipe_registers registers;       /* as they were interrupted; here, since the handler's stack may be small */

    /* The pump's own. */
    uint32_t thread_id;                     /* 0: not announced in this session */
    int32_t source_descriptor;              /* perf's event, or -1 */
    int32_t stat_descriptor;                /* /proc/self/task/TID/stat for the sampler thread, or -1 */
    bool blocks_signal;                     /* the thread keeps our signal blocked */
    bool no_source;                         /* the system gave no timer or event */
    bool seen;                              /* by the running scan */
    uint64_t cpu_start_ns;                  /* CPU time before the session */
    uint64_t cpu_ns;                        /* CPU time at the last look */
    uint64_t cpu_accounted_ns;              /* up to where CPU time without a source was turned into drops */
    uint64_t signalled;                     /* periods that the sampler thread has sent signals for */
    uint64_t ring_periods;                  /* that came through perf's rings since the slot was armed */
    bool is_settled;                        /* what the ended thread is owed has been found out */
    bool is_silent;                         /* no sample came through a ring since the events were last changed */
    bool needs_events;                      /* the thread has inherited none */
    uint64_t opened_ns;                     /* the thread's CPU time when the events were last changed; 0: it came later */
    uint64_t opened_user_ticks;             /* the part of it in its own code, by the kernel's coarse account */
    uint64_t gone_ns;                       /* when a scan no longer found the thread */
    uint64_t sent;
    uint64_t dropped_paused;
    uint64_t dropped_no_slot;
    uint64_t dropped_blocked;
    uint64_t reported;                      /* attempted, at the last Ledger */
    uint64_t reported_cpu_ns;
    bool reported_pending;                  /* that there were some: how they end is still to be told */
    char name[16];
};

/* Takes the memory of all slots, which are then free. False when there is none. Before any other thread of the agent
 * runs; in a forked child, where it is gone, once more. */
bool spipe_slot_pool_init(void);

/* Claims a free slot for a thread, or NULL. Lock-free; any thread, not in a handler. */
struct spipe_slot *spipe_slot_claim(void);

/* Gives a slot back. Pump only (or the claimer, when the thread never came to be). */
void spipe_slot_release(struct spipe_slot *slot);

/* The slot with that index, whatever its state. */
struct spipe_slot *spipe_slot_get(uint32_t index);

/* One more than the highest index ever claimed: where loops over slots end. */
uint32_t spipe_slot_used(void);

/* True for a slot whose thread runs or has run: its ring and counts mean something. */
static inline bool spipe_slot_is_in_use(const struct spipe_slot *slot)
{
    return atomic_load_explicit(&slot->state, memory_order_acquire) >= SPIPE_SLOT_LIVE;
}

/* The slot that a signal's value names, or NULL when the value is none of ours or of an arming that is over.
 * Handler-safe. */
struct spipe_slot *spipe_slot_from_signal(const void *value);

/* What a signal for this slot's present arming carries. */
void *spipe_slot_signal_value(const struct spipe_slot *slot);

#endif
