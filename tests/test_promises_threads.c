/* SPDX-License-Identifier: MIT */
/* Every thread is found, whenever it was made and however it ends, and each one's account closes. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* Resident memory beside the tables. */
#define MEMORY_MAX_KIB (64 * 1024)

static void check_threads(const char *mechanism, const char *const *argument, uint32_t cpu_period_us,
                          uint32_t least_threads, double tolerance)
{
    struct promise_pair pair = promise_check_by(mechanism, argument, cpu_period_us, 1);
    struct capture_sums sums = capture_session_sums(pair.session);
    assert_true(pair.session->has_goodbye);
    assert_in_range(sums.sampled_threads, least_threads, UINT32_MAX);
    promise_check_coverage(pair.session, tolerance);
    promise_done(&pair);
}

static void test_200_threads_at_once_are_all_found(void **state)
{
    (void)state;
    check_threads(NULL, ARGUMENTS("threads", "many", "200", "5"), FAST_RATE, 200, 0.05);
}

static void test_threads_beyond_our_slots_are_counted(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("threads", "many", "1000", "1"), FAST_RATE, 1);
    assert_true(pair.session->has_goodbye);
    promise_done(&pair);
}

/* Each lives for less than half the period, so most of them have no sample. */
static void test_2000_short_threads_give_what_they_worked(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++)
        check_threads(*mechanism, ARGUMENTS("threads", "storm", "2000", "300"), FAST_RATE, 300, 0.15);
}

static void test_threads_end_by_exit_and_cancellation_as_without_us(void **state)
{
    (void)state;
    check_threads(NULL, ARGUMENTS("threads", "ends"), FAST_RATE, 3, 0.1);
}

static void test_thread_that_blocks_our_signal_is_counted(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("threads", "blocked"), DEFAULT_RATE, 1);
    struct capture_sums sums = capture_session_sums(pair.session);
    assert_true((sums.dropped_blocked + sums.sent) * pair.session->period_us > 1200000);
    assert_true(sums.dropped_blocked > sums.sent);
    promise_done(&pair);
}

static void test_agent_with_200_threads_stays_below_64_mib(void **state)
{
    (void)state;
    struct promise_pair pair = promise_run((struct target){.argument = ARGUMENTS("threads", "memory")}, FAST_RATE);
    long long own = target_number(&pair.profiled, "resident") - target_number(&pair.plain, "resident");
    assert_int_equal(pair.profiled.status, 0);
    assert_true(target_number(&pair.plain, "resident") > 0);
    print_message("resident %lld KiB, mapped %lld KiB\n", own,
                  target_number(&pair.profiled, "mapped") - target_number(&pair.plain, "mapped"));
    assert_in_range(own, 0, MEMORY_MAX_KIB);
    promise_done(&pair);
}

/* ---------------------------------------------------------------------------------- started by the program itself */

static struct promise_pair run_linked(const char *const *argument, uint32_t cpu_period_us)
{
    struct target target = {.argument = argument, .loading = TARGET_STARTS_AGENT};
    struct promise_pair pair = promise_run(target, cpu_period_us);
    assert_string_equal(pair.profiled.complaints, "");
    assert_int_equal(pair.session_count, 1);
    assert_true(capture_session_is_sound(pair.session));
    return pair;
}

static void test_threads_from_before_the_start_are_found(void **state)
{
    (void)state;
    struct promise_pair pair = run_linked(ARGUMENTS("linked", "early-threads"), FAST_RATE);
    assert_int_equal(pair.profiled.status, 0);
    assert_string_equal(pair.profiled.output, "start 0\nagain -12\n");
    assert_string_equal(pair.plain.output, "start -9\nagain -9\n");
    assert_int_equal(capture_session_sums(pair.session).sampled_threads, 5);
    assert_int_equal(pair.session->goodbye, SPIPE_GOODBYE_TOLD_TO_STOP);
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_handler_from_before_the_start_keeps_sigprof_to_itself(void **state)
{
    (void)state;
    struct promise_pair pair = run_linked(ARGUMENTS("linked", "early-handler"), FAST_RATE);
    assert_int_equal(pair.profiled.status, 0);
    assert_string_equal(pair.profiled.output, "own 1\nstrange 0\nkept 1\n");
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_timer_from_before_the_start_ends_the_program_as_without_us(void **state)
{
    (void)state;
    struct promise_pair pair = run_linked(ARGUMENTS("linked", "early-timer"), FAST_RATE);
    assert_true(WIFSIGNALED(pair.profiled.status));
    assert_int_equal(WTERMSIG(pair.profiled.status), SIGPROF);
    promise_done(&pair);
}

static void test_agent_that_was_opened_by_the_program_survives_its_dlclose(void **state)
{
    (void)state;
    struct promise_pair pair = run_linked(ARGUMENTS("unloader", target_agent()), FAST_RATE);
    assert_true(WIFSIGNALED(pair.profiled.status));
    assert_int_equal(WTERMSIG(pair.profiled.status), SIGPROF);
    assert_string_equal(pair.profiled.output, "start 0\nclose 0\n");
    promise_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_200_threads_at_once_are_all_found),
        cmocka_unit_test(test_threads_beyond_our_slots_are_counted),
        cmocka_unit_test(test_2000_short_threads_give_what_they_worked),
        cmocka_unit_test(test_threads_end_by_exit_and_cancellation_as_without_us),
        cmocka_unit_test(test_thread_that_blocks_our_signal_is_counted),
        cmocka_unit_test(test_agent_with_200_threads_stays_below_64_mib),
        cmocka_unit_test(test_threads_from_before_the_start_are_found),
        cmocka_unit_test(test_handler_from_before_the_start_keeps_sigprof_to_itself),
        cmocka_unit_test(test_timer_from_before_the_start_ends_the_program_as_without_us),
        cmocka_unit_test(test_agent_that_was_opened_by_the_program_survives_its_dlclose),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
