/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promise_kit.h"

#include <string.h>

/* Start and end together; a machine that is busy with other things takes its part. */
#define HELD_UP_US 1500000u

struct target_outcome promise_run_with(struct target target, struct capture_host *host)
{
    target.endpoint = capture_host_endpoint(host);
    return target_run(&target);
}

struct promise_pair promise_run_profiled(struct target target, uint32_t cpu_period_us)
{
    struct promise_pair pair = {0};
    pair.host = capture_host_start(target_folder(), (struct capture_settings){.cpu_period_us = cpu_period_us});
    pair.profiled = promise_run_with(target, pair.host);
    pair.session_count = capture_host_finish(pair.host);
    pair.session = pair.session_count == 0 ? NULL : capture_host_session(pair.host, 0);
    return pair;
}

struct promise_pair promise_run(struct target target, uint32_t cpu_period_us)
{
    struct target_outcome plain = target_run(&target);
    struct promise_pair pair = promise_run_profiled(target, cpu_period_us);
    pair.plain = plain;
    return pair;
}

struct promise_pair promise_check_by(const char *mechanism, const char *const *argument, uint32_t cpu_period_us,
                                     size_t session_count)
{
    struct target target = {.argument = argument, .mechanism = mechanism};
    struct promise_pair pair = promise_run(target, cpu_period_us);
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_string_equal(pair.profiled.log, "");
    assert_int_equal(pair.session_count, session_count);
    if (pair.session != NULL)
        assert_true(capture_session_is_sound(pair.session));
    assert_true(pair.profiled.elapsed_us < 2 * pair.plain.elapsed_us + HELD_UP_US);
    return pair;
}

const char *const promise_mechanisms[] = {"thread-cpu-timer", "perf-ring", "perf-cpu-clock", "signal-runnable", NULL};

/* What a mechanism that leaves the kernel's time out can see at least. */
static double least_share(const struct capture_session *session)
{
    double user_us = (double)session->totals.process_user_us;
    double all_us = user_us + (double)session->totals.process_system_us;
    bool is_perf = strcmp(session->mechanism, "perf-ring") == 0 || strcmp(session->mechanism, "perf-cpu-clock") == 0;
    return is_perf && all_us > 0 ? user_us / all_us : 1;
}

struct promise_pair promise_check(const char *const *argument, uint32_t cpu_period_us, size_t session_count)
{
    return promise_check_by(NULL, argument, cpu_period_us, session_count);
}

void promise_check_coverage(const struct capture_session *session, double tolerance)
{
    double coverage = capture_session_coverage(session);
    if (coverage < least_share(session) - tolerance || coverage > 1 + tolerance)
        fail_msg("coverage %.3f with %s", coverage, session->mechanism);
}

void promise_done(struct promise_pair *pair)
{
    capture_host_free(pair->host);
    target_outcome_done(&pair->plain);
    target_outcome_done(&pair->profiled);
}

int promise_remove_files(void **state)
{
    (void)state;
    target_remove_folder();
    return 0;
}
