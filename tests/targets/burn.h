/* SPDX-License-Identifier: MIT */
/*
 * Work for target programs: nothing but CPU time, a stated amount of it.
 */
#ifndef SPIPE_TESTS_TARGETS_BURN_H
#define SPIPE_TESTS_TARGETS_BURN_H

#include <stdint.h>
#include <time.h>

/* The CPU time of the calling thread so far. */
static inline uint64_t burn_thread_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A piece of work of a few hundred microseconds that the compiler cannot leave out: a linear congruence in steps. */
static inline uint32_t burn_piece(uint32_t seed)
{
    for (int step = 0; step < 200000; step++) {
        seed = seed * 1664525u + 1013904223u;
    }
    return seed;
}

/* Works until the calling thread has used that much CPU time. */
static inline uint32_t burn_for(uint64_t cpu_ns)
{
    uint64_t end = burn_thread_ns() + cpu_ns;
    uint32_t seed = 1;

    while (burn_thread_ns() < end) {
        seed = burn_piece(seed);
    }
    return seed;
}

#endif
