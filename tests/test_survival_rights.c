/* SPDX-License-Identifier: MIT */
/* Users, namespaces, roots, descriptors and filters: what a program may do to the process that we live in. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIGHTS SURVIVAL_PROGRAM("rights")

static void need_root(void)
{
    if (geteuid() != 0)
        survival_skip("only root can do this");
}

static void check(const char *verb)
{
    struct promise_pair pair = survival_check((struct target){.argument = ARGUMENTS(RIGHTS, verb)});
    promise_done(&pair);
}

static void survive_users_and_groups_changed_and_back(void **state)
{
    (void)state;
    need_root();
    survival_check_by_each_mechanism((struct target){.argument = ARGUMENTS(RIGHTS, "ids")});
}

/* A copy that belongs to root and says so to whoever executes it. */
static void make_helper(char *path, size_t size)
{
    char original[512];
    struct stat status;
    target_path(RIGHTS, original, sizeof original);
    snprintf(path, size, "%s/helper", target_folder());
    int from = open(original, O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_int_equal(fstat(from, &status), 0);
    assert_int_equal(sendfile(to, from, NULL, (size_t)status.st_size), status.st_size);
    assert_int_equal(fchmod(to, 04755), 0);
    close(from);
    close(to);
}

static void check_helper(const char *how)
{
    char helper[128];
    make_helper(helper, sizeof helper);
    struct promise_pair pair =
        survival_check((struct target){.argument = ARGUMENTS(RIGHTS, "helper", helper, how)});
    assert_non_null(strstr(pair.profiled.output, "helper 0: users 65534 0 0"));
    assert_int_equal(capture_host_connections(pair.host), 1);
    promise_done(&pair);
}

static void survive_a_set_uid_helper_of_a_child(void **state)
{
    (void)state;
    need_root();
    check_helper("child");
}

static void survive_a_set_uid_helper_in_our_place(void **state)
{
    (void)state;
    need_root();
    check_helper("itself");
}

static void survive_namespaces_that_are_left(void **state)
{
    (void)state;
    need_root();
    check("unshare");
}

static void survive_namespaces_that_are_joined(void **state)
{
    (void)state;
    need_root();
    check("setns");
}

static void survive_another_root(void **state)
{
    (void)state;
    need_root();
    struct promise_pair pair =
        survival_check((struct target){.argument = ARGUMENTS(RIGHTS, "chroot", target_folder())});
    assert_int_equal(pair.session_count, 1);
    promise_done(&pair);
}

static void survive_descriptors_closed_in_every_way_and_used_again(void **state)
{
    (void)state;
    survival_check_by_each_mechanism((struct target){.argument = ARGUMENTS(RIGHTS, "descriptors")});
}

/* The launcher has no agent; what it executes behind the filter has, as far as the environment goes. Returns how many
 * connections there were. */
static size_t run_launched(const char *action, const char *filters)
{
    char preload[600];
    char endpoint[300];
    struct capture_host *host =
        capture_host_start(target_folder(), (struct capture_settings){.cpu_period_us = FAST_RATE});
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", target_agent());
    snprintf(endpoint, sizeof endpoint, "STACKPIPE_ENDPOINT=%s", capture_host_endpoint(host));
    struct target target = {.argument = ARGUMENTS(RIGHTS, "launch", action, preload, endpoint,
                                                  "STACKPIPE_TOKEN=" CAPTURE_TOKEN, "STACKPIPE_START=wait", filters)};
    struct target_outcome outcome = target_run(&target);
    assert_int_equal(outcome.status, 54 << 8);
    assert_string_equal(outcome.output, "behind the filter\n");
    assert_string_equal(outcome.complaints, "");
    size_t sessions = capture_host_finish(host);
    for (size_t i = 0; i < sessions; i++)
        survival_check_session(capture_host_session(host, i));
    size_t connections = capture_host_connections(host);
    capture_host_free(host);
    target_outcome_done(&outcome);
    return connections;
}

/* What such a filter does to our calls cannot be known: the program runs on, unprofiled. */
static void survive_a_killing_filter_set_before_us(void **state)
{
    (void)state;
    assert_int_equal(run_launched("kill", NULL), 0);
}

static void survive_a_harmless_filter_that_the_launcher_tells_of(void **state)
{
    (void)state;
    assert_int_equal(run_launched("allow", "STACKPIPE_FILTERS=1"), 1);
}

/* The thread's last call cannot say Goodbye; the pump finds nobody left, and does. */
static void survive_strict_filtering(void **state)
{
    (void)state;
    check("strict");
}

static void survive_a_processor_without_a_counter(void **state)
{
    (void)state;
    check("without-counter");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_users_and_groups_changed_and_back),
    cmocka_unit_test(survive_a_set_uid_helper_of_a_child),
    cmocka_unit_test(survive_a_set_uid_helper_in_our_place),
    cmocka_unit_test(survive_namespaces_that_are_left),
    cmocka_unit_test(survive_namespaces_that_are_joined),
    cmocka_unit_test(survive_another_root),
    cmocka_unit_test(survive_descriptors_closed_in_every_way_and_used_again),
    cmocka_unit_test(survive_a_killing_filter_set_before_us),
    cmocka_unit_test(survive_a_harmless_filter_that_the_launcher_tells_of),
    cmocka_unit_test(survive_strict_filtering),
    cmocka_unit_test(survive_a_processor_without_a_counter),
};

SURVIVAL_MAIN(tests)
