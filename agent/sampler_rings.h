/* SPDX-License-Identifier: MIT */
/*
 * The mechanism perf-ring: which threads get events, and how large the slices of their stacks are. Pump only.
 */
#ifndef SPIPE_AGENT_SAMPLER_RINGS_H
#define SPIPE_AGENT_SAMPLER_RINGS_H

#include "sampler.h"

/* Starts it for all living slots. False when the system does not give what it needs. */
bool spipe_sampler_rings_start(uint64_t period_ns, uint32_t stretch);

/* Gives the thread events of its own when it has inherited none. False when it cannot have them. */
bool spipe_sampler_rings_arm(struct spipe_slot *slot);

void spipe_sampler_rings_stop(void);

/* A stack was walked that needed so many bytes of its slice, or more than there were. */
void spipe_sampler_rings_note(uint32_t needed_bytes, bool is_cut);

/* False while the slices' size is a guess: a wrong one costs the fewer stacks the sooner they are looked at. */
bool spipe_sampler_rings_are_settled(void);

/* True when the program has just got so many threads that the pump should look at once. Any thread. */
bool spipe_sampler_rings_are_crowded(void);

/* Changes the slices' size when it is not right. */
enum spipe_sampler_fit spipe_sampler_rings_tend(void);

/* Looks for threads that have no events, and for CPUs that have come. */
enum spipe_sampler_fit spipe_sampler_rings_look(void);

#endif
