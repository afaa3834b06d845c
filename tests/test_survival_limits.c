/* SPDX-License-Identifier: MIT */
/* A program that runs out of something gets as far as without us, and so does one that is stopped. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <string.h>
#include <sys/wait.h>

#define MIB UINT64_C(1048576)

static void check_limited(const char *const *argument, int resource, rlim_t value)
{
    struct target target = {.argument = argument, .limit = {{resource, value}}, .limit_count = 1};
    survival_check_by_each_mechanism(target);
}

static void check(const char *const *argument)
{
    survival_check_by_each_mechanism((struct target){.argument = argument});
}

static void survive_no_pending_signals(void **state)
{
    (void)state;
    check_limited(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "signals", "0"), RLIMIT_SIGPENDING, 0);
}

static void survive_pending_signals_used_up(void **state)
{
    (void)state;
    check(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "signals", "40"));
}

static void survive_address_space_used_up(void **state)
{
    (void)state;
    check_limited(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "memory"), RLIMIT_AS, 1200 * MIB);
}

static void survive_data_used_up(void **state)
{
    (void)state;
    check_limited(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "memory"), RLIMIT_DATA, 1200 * MIB);
}

static void survive_descriptors_used_up(void **state)
{
    (void)state;
    check_limited(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "descriptors"), RLIMIT_NOFILE, 64);
}

static void survive_few_descriptors(void **state)
{
    (void)state;
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "descriptors"),
                            .limit = {{RLIMIT_NOFILE, 6}},
                            .limit_count = 1};
    survival_check_by_each_mechanism_or_another(target);
}

static void survive_processes_used_up(void **state)
{
    (void)state;
    check(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "processes"));
}

/* The program runs on without samples, and the log says why. */
static void survive_no_room_for_our_thread(void **state)
{
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("scarce-late"), "start-without-room"),
                            .loading = TARGET_STARTS_AGENT};
    struct promise_pair pair = promise_run(target, FAST_RATE);
    (void)state;
    assert_int_equal(pair.profiled.status, pair.plain.status);
    assert_string_equal(pair.profiled.output, pair.plain.output);
    assert_non_null(strstr(pair.profiled.log, "the system refused a thread"));
    assert_int_equal(pair.session_count, 0);
    promise_done(&pair);
}

static void survive_little_stack(void **state)
{
    (void)state;
    check_limited(ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "stack"), RLIMIT_STACK, 64 * 1024);
}

/* Periods that passed while it stood still are nobody's: samples stand for the CPU time, with room for what the kernel
 * does not count the same way. Thousands would be missing otherwise. */
static void check_stop(const char *mechanism, const char *stopped_ms)
{
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("scarce"), "stop", stopped_ms),
                            .mechanism = mechanism};
    struct promise_pair pair = survival_check_profiled(target);
    assert_int_equal(pair.profiled.status, 0);
    assert_string_equal(pair.profiled.output, "went on\n");
    assert_string_equal(pair.profiled.complaints, "");
    uint64_t used_us = pair.session->totals.process_user_us + pair.session->totals.process_system_us;
    uint64_t sampled_us = pair.session->weight * pair.session->period_us;
    assert_in_range(sampled_us, 1, used_us + used_us / 2);
    promise_done(&pair);
}

static void survive_stop_of_five_seconds(void **state)
{
    (void)state;
    check_stop(NULL, "5000");
}

static void survive_stop_by_each_mechanism(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++)
        check_stop(*mechanism, "1000");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_no_pending_signals),     cmocka_unit_test(survive_pending_signals_used_up),
    cmocka_unit_test(survive_address_space_used_up),  cmocka_unit_test(survive_data_used_up),
    cmocka_unit_test(survive_descriptors_used_up),    cmocka_unit_test(survive_few_descriptors),
    cmocka_unit_test(survive_processes_used_up),      cmocka_unit_test(survive_no_room_for_our_thread),
    cmocka_unit_test(survive_little_stack),           cmocka_unit_test(survive_stop_of_five_seconds),
    cmocka_unit_test(survive_stop_by_each_mechanism),
};

SURVIVAL_MAIN(tests)
