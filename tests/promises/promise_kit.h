/* SPDX-License-Identifier: MIT */
/*
 * What the tests of promises share: a program is run without the agent and with it, and must behave alike.
 */
#ifndef SPIPE_TESTS_PROMISE_KIT_H
#define SPIPE_TESTS_PROMISE_KIT_H

#include "target_run.h"

#define DEFAULT_RATE 0u
#define FAST_RATE    1000u /* us: a period of a millisecond */

struct promise_pair {
    struct target_outcome plain;
    struct target_outcome profiled;
    struct capture_host *host;
    size_t session_count;
    struct capture_session *session; /* the first one, or NULL */
};

/* Runs it both ways; compares nothing. The endpoint is filled in here. */
struct promise_pair promise_run(struct target target, uint32_t cpu_period_us);

/* The half of it with the agent; `plain` stays empty. */
struct promise_pair promise_run_profiled(struct target target, uint32_t cpu_period_us);

/* Runs it both ways and asserts that it behaves alike, is not held up for long, leaves nothing in the log, and had
 * `session_count` sessions, the first of which is sound. */
struct promise_pair promise_check(const char *const *argument, uint32_t cpu_period_us, size_t session_count);

/* The same by one of the agent's mechanisms for sampling, whatever it would choose itself; NULL leaves it the choice.
 */
struct promise_pair promise_check_by(const char *mechanism, const char *const *argument, uint32_t cpu_period_us,
                                     size_t session_count);

/* Those mechanisms, ended by NULL. */
extern const char *const promise_mechanisms[];

/* The profiled run alone. */
struct target_outcome promise_run_with(struct target target, struct capture_host *host);

/* Asserts that the samples' weights are the CPU time that the threads used, within that share of it; where the kernel's
 * part of it is not sampled, that may be missing. */
void promise_check_coverage(const struct capture_session *session, double tolerance);

void promise_done(struct promise_pair *pair);

/* For cmocka's group teardown. */
int promise_remove_files(void **state);

/* The arguments of a target, as an array. */
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
