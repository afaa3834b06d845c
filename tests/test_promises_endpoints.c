/* SPDX-License-Identifier: MIT */
/* Whatever is at the endpoint, the program runs as without the agent, hardly later, and the log says why there is no
 * profile. */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534u
/* The program's own 200 ms vary with the machine. */
#define SLACK_US 400000u
#define HELD_US  1000000u

static struct target_outcome plain;

static int run_plain(void **state)
{
    (void)state;
    plain = target_run(&(struct target){.argument = ARGUMENTS("process", "work")});
    return 0;
}

static int forget_plain(void **state)
{
    target_outcome_done(&plain);
    return promise_remove_files(state);
}

static uint64_t run_unprofiled(const struct target *target, const char *reason)
{
    struct target_outcome outcome = target_run(target);
    uint64_t elapsed_us = outcome.elapsed_us;
    assert_true(target_behaves_alike(&plain, &outcome));
    if (strstr(outcome.log, reason) == NULL)
        fail_msg("%s: the log says: %s", target->endpoint, outcome.log);
    target_outcome_done(&outcome);
    return elapsed_us;
}

/* A machine that is busy with other things gets a second and a third chance to be in time. */
static void check_unprofiled(const char *endpoint, bool starts_now, uint64_t most_held_us, const char *reason)
{
    struct target target = {.argument = ARGUMENTS("process", "work"), .endpoint = endpoint, .starts_now = starts_now};
    uint64_t most_us = plain.elapsed_us + most_held_us + SLACK_US;
    uint64_t elapsed_us = run_unprofiled(&target, reason);
    for (unsigned i = 0; i < 2 && elapsed_us > most_us; i++)
        elapsed_us = run_unprofiled(&target, reason);
    if (elapsed_us > most_us)
        fail_msg("%s: %u us instead of %u us", endpoint, (unsigned)elapsed_us, (unsigned)most_us);
}

/* With `wait` the program may be held for a second, with `now` not at all. */
static void check_host(enum capture_manner manner, uint64_t most_held_us, const char *reason)
{
    struct capture_settings settings = {.manner = manner, .cpu_period_us = DEFAULT_RATE};
    struct capture_host *host = capture_host_start(target_folder(), settings);
    check_unprofiled(capture_host_endpoint(host), false, most_held_us, reason);
    check_unprofiled(capture_host_endpoint(host), true, 0, reason);
    capture_host_free(host);
}

static void test_endpoint_without_anything_is_named_in_the_log(void **state)
{
    (void)state;
    check_unprofiled("unix:/nowhere/at/all", false, 0, "cannot connect: not found");
    check_unprofiled("pipe:nobody-listens-here", true, 0, "cannot connect: not found");
}

static void test_endpoint_that_is_no_endpoint_is_named_in_the_log(void **state)
{
    (void)state;
    check_unprofiled("somewhere", false, 0, "the endpoint cannot be used");
    check_unprofiled("fd:900,901", false, 0, "cannot connect");
}

static void test_plain_file_is_left_alone(void **state)
{
    char path[256];
    struct stat status;
    (void)state;
    snprintf(path, sizeof path, "%s/plain", target_folder());
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(file, "not a socket", 12), 12);
    check_unprofiled(path, false, 0, "cannot connect: there is something else at this endpoint");
    assert_int_equal(fstat(file, &status), 0);
    assert_int_equal(status.st_size, 12);
    close(file);
}

static void test_host_that_never_accepts_holds_the_program_for_a_second_at_most(void **state)
{
    (void)state;
    check_host(CAPTURE_NEVER_ACCEPTS, HELD_US, "did not send a configuration");
}

static void test_silent_host_holds_the_program_for_a_second_at_most(void **state)
{
    (void)state;
    check_host(CAPTURE_SILENT, HELD_US, "did not send a configuration");
}

static void test_host_that_hangs_up_changes_nothing(void **state)
{
    (void)state;
    check_host(CAPTURE_HANGS_UP, 0, "stackpipe[");
}

static void test_garbage_is_refused(void **state)
{
    (void)state;
    check_host(CAPTURE_GARBAGE, 0, "refused the host");
}

static void test_other_major_version_is_refused_with_words(void **state)
{
    (void)state;
    struct capture_settings settings = {.manner = CAPTURE_OTHER_MAJOR, .cpu_period_us = DEFAULT_RATE};
    struct capture_host *host = capture_host_start(target_folder(), settings);
    check_unprofiled(capture_host_endpoint(host), false, 0, "another major version");
    assert_int_equal(capture_host_finish(host), 1);
    assert_true(capture_host_session(host, 0)->has_refusal);
    assert_non_null(strstr(capture_host_session(host, 0)->refusal, "major version"));
    assert_false(capture_host_session(host, 0)->has_hello);
    capture_host_free(host);
}

static void test_configuration_with_another_token_is_refused(void **state)
{
    (void)state;
    struct capture_settings settings = {.manner = CAPTURE_WRONG_TOKEN, .cpu_period_us = DEFAULT_RATE};
    struct capture_host *host = capture_host_start(target_folder(), settings);
    check_unprofiled(capture_host_endpoint(host), false, 0, "token");
    assert_int_equal(capture_host_finish(host), 1);
    assert_false(capture_host_session(host, 0)->has_hello);
    capture_host_free(host);
}

static void test_garbage_in_a_session_ends_it_and_not_the_program(void **state)
{
    (void)state;
    struct capture_settings settings = {.manner = CAPTURE_LATER_GARBAGE, .cpu_period_us = FAST_RATE};
    struct capture_host *host = capture_host_start(target_folder(), settings);
    struct target_outcome outcome = promise_run_with((struct target){.argument = ARGUMENTS("process", "work")}, host);
    assert_true(target_behaves_alike(&plain, &outcome));
    assert_int_equal(capture_host_finish(host), 1);
    assert_true(capture_host_session(host, 0)->has_goodbye);
    assert_int_equal(capture_host_session(host, 0)->goodbye, SPIPE_GOODBYE_AGENT_FAILED);
    target_outcome_done(&outcome);
    capture_host_free(host);
}

static void test_host_of_another_user_gets_nothing(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can be another user as well */
    struct capture_settings settings = {.manner = CAPTURE_CLOSES, .cpu_period_us = FAST_RATE};
    struct capture_host *host = capture_host_start_process(target_folder(), settings, NOBODY);
    check_unprofiled(capture_host_endpoint(host), false, 0, "belongs to another user");
    capture_host_free(host);
}

/* ---------------------------------------------------------------------------------------------------- other users */

static bool copy_file(const char *from, const char *to)
{
    char bytes[65536];
    ssize_t len;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    bool is_whole = in >= 0 && out >= 0;
    while (is_whole && (len = read(in, bytes, sizeof bytes)) > 0)
        is_whole = write(out, bytes, (size_t)len) == len;
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return is_whole;
}

/* A copy of a target that runs as nobody, whoever calls it. */
static void make_set_uid_copy(const char *name, char *path, size_t size)
{
    char original[512];
    target_path(name, original, sizeof original);
    snprintf(path, size, "%s/%s-set-uid", target_folder(), name);
    assert_true(copy_file(original, path));
    assert_int_equal(chown(path, NOBODY, NOBODY), 0);
    assert_int_equal(chmod(path, 04755), 0);
}

static void test_set_uid_program_is_left_alone(void **state)
{
    char path[512];
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can make a program of another user's */
    make_set_uid_copy("linked", path, sizeof path);
    struct target target = {.argument = (const char *const[]){path, "secure", NULL}, .loading = TARGET_LINKED};
    struct promise_pair pair = promise_run(target, DEFAULT_RATE);
    if (target_number(&pair.plain, "secure") != 1) {
        promise_done(&pair);
        skip(); /* the file system has no set-uid, or nobody may not read the build */
    }
    assert_true(target_behaves_alike(&pair.plain, &pair.profiled));
    assert_int_equal(capture_host_connections(pair.host), 0);
    promise_done(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint_without_anything_is_named_in_the_log),
        cmocka_unit_test(test_endpoint_that_is_no_endpoint_is_named_in_the_log),
        cmocka_unit_test(test_plain_file_is_left_alone),
        cmocka_unit_test(test_host_that_never_accepts_holds_the_program_for_a_second_at_most),
        cmocka_unit_test(test_silent_host_holds_the_program_for_a_second_at_most),
        cmocka_unit_test(test_host_that_hangs_up_changes_nothing),
        cmocka_unit_test(test_garbage_is_refused),
        cmocka_unit_test(test_other_major_version_is_refused_with_words),
        cmocka_unit_test(test_configuration_with_another_token_is_refused),
        cmocka_unit_test(test_garbage_in_a_session_ends_it_and_not_the_program),
        cmocka_unit_test(test_host_of_another_user_gets_nothing),
        cmocka_unit_test(test_set_uid_program_is_left_alone),
    };
    return cmocka_run_group_tests(tests, run_plain, forget_plain);
}
