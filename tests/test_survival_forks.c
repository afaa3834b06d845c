/* SPDX-License-Identifier: MIT */
/* Forks, and programs that are executed in unusual places. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define FORKS SURVIVAL_PROGRAM("forks")
/* What the large process touches, and what has to be free for it: kernels, page caches and other tests want some too. */
#define LARGE_MIB "4096"
#define FREE_KIB  (UINT64_C(7) << 20)

static uint64_t available_kib(void)
{
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, "MemAvailable: %lu", &kib) != 1)
        ;
    if (file != NULL)
        fclose(file);
    return kib;
}

static void check(const char *verb, const char *mechanism)
{
    struct target target = {.argument = ARGUMENTS(FORKS, verb), .mechanism = mechanism};
    struct promise_pair pair = survival_check(target);
    assert_int_equal(capture_host_connections(pair.host), 1);
    assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
    promise_done(&pair);
}

/* Each fork copies the tables of a million pages, which takes longer than the 1 ms between two samples. */
static void survive_forks_of_a_process_of_4_gib(void **state)
{
    (void)state;
    if (available_kib() < FREE_KIB)
        survival_skip("there are less than 7 GiB of memory free");
    /* The mechanism whose signals come while the kernel works for the thread too. */
    struct target target = {.argument = ARGUMENTS(FORKS, "storm", LARGE_MIB, "3"), .mechanism = "thread-cpu-timer"};
    struct promise_pair pair = survival_check(target);
    assert_int_equal(capture_host_connections(pair.host), 1);
    assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
    promise_done(&pair);
}

static void survive_a_storm_of_forks(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        struct target target = {.argument = ARGUMENTS(FORKS, "storm", "64", "50"), .mechanism = *mechanism};
        struct promise_pair pair = survival_check(target);
        assert_int_equal(capture_host_connections(pair.host), 1);
        assert_int_equal(target_number(&pair.profiled, "wrong"), 0);
        promise_done(&pair);
    }
}

static void survive_forks_by_eight_threads_at_once(void **state)
{
    (void)state;
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++)
        check("threads", *mechanism);
}

static void survive_vforks_by_eight_threads_at_once(void **state)
{
    (void)state;
    check("vfork-threads", NULL);
}

static void survive_forks_in_signal_handlers(void **state)
{
    (void)state;
    check("handlers", NULL);
}

static void survive_exec_by_a_thread_that_is_not_main(void **state)
{
    (void)state;
    struct promise_pair pair = survival_check((struct target){.argument = ARGUMENTS(FORKS, "exec-from-thread")});
    assert_int_equal(pair.session_count, 2);
    assert_int_equal(pair.session->goodbye, SPIPE_GOODBYE_TARGET_EXECS);
    const struct capture_session *second = capture_host_session(pair.host, 1);
    assert_memory_equal(second->process_id, pair.session->process_id, sizeof second->process_id);
    assert_int_equal(second->session_number, 2);
    promise_done(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_forks_of_a_process_of_4_gib),
    cmocka_unit_test(survive_a_storm_of_forks),
    cmocka_unit_test(survive_forks_by_eight_threads_at_once),
    cmocka_unit_test(survive_vforks_by_eight_threads_at_once),
    cmocka_unit_test(survive_forks_in_signal_handlers),
    cmocka_unit_test(survive_exec_by_a_thread_that_is_not_main),
};

SURVIVAL_MAIN(tests)
