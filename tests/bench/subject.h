/* SPDX-License-Identifier: MIT */
/* A profiler in this process whose samples sample_cost can have taken one at a time: our agent, or a peer. */
#ifndef SPIPE_BENCH_SUBJECT_H
#define SPIPE_BENCH_SUBJECT_H

#include <signal.h>
#include <stdbool.h>

/* Its name in the output. */
const char *subject_name(void);

/* Makes it ready to sample the calling thread whenever the signal comes. False, with a word on stderr: not here. */
bool subject_start(void);

/* The signal that makes it take a sample, and what the signal carries. */
int subject_signal(union sigval *ret_value);

/* Waits until it has room for more samples, where it takes them away by and by. */
void subject_settle(void);

/* Samples that it has lost so far. */
unsigned long subject_lost(void);

#endif
