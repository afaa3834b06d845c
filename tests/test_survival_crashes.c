/* SPDX-License-Identifier: MIT */
/* A program that crashes does so as without us: by the same signal, with a core dump where there is one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The agent itself, with its data, as any library. The memory that it maps is not dumped. */
#define CORE_SPARE (4 * 1024 * 1024)

struct core_files {
    unsigned count;
    long long size;
};

/* The core files in the folder that programs run in, which are removed. */
static struct core_files take_core_files(void)
{
    struct core_files found = {0, 0};
    DIR *folder = opendir(target_folder());
    struct dirent *entry;
    struct stat status;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, "core", 4) != 0 || fstatat(dirfd(folder), entry->d_name, &status, 0) < 0)
            continue;
        found.count++;
        found.size += status.st_size;
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    return found;
}

/* Where dumps go to a file beside the program we look for it; elsewhere there is only the flag in the status. */
static bool has_core_files(void)
{
    char pattern[256] = "|";
    FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
    if (file != NULL) {
        (void)!fgets(pattern, sizeof pattern, file);
        fclose(file);
    }
    return strncmp(pattern, "core", 4) == 0;
}

/* As large as the system allows. */
static struct target_limit core_limit(void)
{
    struct rlimit limit = {0, 0};
    getrlimit(RLIMIT_CORE, &limit);
    return (struct target_limit){RLIMIT_CORE, limit.rlim_max};
}

static void check_crash(struct target target, const struct target_outcome *plain, struct core_files plain_core)
{
    struct promise_pair pair = promise_run_profiled(target, FAST_RATE);
    struct core_files core = take_core_files();
    assert_true(target_behaves_alike(plain, &pair.profiled));
    assert_int_equal(!!WCOREDUMP(pair.profiled.status), !!WCOREDUMP(plain->status));
    assert_int_equal(core.count, plain_core.count);
    assert_in_range(core.size, 0, plain_core.size + CORE_SPARE);
    assert_string_equal(pair.profiled.log, "");
    assert_int_equal(pair.session_count, 1);
    survival_check_cut(pair.session);
    promise_done(&pair);
}

static void check_crashes(const char *verb, int signal_number)
{
    struct target target = {
        .argument = ARGUMENTS(SURVIVAL_PROGRAM("crashes"), verb), .limit = {core_limit()}, .limit_count = 1};
    struct target_outcome plain = target_run(&target);
    struct core_files core = take_core_files();
    assert_true(WIFSIGNALED(plain.status));
    assert_int_equal(WTERMSIG(plain.status), signal_number);
    if (has_core_files())
        assert_int_equal(core.count, !!WCOREDUMP(plain.status));
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        target.mechanism = *mechanism;
        check_crash(target, &plain, core);
    }
    target_outcome_done(&plain);
}

static void survive_crash_in_main(void **state)
{
    (void)state;
    check_crashes("main", SIGSEGV);
}

static void survive_crash_in_a_thread(void **state)
{
    (void)state;
    check_crashes("thread", SIGSEGV);
}

static void survive_crash_in_a_handler(void **state)
{
    (void)state;
    check_crashes("handler", SIGSEGV);
}

static void survive_crash_in_a_handler_of_crashes(void **state)
{
    (void)state;
    check_crashes("twice", SIGSEGV);
}

static void survive_crash_in_two_threads_at_once(void **state)
{
    (void)state;
    check_crashes("two-threads", SIGSEGV);
}

static void survive_crash_by_abort(void **state)
{
    (void)state;
    check_crashes("abort", SIGABRT);
}

static void survive_crash_by_a_wrong_instruction(void **state)
{
    (void)state;
    check_crashes("trap", SIGILL);
}

static void survive_crash_by_division(void **state)
{
    (void)state;
    check_crashes("divide", SIGFPE);
}

static void survive_crash_by_a_file_that_became_shorter(void **state)
{
    (void)state;
    check_crashes("lost-file", SIGBUS);
}

static void survive_crash_by_stack_overflow(void **state)
{
    (void)state;
    check_crashes("overflow", SIGSEGV);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_crash_in_main),
    cmocka_unit_test(survive_crash_in_a_thread),
    cmocka_unit_test(survive_crash_in_a_handler),
    cmocka_unit_test(survive_crash_in_a_handler_of_crashes),
    cmocka_unit_test(survive_crash_in_two_threads_at_once),
    cmocka_unit_test(survive_crash_by_abort),
    cmocka_unit_test(survive_crash_by_a_wrong_instruction),
    cmocka_unit_test(survive_crash_by_division),
    cmocka_unit_test(survive_crash_by_a_file_that_became_shorter),
    cmocka_unit_test(survive_crash_by_stack_overflow),
};

SURVIVAL_MAIN(tests)
