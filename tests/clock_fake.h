/* SPDX-License-Identifier: MIT */
/*
 * The clock as a test double: clock_fake.c defines the functions of agent/clock.h in place of the system's file.
 *
 * Time moves by a fixed step each time that somebody looks, so that no loop waits for ever, and by as much as a test
 * says. Threads may look at the clock; one of them sets it.
 */
#ifndef SPIPE_TESTS_CLOCK_FAKE_H
#define SPIPE_TESTS_CLOCK_FAKE_H

#include <stdint.h>

#define CLOCK_FAKE_MS UINT64_C(1000000)

/* Sets the time back to its start, the step to 1 us, and forgets all threads' CPU times. */
void clock_fake_reset(void);

/* How far each look at the clock moves it on. */
void clock_fake_set_step(uint64_t step_ns);

void clock_fake_advance(uint64_t ns);

/* The time, without a step. */
uint64_t clock_fake_now(void);

/* The thread's CPU time; those not named have none. The process's is the sum of all. */
void clock_fake_set_cpu(int tid, uint64_t cpu_ns);

#endif
