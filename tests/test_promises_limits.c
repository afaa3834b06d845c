/* SPDX-License-Identifier: MIT */
/* Where the system gives little, the program has all of it. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/promise_kit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024u * 1024u)

static struct promise_pair run_limited(const char *const *argument, uint32_t cpu_period_us, int resource, rlim_t value)
{
    struct target target = {.argument = argument, .limit = {{resource, value}}, .limit_count = 1};
    struct promise_pair pair = promise_run(target, cpu_period_us);
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_true(WIFEXITED(pair.plain.status));
    return pair;
}

static void test_without_pending_signals_nothing_is_sampled_and_all_is_counted(void **state)
{
    (void)state;
    struct promise_pair pair = run_limited(ARGUMENTS("process", "work"), DEFAULT_RATE, RLIMIT_SIGPENDING, 0);
    assert_int_equal(pair.session_count, 1);
    assert_true(capture_session_is_sound(pair.session));
    assert_string_equal(pair.session->mechanism, "thread-cpu-timer");
    assert_int_equal(pair.session->weight, 0);
    assert_true(capture_session_sums(pair.session).dropped_no_slot * pair.session->period_us >= 150000);
    promise_done(&pair);
}

static void test_timers_take_an_eighth_of_the_pending_signals(void **state)
{
    (void)state;
    struct promise_pair pair =
        run_limited(ARGUMENTS("threads", "many", "20", "30"), DEFAULT_RATE, RLIMIT_SIGPENDING, 64);
    struct capture_sums sums = capture_session_sums(pair.session);
    assert_true(capture_session_is_sound(pair.session));
    assert_in_range(sums.sampled_threads, 1, 8);
    assert_true(sums.dropped_no_slot > 0);
    promise_done(&pair);
}

/* An event's signal that finds no room becomes a SIGIO, and a standard signal loses what it carries: both would end the
 * program. */
static void check_without_pending_signals(const char *mechanism)
{
    struct target target = {.argument = ARGUMENTS("signals", "own-timer"),
                            .mechanism = mechanism,
                            .limit = {{RLIMIT_SIGPENDING, 0}},
                            .limit_count = 1};
    struct promise_pair pair = promise_run(target, FAST_RATE);
    assert_int_equal(pair.profiled.status, pair.plain.status);
    assert_int_equal(target_number(&pair.profiled, "strange"), 0);
    assert_int_equal(pair.session_count, 1);
    assert_true(capture_session_is_sound(pair.session));
    struct capture_sums sums = capture_session_sums(pair.session);
    if ((sums.sent + sums.dropped) * pair.session->period_us < 450000)
        fail_msg("%s: %u sent, %u dropped", mechanism, (unsigned)sums.sent, (unsigned)sums.dropped);
    promise_done(&pair);
}

static void test_program_without_pending_signals_lives_with_every_mechanism(void **state)
{
    (void)state;
    check_without_pending_signals("perf-cpu-clock");
    check_without_pending_signals("signal-runnable");
    check_without_pending_signals("thread-cpu-timer");
}

static void test_eight_descriptors_are_the_programs(void **state)
{
    (void)state;
    struct promise_pair pair = run_limited(ARGUMENTS("process", "descriptors"), FAST_RATE, RLIMIT_NOFILE, 8);
    assert_int_equal(pair.session_count, 1);
    assert_true(capture_session_is_sound(pair.session));
    promise_done(&pair);
}

/* The program needs 100 MiB and has little more: what we would map is missing then. */
static void test_limited_address_space_is_the_programs(void **state)
{
    (void)state;
    struct promise_pair pair = run_limited(ARGUMENTS("process", "allocate", "100"), DEFAULT_RATE, RLIMIT_AS, 160 * MIB);
    assert_int_equal(pair.profiled.status, 0);
    assert_string_not_equal(pair.profiled.log, "");
    promise_done(&pair);
}

static void test_limited_data_is_the_programs(void **state)
{
    (void)state;
    struct promise_pair pair =
        run_limited(ARGUMENTS("process", "allocate", "100"), DEFAULT_RATE, RLIMIT_DATA, 130 * MIB);
    assert_int_equal(pair.profiled.status, 0);
    assert_string_not_equal(pair.profiled.log, "");
    promise_done(&pair);
}

static void test_program_with_a_generous_limit_is_sampled(void **state)
{
    (void)state;
    struct promise_pair pair =
        run_limited(ARGUMENTS("process", "allocate", "100"), DEFAULT_RATE, RLIMIT_AS, (rlim_t)4096 * MIB);
    assert_int_equal(pair.session_count, 1);
    assert_true(pair.session->sample_count > 0);
    promise_done(&pair);
}

static void test_limit_on_file_sizes_changes_nothing(void **state)
{
    (void)state;
    struct promise_pair pair = run_limited(ARGUMENTS("process", "work"), FAST_RATE, RLIMIT_FSIZE, 0);
    assert_int_equal(pair.session_count, 1);
    promise_done(&pair);
}

/* -------------------------------------------------------------------------------------------------------- company */

/* The first of these that is there, or NULL. */
static const char *find_library(const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        if (access(*paths, R_OK) == 0)
            return *paths;
    }
    return NULL;
}

static void check_with_preload(const char *const *paths)
{
    const char *library = find_library(paths);
    if (library == NULL)
        skip(); /* not installed */
    struct target target = {.argument = ARGUMENTS("threads", "many", "50", "5"), .other_preload = library};
    struct promise_pair pair = promise_run(target, FAST_RATE);
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_int_equal(pair.session_count, 1);
    assert_true(capture_session_is_sound(pair.session));
    promise_check_coverage(pair.session, 0.1);
    promise_done(&pair);
}

static void test_agent_works_beside_tcmalloc(void **state)
{
    (void)state;
    check_with_preload(ARGUMENTS("/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4", "/usr/lib64/libtcmalloc.so.4"));
}

static void test_agent_works_beside_jemalloc(void **state)
{
    (void)state;
    check_with_preload(ARGUMENTS("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2"));
}

/* gperftools' profiler has SIGPROF and its timer to itself, and we go on with another signal. */
static void test_agent_works_beside_another_profiler(void **state)
{
    char profile[256];
    char variable[300];
    const char *library =
        find_library(ARGUMENTS("/usr/lib/x86_64-linux-gnu/libprofiler.so.0", "/usr/lib64/libprofiler.so.0"));
    struct stat status;
    (void)state;
    if (library == NULL)
        skip(); /* not installed */
    snprintf(profile, sizeof profile, "%s/other.prof", target_folder());
    snprintf(variable, sizeof variable, "CPUPROFILE=%s", profile);
    struct target target = {.argument = ARGUMENTS("process", "work"),
                            .other_preload = library,
                            .variable = (const char *const[]){variable, NULL}};
    struct promise_pair pair = promise_run(target, FAST_RATE);
    assert_int_equal(pair.profiled.status, pair.plain.status);
    assert_int_equal(stat(profile, &status), 0);
    assert_true(capture_session_is_sound(pair.session));
    promise_check_coverage(pair.session, 0.2);
    promise_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_pending_signals_nothing_is_sampled_and_all_is_counted),
        cmocka_unit_test(test_timers_take_an_eighth_of_the_pending_signals),
        cmocka_unit_test(test_program_without_pending_signals_lives_with_every_mechanism),
        cmocka_unit_test(test_eight_descriptors_are_the_programs),
        cmocka_unit_test(test_limited_address_space_is_the_programs),
        cmocka_unit_test(test_limited_data_is_the_programs),
        cmocka_unit_test(test_program_with_a_generous_limit_is_sampled),
        cmocka_unit_test(test_limit_on_file_sizes_changes_nothing),
        cmocka_unit_test(test_agent_works_beside_tcmalloc),
        cmocka_unit_test(test_agent_works_beside_jemalloc),
        cmocka_unit_test(test_agent_works_beside_another_profiler),
    };
    return cmocka_run_group_tests(tests, NULL, promise_remove_files);
}
