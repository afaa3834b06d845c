/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The command as people run it, on a program that speaks like an agent. */
#include "tool_files.h"
#include "viewer-stub/host/capture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 24

/* What a command did. */
struct outcome {
    int code;
    char *output; /* standard output and error; freed by done() */
    char *complaints;
};

static void done(struct outcome *outcome)
{
    free(outcome->output);
    free(outcome->complaints);
}

static void redirect(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(200);
    }
    close(file);
}

static void become_command(void **state, const char *const *words, rlim_t file_size_max)
{
    static char *argv[WORDS_MAX + 2];
    argv[0] = (char *)"stackpipe";
    for (size_t i = 0; words[i] != NULL && i < WORDS_MAX; i++) {
        argv[i + 1] = (char *)words[i];
    }
    redirect(tool_files_path(state, "output"), STDOUT_FILENO);
    redirect(tool_files_path(state, "complaints"), STDERR_FILENO);
    if (file_size_max > 0 && setrlimit(RLIMIT_FSIZE, &(struct rlimit){file_size_max, file_size_max}) != 0) {
        _exit(200);
    }
    if (chdir(*state) != 0) {
        _exit(200);
    }
    execv(SPIPE_TEST_COMMAND, argv);
    _exit(200);
}

static struct outcome run_limited(void **state, rlim_t file_size_max, const char *const *words)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        become_command(state, words, file_size_max);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    struct outcome outcome = {
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status,
        .output = tool_files_read(tool_files_path(state, "output"), NULL),
        .complaints = tool_files_read(tool_files_path(state, "complaints"), NULL),
    };
    return outcome;
}

#define RUN(state, ...)            run_limited((state), 0, (const char *const[]){__VA_ARGS__, NULL})
#define RECORD(state, scene, code) RUN(state, "record", "-o", "a.spipe", "--", SPIPE_TEST_FAKE_AGENT, scene, code)

static struct spipe_capture_end load(void **state, uint64_t *ret_samples)
{
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_capture_end end;
    assert_int_equal(spipe_capture_load_file(tool_files_path(state, "a.spipe"), store, &end), 0);
    *ret_samples = spipe_store_sample_count(store);
    spipe_store_free(store);
    return end;
}

static void assert_says(const struct outcome *outcome, const char *text)
{
    if (strstr(outcome->complaints, text) == NULL) {
        fail_msg("'%s' is not in: %s", text, outcome->complaints);
    }
}

static int setup(void **state)
{
    if (tool_files_setup(state) != 0) {
        return -1;
    }
    /* Everything that the command makes for itself goes here, so that leftovers are seen. */
    setenv("TMPDIR", *state, 1);
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("STACKPIPE_LOG");
    unsetenv("LD_PRELOAD");
    setenv("STACKPIPE_AGENT", SPIPE_TEST_FAKE_LIBRARY, 1);
    return 0;
}

/* True when a private folder was left behind. */
static bool has_leftovers(void **state)
{
    char command[600];
    snprintf(command, sizeof command, "ls -d '%s'/stackpipe-* > /dev/null 2>&1", (const char *)*state);
    return system(command) == 0;
}

static void test_a_program_is_recorded_and_its_output_left_alone(void **state)
{
    struct outcome outcome = RECORD(state, "ok", "0");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.output, "");
    assert_says(&outcome, "100 samples of 1.00 s CPU time in a.spipe");
    assert_says(&outcome, "they stand for 100.0 % of it, nothing lost");
    assert_says(&outcome, "stackpipe report a.spipe");
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(samples, 100);
    assert_false(has_leftovers(state));
    done(&outcome);
}

static void test_the_programs_own_status_passes_through(void **state)
{
    struct outcome outcome = RECORD(state, "ok", "42");
    assert_int_equal(outcome.code, 42);
    done(&outcome);
    outcome = RUN(state, "record", "-q", "--", "/bin/sh", "-c", "kill -KILL $$");
    assert_int_equal(outcome.code, 128 + SIGKILL);
    done(&outcome);
}

static void test_quiet_says_nothing_when_all_is_well(void **state)
{
    struct outcome outcome = RUN(state, "record", "-q", "-o", "a.spipe", "--", SPIPE_TEST_FAKE_AGENT, "ok", "0");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.complaints, "");
    done(&outcome);
}

static void test_wishes_reach_the_agent(void **state)
{
    struct outcome outcome = RUN(state, "record", "--rate", "1000", "--duration", "0.25", "--buffer", "64M", "--budget",
                                 "0.5", "-o", "a.spipe", "--", SPIPE_TEST_FAKE_AGENT, "configuration", "0");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.output, "period 1000 stop 250 buffer 65536 budget 5000\n");
    done(&outcome);
    outcome = RECORD(state, "configuration", "0");
    assert_string_equal(outcome.output, "period 0 stop 0 buffer 0 budget 0\n");
    done(&outcome);
}

static void test_an_endpoint_can_be_chosen(void **state)
{
    struct outcome outcome =
        RUN(state, "record", "--endpoint", "pipe:chosen", "-o", "a.spipe", "--", SPIPE_TEST_FAKE_AGENT, "ok", "0");
    assert_int_equal(outcome.code, 0);
    assert_int_equal(access(tool_files_path(state, "CoreFxPipe_chosen"), F_OK), -1);
    done(&outcome);
}

static void test_a_stream_that_is_cut_is_kept_to_the_last_whole_message(void **state)
{
    struct outcome outcome = RECORD(state, "cut", "0");
    assert_int_equal(outcome.code, 0);
    assert_says(&outcome, "without the agent's goodbye");
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_CUT);
    assert_int_equal(end.offset, end.length);
    assert_int_equal(samples, 50);
    done(&outcome);
}

static void test_garbage_ends_the_session_and_harms_nobody(void **state)
{
    struct outcome outcome = RECORD(state, "garbage", "0");
    assert_int_equal(outcome.code, 0);
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_CUT);
    assert_int_equal(samples, 50);
    done(&outcome);
}

static void test_a_refusal_is_told_and_the_earlier_capture_stays(void **state)
{
    tool_files_write(tool_files_path(state, "a.spipe"), "earlier", 7, 0600);
    struct outcome outcome = RECORD(state, "refuse", "0");
    assert_int_equal(outcome.code, 125);
    assert_says(&outcome, "nothing was recorded: the agent refused");
    assert_says(&outcome, "it is Sunday");
    char *bytes = tool_files_read(tool_files_path(state, "a.spipe"), NULL);
    assert_string_equal(bytes, "earlier");
    free(bytes);
    done(&outcome);
}

static void test_a_program_that_executes_another_goes_on_in_the_same_capture(void **state)
{
    struct outcome outcome = RECORD(state, "execute", "0");
    assert_int_equal(outcome.code, 0);
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(end.prefaces, 2);
    assert_int_equal(samples, 20100);
    done(&outcome);
}

static void test_children_of_the_program_are_turned_away(void **state)
{
    struct outcome outcome = RECORD(state, "child", "0");
    assert_int_equal(outcome.code, 0);
    assert_says(&outcome, "1 connection of other processes was turned away");
    uint64_t samples = 0;
    assert_int_equal(load(state, &samples).prefaces, 1);
    assert_int_equal(samples, 100);
    done(&outcome);
}

static void test_without_room_the_capture_ends_and_the_program_goes_on(void **state)
{
    const char *const words[] = {"record", "-o", "a.spipe", "--", SPIPE_TEST_FAKE_AGENT, "much", "0", NULL};
    struct outcome outcome = run_limited(state, 700000, words);
    assert_int_equal(outcome.code, 1);
    assert_string_equal(outcome.output, "still here\n");
    assert_says(&outcome, "the capture ends here, the program goes on");
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_CUT);
    assert_int_equal(end.offset, end.length);
    assert_true(samples > 50000);
    done(&outcome);
}

static void test_a_program_that_never_connects_gives_125_and_a_reason(void **state)
{
    struct outcome outcome = RECORD(state, "nothing", "0");
    assert_int_equal(outcome.code, 125);
    assert_says(&outcome, "nothing was recorded: no agent has connected");
    assert_int_equal(access(tool_files_path(state, "a.spipe"), F_OK), -1);
    done(&outcome);
    outcome = RECORD(state, "nothing", "7");
    assert_int_equal(outcome.code, 7);
    done(&outcome);
}

static void test_the_agents_log_gives_the_reason(void **state)
{
    struct outcome outcome = RECORD(state, "log", "0");
    assert_int_equal(outcome.code, 125);
    assert_says(&outcome, "nothing was recorded: no room for the agent here");
    done(&outcome);
}

static void test_the_agent_is_loaded_before_what_the_user_loads(void **state)
{
    setenv("LD_PRELOAD", SPIPE_TEST_FAKE_LIBRARY, 1);
    struct outcome outcome = RECORD(state, "environment", "0");
    unsetenv("LD_PRELOAD");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.output,
                        "LD_PRELOAD=" SPIPE_TEST_FAKE_LIBRARY ":" SPIPE_TEST_FAKE_LIBRARY "\nSTACKPIPE_START=wait\n");
    done(&outcome);
}

static void test_an_agent_in_a_folder_with_a_space_is_loaded_through_a_link(void **state)
{
    const char *odd = tool_files_path(state, "odd name.so");
    size_t len = 0;
    char *bytes = tool_files_read(SPIPE_TEST_FAKE_LIBRARY, &len);
    tool_files_write(odd, bytes, len, 0755);
    free(bytes);
    setenv("STACKPIPE_AGENT", odd, 1);
    struct outcome outcome = RECORD(state, "environment", "0");
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.output, "/agent.so\n"));
    assert_null(strstr(outcome.output, "odd"));
    assert_null(strstr(outcome.complaints, "ld.so"));
    done(&outcome);
}

static void test_a_missing_agent_is_told_and_the_program_runs(void **state)
{
    setenv("STACKPIPE_AGENT", "/no/such/agent.so", 1);
    struct outcome outcome = RUN(state, "record", "--", "/bin/echo", "hello");
    assert_int_equal(outcome.code, 125);
    assert_string_equal(outcome.output, "hello\n");
    assert_says(&outcome, "not profiled: the agent's library is not at /no/such/agent.so");
    done(&outcome);
}

static void test_a_signal_to_the_command_stops_recording_and_reaches_the_program(void **state)
{
    struct outcome outcome = RECORD(state, "terminate", "3");
    assert_string_equal(outcome.output, "stopped 1, terminated 1\n");
    assert_int_equal(outcome.code, 3);
    uint64_t samples = 0;
    assert_int_equal(load(state, &samples).reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(samples, 10);
    assert_false(has_leftovers(state));
    done(&outcome);
}

static void test_programs_that_cannot_start_end_as_in_a_shell(void **state)
{
    struct outcome outcome = RUN(state, "record", "--", "no-such-program-anywhere");
    assert_int_equal(outcome.code, 127);
    assert_says(&outcome, "no-such-program-anywhere: not found");
    done(&outcome);
    tool_files_write(tool_files_path(state, "plain"), "x", 1, 0644);
    outcome = RUN(state, "record", "--", "./plain");
    assert_int_equal(outcome.code, 126);
    done(&outcome);
}

static void test_a_capture_that_cannot_be_made_stops_before_the_program_runs(void **state)
{
    struct outcome outcome = RUN(state, "record", "-o", "/no/such/folder/a.spipe", "--", "/bin/echo", "hello");
    assert_int_equal(outcome.code, 1);
    assert_string_equal(outcome.output, "");
    assert_says(&outcome, "/no/such/folder/a.spipe: No such file or directory");
    done(&outcome);
}

static void test_wrong_options_give_one_line_the_usage_and_code_2(void **state)
{
    static const char *const wrong[][4] = {
        {"record", "--rate", "0", "ls"},          {"record", "--rate", "10000000", "ls"},
        {"record", "--duration", "-1", "ls"},     {"record", "--buffer", "lots", "ls"},
        {"record", "--endpoint", "fd:3", "ls"},   {"record", "--children", "some", "ls"},
        {"record", "--budget", "0", "ls"},        {"record", "--budget", "101", "ls"},
        {"record", "--nonsense", "1", "ls"},      {"report", "--top", "x", "a.spipe"},
        {"export", "--format", "gif", "a.spipe"}, {"export", "--from", "1", "a.spipe"},
        {"help", "nonsense", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct outcome outcome = RUN(state, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3]);
        assert_int_equal(outcome.code, 2);
        assert_string_equal(outcome.output, "");
        assert_int_equal(strncmp(outcome.complaints, "stackpipe: ", 11), 0);
        assert_int_equal(strncmp(strchr(outcome.complaints, '\n'), "\nusage: stackpipe ", 18), 0);
        done(&outcome);
    }
}

#define FOLLOW(state, scene)                                                                                           \
    RUN(state, "record", "--children", "follow", "-o", "a.spipe", "--", SPIPE_TEST_FAKE_AGENT, scene, "0")

static void test_followed_children_come_behind_the_program_in_one_capture(void **state)
{
    struct outcome outcome = FOLLOW(state, "family");
    assert_int_equal(outcome.code, 0);
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.prefaces, 3);
    assert_int_equal(end.skipped_bytes, 0);
    assert_int_equal(samples, 7 + 100 + 50);
    assert_false(has_leftovers(state));
    done(&outcome);
}

static void test_a_child_that_is_left_behind_is_told_to_stop(void **state)
{
    struct outcome outcome = FOLLOW(state, "leave-child");
    assert_int_equal(outcome.code, 0);
    uint64_t samples = 0;
    struct spipe_capture_end end = load(state, &samples);
    assert_int_equal(end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(end.prefaces, 2);
    assert_int_equal(samples, 100 + 5);
    done(&outcome);
}

static void test_the_recorded_capture_can_be_reported_dumped_and_exported(void **state)
{
    struct outcome outcome = RECORD(state, "ok", "0");
    done(&outcome);
    outcome = RUN(state, "report", "a.spipe", "--tree", "--threads", "--ledger");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.complaints, "");
    assert_non_null(strstr(outcome.output, "/usr/bin/fake"));
    assert_non_null(strstr(outcome.output, "100 samples, standing for 1.00 s of 1.00 s CPU time (100.0 %)"));
    assert_non_null(strstr(outcome.output, "image+0x1234"));
    done(&outcome);
    outcome = RUN(state, "report", "--json", "a.spipe");
    assert_int_equal(outcome.code, 0);
    assert_int_equal(outcome.output[0], '{');
    done(&outcome);
    outcome = RUN(state, "dump", "a.spipe");
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.output, " preface "));
    assert_non_null(strstr(outcome.output, " goodbye "));
    done(&outcome);
    outcome = RUN(state, "export", "--format", "collapsed", "a.spipe");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.output, "fake;image+0x1234 1000000000\n");
    done(&outcome);
    outcome = RUN(state, "export", "--format", "html", "a.spipe");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.output, "");
    assert_int_equal(access(tool_files_path(state, "a.html"), R_OK), 0);
    done(&outcome);
}

static void test_what_is_no_capture_is_told_and_gives_1(void **state)
{
    tool_files_write(tool_files_path(state, "text"), "hello\n", 6, 0600);
    static const char *const verbs[][3] = {
        {"report", NULL, NULL}, {"dump", NULL, NULL}, {"export", "--format", "collapsed"}};
    for (size_t i = 0; i < 3; i++) {
        struct outcome outcome = RUN(state, verbs[i][0], "text", verbs[i][1], verbs[i][2]);
        assert_int_equal(outcome.code, 1);
        assert_string_equal(outcome.output, "");
        assert_says(&outcome, "text: ");
        done(&outcome);
        outcome = RUN(state, verbs[i][0], "no-such-file", verbs[i][1], verbs[i][2]);
        assert_int_equal(outcome.code, 1);
        assert_says(&outcome, "no-such-file: ");
        done(&outcome);
    }
}

static void test_a_cut_capture_is_reported_as_far_as_it_goes(void **state)
{
    struct outcome outcome = RECORD(state, "cut", "0");
    done(&outcome);
    outcome = RUN(state, "report", "a.spipe");
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.output, "50 samples"));
    assert_says(&outcome, "without the agent's goodbye");
    done(&outcome);
}

static void test_a_full_disk_behind_standard_output_is_noticed(void **state)
{
    char command[700];
    snprintf(command, sizeof command, "%s help > /dev/full 2> '%s/complaints'", SPIPE_TEST_COMMAND,
             (const char *)*state);
    int status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, tool_files_teardown)

/* Lets sanitized programs start with a library preloaded that is not sanitized. */
static int allow_preload(void **state)
{
    (void)state;
    const char *options = getenv("ASAN_OPTIONS");
    char all[512];
    snprintf(all, sizeof all, "%s%sverify_asan_link_order=0", options != NULL ? options : "",
             options != NULL ? ":" : "");
    setenv("ASAN_OPTIONS", all, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_program_is_recorded_and_its_output_left_alone),
        TEST(test_the_programs_own_status_passes_through),
        TEST(test_quiet_says_nothing_when_all_is_well),
        TEST(test_wishes_reach_the_agent),
        TEST(test_an_endpoint_can_be_chosen),
        TEST(test_a_stream_that_is_cut_is_kept_to_the_last_whole_message),
        TEST(test_garbage_ends_the_session_and_harms_nobody),
        TEST(test_a_refusal_is_told_and_the_earlier_capture_stays),
        TEST(test_a_program_that_executes_another_goes_on_in_the_same_capture),
        TEST(test_children_of_the_program_are_turned_away),
        TEST(test_without_room_the_capture_ends_and_the_program_goes_on),
        TEST(test_a_program_that_never_connects_gives_125_and_a_reason),
        TEST(test_the_agents_log_gives_the_reason),
        TEST(test_the_agent_is_loaded_before_what_the_user_loads),
        TEST(test_an_agent_in_a_folder_with_a_space_is_loaded_through_a_link),
        TEST(test_a_missing_agent_is_told_and_the_program_runs),
        TEST(test_a_signal_to_the_command_stops_recording_and_reaches_the_program),
        TEST(test_programs_that_cannot_start_end_as_in_a_shell),
        TEST(test_a_capture_that_cannot_be_made_stops_before_the_program_runs),
        TEST(test_wrong_options_give_one_line_the_usage_and_code_2),
        TEST(test_followed_children_come_behind_the_program_in_one_capture),
        TEST(test_a_child_that_is_left_behind_is_told_to_stop),
        TEST(test_the_recorded_capture_can_be_reported_dumped_and_exported),
        TEST(test_what_is_no_capture_is_told_and_gives_1),
        TEST(test_a_cut_capture_is_reported_as_far_as_it_goes),
        TEST(test_a_full_disk_behind_standard_output_is_noticed),
    };
    return cmocka_run_group_tests(tests, allow_preload, NULL);
}
