/* SPDX-License-Identifier: MIT */
/* Every way for a program to end, with a host that listens and with one that does not. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <stdio.h>

#define DEPARTURES SURVIVAL_PROGRAM("departures")
/* An end is held up for 220 ms at most; what is more is the machine's business, but minutes are not. */
#define HELD_UP_US 10000000u

static const char *const foreseen[][2] = {
    {DEPARTURES, "exit-among-threads"}, {DEPARTURES, "return-among-threads"}, {DEPARTURES, "exit-in-handler"},
    {DEPARTURES, "exit-in-atexit"},
};

static const char *const unforeseen[][2] = {
    {DEPARTURES, "abort-among-threads"},
    {DEPARTURES, "tgkill"},
};

static const char *const elsewhere[][3] = {
    {"endings", "return"}, {"endings", "exit"},         {"endings", "_exit"},      {"endings", "_Exit"},
    {"endings", "thread"}, {"endings", "quick_exit"},   {"endings", "pthread_exit"}, {"endings", "after-main"},
    {"endings", "pipe"},   {"endings", "in-handler"},   {"endings", "system-call"}, {"endings", "signal", "9"},
    {"endings", "signal", "15"}, {"endings", "signal", "6"}, {"endings", "signal", "11"},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void survive_ends_among_threads_and_in_handlers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(foreseen); i++) {
        struct target target = {.argument = ARGUMENTS(foreseen[i][0], foreseen[i][1])};
        struct promise_pair pair = survival_check(target);
        assert_int_equal(pair.session->goodbye, SPIPE_GOODBYE_TARGET_EXITS);
        promise_done(&pair);
    }
}

static void survive_ends_that_nobody_foresees(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(unforeseen); i++) {
        struct target target = {.argument = ARGUMENTS(unforeseen[i][0], unforeseen[i][1])};
        struct promise_pair pair = survival_check_killed(target);
        promise_done(&pair);
    }
}

/* A thread's end by a bare system call is seen when it was the last one. */
static void survive_an_end_of_the_last_thread_by_a_bare_call(void **state)
{
    (void)state;
    struct promise_pair pair = survival_check((struct target){.argument = ARGUMENTS(DEPARTURES, "last-thread")});
    promise_done(&pair);
}

static void check_with_deaf_host(struct capture_host *host, const char *const *argument)
{
    struct target target = {.argument = argument};
    struct target_outcome plain = target_run(&target);
    struct target_outcome profiled = promise_run_with(target, host);
    assert_true(target_behaves_alike(&plain, &profiled));
    assert_true(profiled.elapsed_us < plain.elapsed_us + HELD_UP_US);
    target_outcome_done(&plain);
    target_outcome_done(&profiled);
}

static void survive_every_end_with_a_host_that_never_reads(void **state)
{
    struct capture_settings settings = {.manner = CAPTURE_NEVER_READS, .cpu_period_us = FAST_RATE};
    struct capture_host *host = capture_host_start(target_folder(), settings);
    (void)state;
    for (size_t i = 0; i < COUNT(foreseen); i++)
        check_with_deaf_host(host, ARGUMENTS(foreseen[i][0], foreseen[i][1]));
    for (size_t i = 0; i < COUNT(unforeseen); i++)
        check_with_deaf_host(host, ARGUMENTS(unforeseen[i][0], unforeseen[i][1]));
    for (size_t i = 0; i < COUNT(elsewhere); i++)
        check_with_deaf_host(host, ARGUMENTS(elsewhere[i][0], elsewhere[i][1], elsewhere[i][2]));
    assert_int_equal(capture_host_connections(host), COUNT(foreseen) + COUNT(unforeseen) + COUNT(elsewhere));
    capture_host_free(host);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_ends_among_threads_and_in_handlers),
    cmocka_unit_test(survive_ends_that_nobody_foresees),
    cmocka_unit_test(survive_an_end_of_the_last_thread_by_a_bare_call),
    cmocka_unit_test(survive_every_end_with_a_host_that_never_reads),
};

SURVIVAL_MAIN(tests)
