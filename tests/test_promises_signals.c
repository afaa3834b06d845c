/* SPDX-License-Identifier: MIT */
/* Signals are the program's: it sees those it would see without the agent, and none of the agent's. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"

#include <signal.h>
#include <sys/wait.h>

/* The same status, output and, where the program lives long enough to be sampled, a sound session. */
static void check_alike(const char *const *argument, uint32_t cpu_period_us)
{
    struct promise_pair pair = promise_check(argument, cpu_period_us, 1);
    assert_true(pair.session->sample_count > 0);
    promise_done(&pair);
}

static void test_program_finds_all_dispositions_as_without_us(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "show-all"), FAST_RATE);
}

static void test_sigprof_from_outside_ends_a_program_without_a_handler(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("signals", "die"), FAST_RATE, 1);
    assert_true(WIFSIGNALED(pair.profiled.status));
    assert_int_equal(WTERMSIG(pair.profiled.status), SIGPROF);
    promise_done(&pair);
}

static void test_timer_without_a_handler_ends_the_program(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("signals", "unhandled-timer"), FAST_RATE, 1);
    assert_int_equal(WTERMSIG(pair.profiled.status), SIGPROF);
    promise_done(&pair);
}

/* Ticks come once in ten milliseconds of the process's CPU time, ours included, and never faster than the kernel's
 * tick. */
static void check_own_timer(uint32_t cpu_period_us)
{
    struct promise_pair pair =
        promise_run((struct target){.argument = ARGUMENTS("signals", "own-timer")}, cpu_period_us);
    long long plain_ticks = target_number(&pair.plain, "ticks");
    long long ticks = target_number(&pair.profiled, "ticks");
    assert_int_equal(pair.profiled.status, pair.plain.status);
    assert_string_equal(pair.profiled.complaints, "");
    assert_int_equal(target_number(&pair.profiled, "strange"), 0);
    assert_int_equal(target_number(&pair.profiled, "own"), target_number(&pair.plain, "own"));
    assert_in_range(ticks, plain_ticks * 8 / 10, plain_ticks * 12 / 10 + 2);
    assert_int_equal(pair.session_count, 1);
    assert_true(capture_session_is_sound(pair.session));
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_programs_own_timer_ticks_as_without_us_and_sampling_goes_on(void **state)
{
    (void)state;
    check_own_timer(DEFAULT_RATE);
    check_own_timer(FAST_RATE);
}

static void test_programs_own_posix_timer_keeps_sigprof(void **state)
{
    (void)state;
    struct promise_pair pair = promise_run((struct target){.argument = ARGUMENTS("signals", "posix-timer")}, FAST_RATE);
    long long plain_ticks = target_number(&pair.plain, "ticks");
    assert_int_equal(pair.profiled.status, pair.plain.status);
    assert_in_range(target_number(&pair.profiled, "ticks"), plain_ticks * 8 / 10, plain_ticks * 12 / 10 + 2);
    assert_int_equal(target_number(&pair.profiled, "own"), 0);
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_signal_returns_what_the_program_set(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "by-signal"), FAST_RATE);
}

static void test_handlers_set_by_other_names_get_no_signal_of_ours(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "by-old-names"), FAST_RATE);
}

static void test_flags_and_masks_of_handlers_hold(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "by-flags"), FAST_RATE);
}

static void test_ignored_sigprof_is_ignored_by_executed_programs(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "ignored-by-child"), FAST_RATE);
}

static void test_program_that_takes_all_signals_gets_none_of_ours(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "take-all"), FAST_RATE);
}

static void test_program_that_takes_our_real_time_signal_dies_by_it_as_without_us(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "die", "64"), FAST_RATE);
}

static void test_sigwait_for_all_signals_gets_none_of_ours(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("signals", "wait-for-any"), DEFAULT_RATE);
    check_alike(ARGUMENTS("signals", "wait-for-any"), FAST_RATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_finds_all_dispositions_as_without_us),
        cmocka_unit_test(test_sigprof_from_outside_ends_a_program_without_a_handler),
        cmocka_unit_test(test_timer_without_a_handler_ends_the_program),
        cmocka_unit_test(test_programs_own_timer_ticks_as_without_us_and_sampling_goes_on),
        cmocka_unit_test(test_programs_own_posix_timer_keeps_sigprof),
        cmocka_unit_test(test_signal_returns_what_the_program_set),
        cmocka_unit_test(test_handlers_set_by_other_names_get_no_signal_of_ours),
        cmocka_unit_test(test_flags_and_masks_of_handlers_hold),
        cmocka_unit_test(test_ignored_sigprof_is_ignored_by_executed_programs),
        cmocka_unit_test(test_program_that_takes_all_signals_gets_none_of_ours),
        cmocka_unit_test(test_program_that_takes_our_real_time_signal_dies_by_it_as_without_us),
        cmocka_unit_test(test_sigwait_for_all_signals_gets_none_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
