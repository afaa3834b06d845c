/* SPDX-License-Identifier: MIT */
/*
 * Another profiler, as far as others see it: a library that takes SIGPROF and its timer when it is loaded, and leaves
 * the signal ignored when it goes.
 */
#ifndef SPIPE_TESTS_SURVIVAL_TAKER_H
#define SPIPE_TESTS_SURVIVAL_TAKER_H

#include <signal.h>

#define TAKER_SYMBOL "taker"

struct taker {
    volatile sig_atomic_t ticks;   /* of its own timer */
    volatile sig_atomic_t strange; /* signals of others */
};

#endif
