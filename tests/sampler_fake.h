/* SPDX-License-Identifier: MIT */
/*
 * The sampler as a test double: sampler_fake.c defines the functions of agent/sampler.h in place of the system's file.
 *
 * No signal is ever sent. A test puts samples into the ring of a slot as the handler would, with the same counts, and
 * looks at what the pump has asked of the sampler. Threads are real ones that do nothing, since the pump looks for
 * them in /proc.
 */
#ifndef SPIPE_TESTS_SAMPLER_FAKE_H
#define SPIPE_TESTS_SAMPLER_FAKE_H

#include "agent/sampler.h"
#include "agent/slot.h"

struct sampler_fake {
    bool is_on;
    enum spipe_mechanism mechanism;
    uint64_t period_ns;
    uint32_t stretch;
    unsigned starts;
};

extern struct sampler_fake sampler_fake;

/* Takes the memory of slots and slices, once in a program, and forgets what was asked. */
void sampler_fake_reset(void);

/* The slot that the pump has given the thread; NULL: none. */
struct spipe_slot *sampler_fake_slot(int tid);

/* A thread that waits until it is told to end. The pump finds it at its next scan, and misses it at the one after its
 * end. */
int sampler_fake_thread_new(void);
void sampler_fake_thread_end(int tid);

/* Takes a sample as the handler does: counts the attempt, and the drop when the ring is full, which returns false. */
bool sampler_fake_put(struct spipe_slot *slot, uint64_t time_ns, uint32_t weight, const uint64_t *address,
                      uint32_t depth, enum spipe_walk_end end);

/* The same with a copy of the stack from `low` to `high`, for the host to walk again. */
bool sampler_fake_put_audited(struct spipe_slot *slot, uint64_t time_ns, const uint64_t *address, uint32_t depth,
                              const struct spipe_registers *registers, uint64_t low, uint64_t high);

#endif
