/* SPDX-License-Identifier: MIT */
/* Every way to end is as without the agent, and as far as it can be known before, the stream ends with a Goodbye. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"
#include "protocol/status.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What an end may take longer when the host does not take what is sent. */
#define DELAY_US      300000u
#define LEAST_SENT_US 80000u

static void check_goodbye(const char *how)
{
    struct promise_pair pair = promise_check(ARGUMENTS("endings", how), DEFAULT_RATE, 1);
    if (!pair.session->has_goodbye)
        fail_msg("no Goodbye at the end by %s", how);
    assert_int_equal(pair.session->goodbye, SPIPE_GOODBYE_TARGET_EXITS);
    promise_check_coverage(pair.session, 0.25);
    promise_done(&pair);
}

static void test_goodbye_comes_at_every_exit_of_libc(void **state)
{
    (void)state;
    check_goodbye("return");
    check_goodbye("exit");
    check_goodbye("_exit");
    check_goodbye("_Exit");
    check_goodbye("quick_exit");
    check_goodbye("thread");
}

static void test_goodbye_comes_when_the_last_thread_ends(void **state)
{
    (void)state;
    check_goodbye("pthread_exit");
    check_goodbye("after-main");
}

/* Nobody can foresee these: what is there was complete to the last whole message. Returns the CPU time that it holds.
 */
static uint64_t run_cut_us(const char *const *argument, int signal_number)
{
    struct promise_pair pair = promise_run((struct target){.argument = argument}, DEFAULT_RATE);
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    if (signal_number != 0)
        assert_int_equal(WTERMSIG(pair.profiled.status), signal_number);
    assert_int_equal(!!WCOREDUMP(pair.profiled.status), !!WCOREDUMP(pair.plain.status));
    assert_int_equal(pair.session_count, 1);
    assert_true(pair.session->status == 0 || pair.session->status == SPIPE_E_TRUNCATED);
    assert_false(pair.session->has_goodbye);
    assert_int_equal(pair.session->unannounced_count, 0);
    uint64_t sent_us = pair.session->weight * pair.session->period_us;
    promise_done(&pair);
    return sent_us;
}

/* At most one flush interval is lost of 150 ms; a pump that a busy machine lets wait gets a second and a third chance.
 */
static void check_cut(const char *const *argument, int signal_number)
{
    uint64_t sent_us = run_cut_us(argument, signal_number);
    for (unsigned i = 0; i < 2 && sent_us < LEAST_SENT_US; i++)
        sent_us = run_cut_us(argument, signal_number);
    assert_in_range(sent_us, LEAST_SENT_US, UINT64_MAX);
}

static void test_program_dies_by_signals_as_without_us(void **state)
{
    (void)state;
    check_cut(ARGUMENTS("endings", "signal", "9"), SIGKILL);
    check_cut(ARGUMENTS("endings", "signal", "15"), SIGTERM);
    check_cut(ARGUMENTS("endings", "signal", "6"), SIGABRT);
    check_cut(ARGUMENTS("endings", "signal", "11"), SIGSEGV);
    check_cut(ARGUMENTS("endings", "pipe"), SIGPIPE);
}

static void test_program_leaves_a_fault_by_its_own_handler(void **state)
{
    (void)state;
    check_goodbye("in-handler");
}

static void test_exit_by_a_bare_system_call_is_as_without_us(void **state)
{
    (void)state;
    check_cut(ARGUMENTS("endings", "system-call"), 0);
}

/* The shortest of three: the machine may be busy with other things once. */
static uint64_t shortest_run_us(const struct target *target, int status)
{
    uint64_t shortest_us = UINT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        struct target_outcome outcome = target_run(target);
        assert_int_equal(outcome.status, status);
        if (outcome.elapsed_us < shortest_us)
            shortest_us = outcome.elapsed_us;
        target_outcome_done(&outcome);
    }
    return shortest_us;
}

static void check_delay(uint64_t plain_us, uint64_t profiled_us)
{
    if (profiled_us > plain_us + DELAY_US)
        fail_msg("%u us instead of %u us", (unsigned)profiled_us, (unsigned)plain_us);
}

static void test_end_is_not_held_up_by_a_host_that_never_reads(void **state)
{
    struct capture_settings settings = {.manner = CAPTURE_NEVER_READS, .cpu_period_us = FAST_RATE};
    struct capture_host *host = capture_host_start(target_folder(), settings);
    struct target target = {.argument = ARGUMENTS("endings", "return")};
    uint64_t plain_us = shortest_run_us(&target, 11 << 8);
    (void)state;
    target.endpoint = capture_host_endpoint(host);
    check_delay(plain_us, shortest_run_us(&target, 11 << 8));
    capture_host_free(host);
}

/* Such a host serves once. */
static uint64_t run_with_still_host_us(void)
{
    struct capture_settings settings = {.manner = CAPTURE_STANDS_STILL, .cpu_period_us = FAST_RATE};
    struct capture_host *host = capture_host_start_process(target_folder(), settings, geteuid());
    struct target target = {.argument = ARGUMENTS("endings", "return")};
    struct target_outcome outcome = promise_run_with(target, host);
    uint64_t elapsed_us = outcome.elapsed_us;
    assert_int_equal(outcome.status, 11 << 8);
    assert_string_equal(outcome.output, "worked\n");
    target_outcome_done(&outcome);
    capture_host_free(host);
    return elapsed_us;
}

static void test_end_is_not_held_up_by_a_host_that_stands_still(void **state)
{
    struct target target = {.argument = ARGUMENTS("endings", "return")};
    uint64_t plain_us = shortest_run_us(&target, 11 << 8);
    uint64_t profiled_us = run_with_still_host_us();
    (void)state;
    for (unsigned i = 0; i < 2 && profiled_us > plain_us + DELAY_US; i++)
        profiled_us = run_with_still_host_us();
    check_delay(plain_us, profiled_us);
}

static void test_program_outlives_a_host_that_closes_in_the_middle(void **state)
{
    (void)state;
    struct target target = {.argument = ARGUMENTS("endings", "outlive-host")};
    struct capture_host *host =
        capture_host_start(target_folder(),
                           (struct capture_settings){.manner = CAPTURE_CLOSES, .cpu_period_us = FAST_RATE});
    struct target_outcome plain = target_run(&target);
    struct target_outcome profiled = promise_run_with(target, host);
    assert_true(target_behaves_alike(&plain, &profiled));
    assert_non_null(strstr(profiled.log, "closed the connection"));
    assert_int_equal(capture_host_finish(host), 1);
    assert_false(capture_host_session(host, 0)->has_goodbye);
    target_outcome_done(&plain);
    target_outcome_done(&profiled);
    capture_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goodbye_comes_at_every_exit_of_libc),
        cmocka_unit_test(test_goodbye_comes_when_the_last_thread_ends),
        cmocka_unit_test(test_program_dies_by_signals_as_without_us),
        cmocka_unit_test(test_program_leaves_a_fault_by_its_own_handler),
        cmocka_unit_test(test_exit_by_a_bare_system_call_is_as_without_us),
        cmocka_unit_test(test_end_is_not_held_up_by_a_host_that_never_reads),
        cmocka_unit_test(test_end_is_not_held_up_by_a_host_that_stands_still),
        cmocka_unit_test(test_program_outlives_a_host_that_closes_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
