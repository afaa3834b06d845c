/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each test starts its programs from a child of its own, because starting one changes this process's signals for good.
 */
static int run_in_child(void (*body)(void **state), void **state)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        body(state);
        fflush(NULL);
        _exit(0);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static void wait_for_end(struct spipe_launch *launch)
{
    while (!launch->is_over) {
        struct pollfd polled = {.fd = launch->signal_fd, .events = POLLIN};
        CHECK(poll(&polled, 1, 20000) == 1);
        spipe_launch_handle(launch);
    }
}

/* Starts `sh -c script` and waits for its end. Returns the exit code. */
static int run_shell(struct spipe_launch *launch, const char *script)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, NULL};
    CHECK(spipe_launch_prepare(launch) == 0);
    CHECK(spipe_launch_start(launch, "/bin/sh", argv, environ) == 0);
    wait_for_end(launch);
    int code = spipe_launch_exit_code(launch);
    spipe_launch_done(launch);
    return code;
}

static void check_codes(void **state)
{
    (void)state;
    struct spipe_launch launch;
    CHECK(run_shell(&launch, "exit 0") == 0);
    CHECK(run_shell(&launch, "exit 77") == 77);
    CHECK(run_shell(&launch, "kill -SEGV $$") == 128 + SIGSEGV);
    CHECK(run_shell(&launch, "kill -KILL $$") == 128 + SIGKILL);
}

static void test_the_exit_code_is_the_programs_own(void **state)
{
    assert_int_equal(run_in_child(check_codes, state), 0);
}

static void check_failures(void **state)
{
    struct spipe_launch launch;
    const char *file = tool_files_path(state, "file");
    tool_files_write(file, "exit 5\n", 7, 0644);
    char *argv[] = {(char *)file, NULL};
    CHECK(spipe_launch_prepare(&launch) == 0);
    CHECK(spipe_launch_start(&launch, "/no/such/program", argv, environ) == SPIPE_E_NOT_FOUND);
    CHECK(launch.start_errno == ENOENT);
    CHECK(spipe_launch_start(&launch, *state, argv, environ) == SPIPE_E_PERMISSION);
    CHECK(launch.pid == 0);
    /* No child is left behind. */
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void test_a_program_that_cannot_start_says_why(void **state)
{
    assert_int_equal(run_in_child(check_failures, state), 0);
}

static void check_plain_script(void **state)
{
    const char *file = tool_files_path(state, "script");
    const char text[] = "test \"$1\" = one && test \"$2\" = 'two words' && exit 9\n";
    tool_files_write(file, text, sizeof text - 1, 0755);
    char *argv[] = {(char *)"shown-name", (char *)"one", (char *)"two words", NULL};
    struct spipe_launch launch;
    CHECK(spipe_launch_prepare(&launch) == 0);
    CHECK(spipe_launch_start(&launch, file, argv, environ) == 0);
    wait_for_end(&launch);
    CHECK(spipe_launch_exit_code(&launch) == 9);
}

static void test_a_script_without_a_first_line_runs_in_the_shell(void **state)
{
    assert_int_equal(run_in_child(check_plain_script, state), 0);
}

/* What a program can see of its signals, limits and descriptors. */
static const char describe_script[] =
    "grep -E '^(SigBlk|SigIgn|SigCgt|ShdPnd)' /proc/self/status > %s; umask >> %s; ulimit -a >> %s; "
    "cat /proc/self/stat | cut -d' ' -f19 >> %s; pwd >> %s; for f in 0 1 2 3 4 5 6 7 8 9 10 11 12; do "
    "test -e /proc/$$/fd/$f && echo $f >> %s; done; true";

static void describe_directly(void **state)
{
    const char *file = tool_files_path(state, "direct");
    char script[2048];
    snprintf(script, sizeof script, describe_script, file, file, file, file, file, file);
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(1);
}

static void describe_launched(void **state)
{
    const char *file = tool_files_path(state, "launched");
    char script[2048];
    snprintf(script, sizeof script, describe_script, file, file, file, file, file, file);
    struct spipe_launch launch;
    CHECK(run_shell(&launch, script) == 0);
}

static void set_unusual_signals(void)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static void assert_described_alike(void **state)
{
    assert_int_equal(run_in_child(describe_directly, state), 0);
    assert_int_equal(run_in_child(describe_launched, state), 0);
    char *direct = tool_files_read(tool_files_path(state, "direct"), NULL);
    char *launched = tool_files_read(tool_files_path(state, "launched"), NULL);
    assert_non_null(strstr(direct, "SigIgn"));
    assert_string_equal(direct, launched);
    free(direct);
    free(launched);
}

static void test_the_program_gets_what_we_were_given(void **state)
{
    assert_described_alike(state);
}

static void in_unusual_surroundings(void **state)
{
    set_unusual_signals();
    describe_directly(state);
}

static void launched_in_unusual_surroundings(void **state)
{
    set_unusual_signals();
    describe_launched(state);
}

static void test_unusual_signal_settings_reach_the_program_unchanged(void **state)
{
    assert_int_equal(run_in_child(in_unusual_surroundings, state), 0);
    assert_int_equal(run_in_child(launched_in_unusual_surroundings, state), 0);
    char *direct = tool_files_read(tool_files_path(state, "direct"), NULL);
    char *launched = tool_files_read(tool_files_path(state, "launched"), NULL);
    assert_string_equal(direct, launched);
    free(direct);
    free(launched);
}

static void check_terminate(void **state)
{
    (void)state;
    struct spipe_launch launch;
    char *argv[] = {(char *)"sh", (char *)"-c",
                    (char *)"trap 'exit 42' TERM; kill -TERM $PPID; while :; do sleep 0.05; done", NULL};
    CHECK(spipe_launch_prepare(&launch) == 0);
    CHECK(spipe_launch_start(&launch, "/bin/sh", argv, environ) == 0);
    wait_for_end(&launch);
    CHECK(launch.asked_to_end);
    CHECK(spipe_launch_exit_code(&launch) == 42);
}

static void test_a_signal_sent_to_us_is_passed_on(void **state)
{
    assert_int_equal(run_in_child(check_terminate, state), 0);
}

static void check_pipe_signal(void **state)
{
    (void)state;
    struct spipe_launch launch;
    CHECK(run_shell(&launch, "true") == 0);
    int ends[2];
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    CHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
}

static void test_a_reader_that_leaves_does_not_end_us(void **state)
{
    assert_int_equal(run_in_child(check_pipe_signal, state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_exit_code_is_the_programs_own),
        TEST(test_a_program_that_cannot_start_says_why),
        TEST(test_a_script_without_a_first_line_runs_in_the_shell),
        TEST(test_the_program_gets_what_we_were_given),
        TEST(test_unusual_signal_settings_reach_the_program_unchanged),
        TEST(test_a_signal_sent_to_us_is_passed_on),
        TEST(test_a_reader_that_leaves_does_not_end_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
