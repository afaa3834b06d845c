/* SPDX-License-Identifier: MIT */
/*
 * Who gets a sample when. Four mechanisms; which one follows from the asked period and from what the system allows:
 *
 *   thread-cpu-timer   a CPU timer for each thread; it expires on the kernel's tick, late expiries arrive as overruns. Exact, nearly
 *                      free, cuts no sleep short; not above the tick.
 *   perf-ring          perf's software clock of each thread, user code only, read from rings that the kernel fills with registers
 *                      and stack: nothing happens in the program. See perf_rings.h.
 *   perf-cpu-clock     perf's per-thread software clock, user code only; fires while the thread runs its own code.
 *   signal-runnable    a thread of ours looks at each thread's CPU clock and state and signals those that run.
 *
 * Arming and disarming are safe against each other from the thread itself and from the pump.
 */
#ifndef SPIPE_AGENT_SAMPLER_H
#define SPIPE_AGENT_SAMPLER_H

#include "slot.h"

#include <stdbool.h>
#include <stdint.h>

enum spipe_mechanism {
    SPIPE_MECHANISM_NONE = 0,
    SPIPE_MECHANISM_THREAD_CPU_TIMER = 1,
    SPIPE_MECHANISM_PERF_CPU_CLOCK = 2,
    SPIPE_MECHANISM_SIGNAL_RUNNABLE = 3,
    SPIPE_MECHANISM_PERF_RING = 4,
    SPIPE_MECHANISM_LAST = SPIPE_MECHANISM_PERF_RING
};

/* As it stands in Source.mechanism. */
const char *spipe_sampler_mechanism_name(enum spipe_mechanism mechanism);

/* The best mechanism for a period, by what the system allows, or the best of those behind `after`, which did not do. A
 * timer always does: above the kernel's tick its samples are fewer and stand for more. Pump only. */
enum spipe_mechanism spipe_sampler_choose(enum spipe_mechanism after, uint64_t period_ns);

/* True when the system allows that one at that period, as far as it can be known before. Pump only. */
bool spipe_sampler_is_allowed(enum spipe_mechanism mechanism, uint64_t period_ns);

/* Starts sampling all live slots, and those that come; replaces what ran before. A sample is taken once in `stretch`
 * periods and stands for them. False when the mechanism's own thread cannot be started. Pump only. */
bool spipe_sampler_start(enum spipe_mechanism mechanism, uint64_t period_ns, uint32_t stretch, int signal_number);

/* Stops all sampling; no new sample begins after it but those of signals already on their way. Pump only. */
void spipe_sampler_stop(void);

/* True between start and stop. Any thread. */
bool spipe_sampler_is_on(void);

/* True when samples are taken by signals to the thread. Any thread. */
bool spipe_sampler_uses_signal(void);

/* True when the pump has to do something for a new thread, which cannot arm its own slot. Any thread. */
bool spipe_sampler_needs_pump(void);

enum spipe_armer { SPIPE_ARMED_BY_THREAD = 0, SPIPE_ARMED_BY_PUMP = 1 };

/* Gives the slot's thread its timer or event, in place of what it had. Called on the thread itself, or by the pump. */
void spipe_sampler_arm(struct spipe_slot *slot, enum spipe_armer armer);

/* True when the slot still waits for the pump to give it an event. Pump only. */
bool spipe_sampler_is_missing(const struct spipe_slot *slot);

/* What the thread itself does at its end, after the slot's state has become SPIPE_SLOT_ENDING. Returns the periods
 * that were over without a sample: a timer is late by up to a tick, and a thread may end before that. Or
 * SPIPE_WEIGHT_LATER, when the pump has yet to find that out. */
uint32_t spipe_sampler_thread_ends(struct spipe_slot *slot);

enum spipe_sampler_fit {
    SPIPE_SAMPLER_FITS = 0,
    SPIPE_SAMPLER_HAS_TO_RESTART = 1,   /* there are more CPUs than at the start */
    SPIPE_SAMPLER_DOES_NOT_FIT = 2      /* another mechanism is needed */
};

/* Follows what the program does, where the mechanism has to; each round. Pump only. */
enum spipe_sampler_fit spipe_sampler_tend(void);

/* The same for what happens seldom; once a second. Pump only. */
enum spipe_sampler_fit spipe_sampler_look(void);

/* Takes all away before the slot is released. Pump only. */
void spipe_sampler_disarm(struct spipe_slot *slot);

/* In a forked child: nothing of what the parent samples by is there. */
void spipe_sampler_fork(void);

/* CPU time of the mechanism's own thread, in ns; 0 when it has none. */
uint64_t spipe_sampler_own_cpu_ns(void);

/* Its tid; 0 when it has none. */
int spipe_sampler_own_tid(void);

#endif
