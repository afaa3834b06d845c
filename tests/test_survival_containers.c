/* SPDX-License-Identifier: MIT */
/* Behind the walls of containers: where the agent can work it does, and else the program runs as without it and the log
 * says why. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <string.h>
#include <sys/wait.h>

#define UNAVAILABLE  77
#define BEHIND(wall) ARGUMENTS(SURVIVAL_PROGRAM("enclose"), wall, SURVIVAL_PROGRAM("workers"), "work", "4", "3000", "0")

static struct promise_pair run_behind(const char *const *argument)
{
    /* As a launcher says it that is behind the same filter. */
    static const char *const variables[] = {"STACKPIPE_FILTERS=1", NULL};
    struct promise_pair pair = promise_run(
        (struct target){.argument = argument, .loading = TARGET_ENCLOSED, .variable = variables}, FAST_RATE);
    if (WIFEXITED(pair.plain.status) && WEXITSTATUS(pair.plain.status) == UNAVAILABLE) {
        promise_done(&pair);
        survival_skip("this wall cannot be made here");
    }
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    return pair;
}

/* One whole session with samples of all threads, whose stacks reach their roots. */
static struct promise_pair check_profiled(const char *const *argument)
{
    struct promise_pair pair = run_behind(argument);
    if (pair.session_count != 1)
        fail_msg("%zu sessions; the log: %s", pair.session_count, pair.profiled.log);
    survival_check_session(pair.session);
    assert_true(pair.session->weight > 0);
    assert_true(pair.session->rooted_weight * 10 > pair.session->weight * 9);
    struct capture_sums sums = capture_session_sums(pair.session);
    /* For more than the second after which the agent looks for threads anew. */
    assert_true(sums.sampled_threads >= 4);
    assert_true(sums.dropped_no_slot * 10 < sums.attempted);
    return pair;
}

static void check_unprofiled(const char *const *argument, const char *reason)
{
    struct promise_pair pair = run_behind(argument);
    assert_int_equal(pair.session_count, 1);
    assert_true(pair.session->has_refusal);
    assert_false(pair.session->has_hello);
    assert_non_null(strstr(pair.session->refusal, reason));
    if (strstr(pair.profiled.log, reason) == NULL)
        fail_msg("the log does not say '%s' but: %s", reason, pair.profiled.log);
    promise_done(&pair);
}

static void survive_container_with_pids_of_its_own(void **state)
{
    (void)state;
    struct promise_pair pair = check_profiled(BEHIND("pid-namespace"));
    assert_int_equal(pair.session->pid, 1);
    promise_done(&pair);
}

static void survive_container_with_pids_of_its_own_and_the_proc_of_others(void **state)
{
    (void)state;
    struct promise_pair pair = check_profiled(BEHIND("pid-namespace-and-outer-proc"));
    promise_done(&pair);
}

static void survive_container_with_proc_read_only(void **state)
{
    (void)state;
    struct promise_pair pair = check_profiled(BEHIND("read-only-proc"));
    promise_done(&pair);
}

static void survive_container_without_proc(void **state)
{
    (void)state;
    check_unprofiled(BEHIND("no-proc"), "/proc/self/maps cannot be read");
}

static void survive_container_without_perf(void **state)
{
    (void)state;
    struct promise_pair pair = check_profiled(BEHIND("no-perf"));
    assert_string_equal(pair.session->mechanism, "thread-cpu-timer");
    promise_done(&pair);
}

static void survive_container_that_forbids_to_look_into_memory(void **state)
{
    (void)state;
    struct promise_pair pair = check_profiled(BEHIND("no-memory-calls"));
    promise_done(&pair);
}

static void survive_system_without_close_range(void **state)
{
    (void)state;
    struct promise_pair pair = check_profiled(BEHIND("no-close-range"));
    promise_done(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_container_with_pids_of_its_own),
    cmocka_unit_test(survive_container_with_pids_of_its_own_and_the_proc_of_others),
    cmocka_unit_test(survive_container_with_proc_read_only),
    cmocka_unit_test(survive_container_without_proc),
    cmocka_unit_test(survive_container_without_perf),
    cmocka_unit_test(survive_container_that_forbids_to_look_into_memory),
    cmocka_unit_test(survive_system_without_close_range),
};

SURVIVAL_MAIN(tests)
