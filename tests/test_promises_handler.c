/* SPDX-License-Identifier: MIT */
/* What the signal handler leaves alone, and where it can run. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"

#include <string.h>
#include <sys/wait.h>

/* The half second behind the filter must be in the samples: they cannot all be from before it. */
static void check_sampled_behind_filter(const struct capture_session *session)
{
    assert_true(session->weight * session->period_us > 400000);
}

static void check_filter(const char *mechanism, const char *how, uint32_t cpu_period_us)
{
    struct promise_pair pair = promise_check_by(mechanism, ARGUMENTS("handler", "filter-own", how), cpu_period_us, 1);
    assert_true(WIFEXITED(pair.profiled.status));
    check_sampled_behind_filter(pair.session);
    /* What only a call could tell apart from a vforked child's end is not the end for us. */
    assert_int_equal(pair.session->has_goodbye, strcmp(how, "_exit") != 0);
    promise_done(&pair);
}

static void test_sampled_thread_makes_no_system_call_behind_a_killing_filter(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++)
        check_filter(*mechanism, "_exit", FAST_RATE);
}

static void test_program_that_returns_from_main_behind_a_killing_filter_says_goodbye(void **state)
{
    (void)state;
    check_filter(NULL, "return", DEFAULT_RATE);
}

static void test_threads_begin_and_end_behind_a_filter_that_allows_what_libc_needs(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("handler", "filter-threads"), FAST_RATE, 1);
    promise_done(&pair);
}

static void test_goodbye_comes_before_a_filter_for_all_threads(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("handler", "filter-all"), FAST_RATE, 1);
    assert_true(WIFEXITED(pair.profiled.status));
    assert_true(pair.session->has_goodbye);
    assert_int_equal(pair.session->goodbye, SPIPE_GOODBYE_AGENT_FAILED);
    promise_check_coverage(pair.session, 0.2);
    promise_done(&pair);
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("handler", "errno"), FAST_RATE, 1);
    assert_true(pair.session->sample_count > 300);
    assert_int_equal(target_number(&pair.profiled, "changed"), 0);
    promise_done(&pair);
}

static void test_red_zone_and_registers_are_kept(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("handler", "registers"), FAST_RATE, 1);
    assert_true(pair.session->sample_count > 300);
    assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
    promise_done(&pair);
}

static void test_coroutines_on_small_stacks_give_the_handler_their_top_frame(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check_by("perf-cpu-clock", ARGUMENTS("handler", "coroutines"), FAST_RATE, 1);
    assert_true(pair.session->end_weight[SPIPE_STAND_IN_OUTSIDE_STACK] > pair.session->weight / 2);
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

/* The kernel copies the stack that the stack pointer points to, whichever it is. */
static void test_coroutines_read_from_rings_show_who_started_them(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check_by("perf-ring", ARGUMENTS("handler", "coroutines"), FAST_RATE, 1);
    if (strcmp(pair.session->mechanism, "perf-ring") != 0)
        skip();
    assert_true(pair.session->sample_count > 0);
    assert_int_equal(pair.session->end_weight[SPIPE_STAND_IN_OUTSIDE_STACK], 0);
    /* libc starts a coroutine with a word below it that is no return address. */
    assert_true(pair.session->end_weight[SPIPE_STAND_IN_NOT_CODE] > pair.session->weight / 2);
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_handlers_on_an_alternate_stack_are_sampled(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("handler", "alternate-stack"), FAST_RATE, 1);
    assert_true(pair.session->end_weight[SPIPE_STAND_IN_OUTSIDE_STACK] > 0);
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampled_thread_makes_no_system_call_behind_a_killing_filter),
        cmocka_unit_test(test_program_that_returns_from_main_behind_a_killing_filter_says_goodbye),
        cmocka_unit_test(test_threads_begin_and_end_behind_a_filter_that_allows_what_libc_needs),
        cmocka_unit_test(test_goodbye_comes_before_a_filter_for_all_threads),
        cmocka_unit_test(test_errno_is_kept),
        cmocka_unit_test(test_red_zone_and_registers_are_kept),
        cmocka_unit_test(test_coroutines_on_small_stacks_give_the_handler_their_top_frame),
        cmocka_unit_test(test_coroutines_read_from_rings_show_who_started_them),
        cmocka_unit_test(test_handlers_on_an_alternate_stack_are_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
