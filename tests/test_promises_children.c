/* SPDX-License-Identifier: MIT */
/* Children run as without the agent and send nothing; the parent's account closes. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void check_children(const char *mechanism, const char *const *argument)
{
    struct promise_pair pair = promise_check_by(mechanism, argument, FAST_RATE, 1);
    assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
    assert_int_equal(target_number(&pair.profiled, "hung"), 0);
    assert_int_equal(capture_host_connections(pair.host), 1);
    assert_int_equal(pair.session->pid, pair.profiled.pid);
    assert_true(pair.session->has_goodbye);
    promise_check_coverage(pair.session, 0.15);
    promise_done(&pair);
}

static void test_forked_children_work_and_send_nothing(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++)
        check_children(*mechanism, ARGUMENTS("children", "forks", "100"));
}

static void test_vforked_children_work_and_send_nothing(void **state)
{
    (void)state;
    check_children(NULL, ARGUMENTS("children", "vforks"));
}

static void test_spawned_children_work_and_send_nothing(void **state)
{
    (void)state;
    check_children(NULL, ARGUMENTS("children", "spawns"));
}

static void test_no_forked_child_finds_the_loader_locked_by_us(void **state)
{
    char plugin[512];
    (void)state;
    target_path("libplugin.so", plugin, sizeof plugin);
    struct promise_pair pair = promise_check(ARGUMENTS("children", "loader", "200", plugin), FAST_RATE, 1);
    assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
    assert_int_equal(target_number(&pair.profiled, "hung"), 0);
    /* A library's destructor runs on the thread that closed it. */
    assert_int_equal(target_number(&pair.profiled, "foreign"), 0);
    promise_done(&pair);
}

static void test_program_that_executes_itself_carries_the_agent_along(void **state)
{
    (void)state;
    struct promise_pair pair = promise_check(ARGUMENTS("children", "exec-self", "1"), DEFAULT_RATE, 2);
    const struct capture_session *second = capture_host_session(pair.host, 1);
    assert_true(pair.session->has_goodbye);
    assert_int_equal(pair.session->goodbye, SPIPE_GOODBYE_TARGET_EXECS);
    assert_int_equal(pair.session->session_number, 1);
    assert_int_equal(second->session_number, 2);
    assert_memory_equal(second->process_id, pair.session->process_id, sizeof second->process_id);
    assert_memory_equal(second->previous_session_id, pair.session->session_id, sizeof second->previous_session_id);
    assert_true(capture_session_is_sound(second));
    assert_int_equal(second->goodbye, SPIPE_GOODBYE_TARGET_EXITS);
    promise_done(&pair);
}

/* The last session holds the 200 ms behind the exec, however many there were. */
static void check_failing_exec(const char *path)
{
    struct target target = {.argument = ARGUMENTS("children", "exec-what-cannot-be", path)};
    struct promise_pair pair = promise_run(target, FAST_RATE);
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_in_range(pair.session_count, 1, 2);
    const struct capture_session *last = capture_host_session(pair.host, pair.session_count - 1);
    assert_true(capture_session_is_sound(last));
    assert_true(last->has_goodbye);
    assert_true(last->weight * last->period_us > 150000);
    promise_done(&pair);
}

static void test_sampling_goes_on_after_an_exec_that_failed(void **state)
{
    char broken[512];
    (void)state;
    check_failing_exec("/nowhere/at/all");
    check_failing_exec("/");
    snprintf(broken, sizeof broken, "%s/broken", target_folder());
    int file = open(broken, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(file,
                           "\x7f"
                           "ELF",
                           4),
                     4);
    close(file);
    check_failing_exec(broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forked_children_work_and_send_nothing),
        cmocka_unit_test(test_vforked_children_work_and_send_nothing),
        cmocka_unit_test(test_spawned_children_work_and_send_nothing),
        cmocka_unit_test(test_no_forked_child_finds_the_loader_locked_by_us),
        cmocka_unit_test(test_program_that_executes_itself_carries_the_agent_along),
        cmocka_unit_test(test_sampling_goes_on_after_an_exec_that_failed),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
