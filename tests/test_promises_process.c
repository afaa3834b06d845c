/* SPDX-License-Identifier: MIT */
/* The process looks to itself as it does without the agent: descriptors, environment, threads, users. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void check_alike(const char *const *argument, uint32_t cpu_period_us)
{
    struct promise_pair pair = promise_check(argument, cpu_period_us, 1);
    assert_true(pair.session->sample_count > 0);
    assert_true(pair.session->has_goodbye);
    promise_done(&pair);
}

static void test_program_and_child_see_the_same_descriptors(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        struct promise_pair pair = promise_check_by(*mechanism, ARGUMENTS("process", "descriptors"), FAST_RATE, 1);
        assert_string_equal(pair.session->mechanism, *mechanism);
        promise_done(&pair);
    }
}

static void test_program_that_closes_everything_keeps_its_files_to_itself(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("process", "take-all-descriptors"), FAST_RATE, 1);
    assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
    assert_true(pair.session->has_goodbye);
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_environment_is_what_the_program_was_meant_to_have(void **state)
{
    (void)state;
    check_alike(ARGUMENTS("process", "environment"), DEFAULT_RATE);
}

static void test_other_preloads_are_kept(void **state)
{
    char other[512];
    target_path("libplugin.so", other, sizeof other);
    struct target target = {.argument = ARGUMENTS("process", "environment"), .other_preload = other};
    struct promise_pair pair = promise_run(target, DEFAULT_RATE);
    (void)state;
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_non_null(strstr(pair.profiled.output, other));
    assert_int_equal(pair.session_count, 1);
    promise_done(&pair);
}

static void test_nothing_is_printed(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("process", "work"), FAST_RATE, 1);
    assert_string_equal(pair.profiled.output, "");
    assert_string_equal(pair.profiled.complaints, "");
    promise_done(&pair);
}

static void test_single_threaded_program_stays_so_for_libc(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("process", "single-threaded"), FAST_RATE, 1);
    if (WEXITSTATUS(pair.plain.status) == 77) {
        promise_done(&pair);
        skip(); /* this libc does not say it */
    }
    assert_string_equal(pair.profiled.output, "at start 1\nlater 1\n");
    promise_done(&pair);
}

static void check_change_of_user(const char *mechanism, const char *tasks)
{
    struct target target = {.argument = ARGUMENTS("process", "change-user"), .mechanism = mechanism};
    struct promise_pair pair = promise_run(target, FAST_RATE);
    assert_int_equal(pair.profiled.status, 0);
    assert_string_equal(pair.profiled.output, pair.plain.output);
    assert_int_equal(target_number(&pair.profiled, "others"), 0);
    /* There were threads of ours to follow. */
    assert_string_equal(pair.plain.complaints, "tasks 1\n");
    assert_string_equal(pair.profiled.complaints, tasks);
    assert_int_equal(pair.session_count, 1);
    assert_true(pair.session->has_goodbye);
    promise_done(&pair);
}

static void test_change_of_user_takes_the_agent_along(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can become another user */
    check_change_of_user("thread-cpu-timer", "tasks 2\n");
    check_change_of_user("signal-runnable", "tasks 3\n");
}

static void test_program_makes_a_user_namespace_as_without_us(void **state)
{
    (void)state;
    struct promise_pair pair =
        promise_run((struct target){.argument = ARGUMENTS("process", "namespace")}, DEFAULT_RATE);
    if (target_number(&pair.plain, "unshare") != 0) {
        promise_done(&pair);
        skip(); /* this system forbids it */
    }
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_int_equal(pair.session_count, 2);
    assert_true(pair.session->has_goodbye);
    assert_true(capture_session_is_sound(pair.session));
    assert_int_equal(capture_host_session(pair.host, 1)->session_number, 2);
    assert_true(capture_session_is_sound(capture_host_session(pair.host, 1)));
    promise_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_and_child_see_the_same_descriptors),
        cmocka_unit_test(test_program_that_closes_everything_keeps_its_files_to_itself),
        cmocka_unit_test(test_environment_is_what_the_program_was_meant_to_have),
        cmocka_unit_test(test_other_preloads_are_kept),
        cmocka_unit_test(test_nothing_is_printed),
        cmocka_unit_test(test_single_threaded_program_stays_so_for_libc),
        cmocka_unit_test(test_change_of_user_takes_the_agent_along),
        cmocka_unit_test(test_program_makes_a_user_namespace_as_without_us),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
