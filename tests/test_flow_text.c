/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "json_lines.h"

/*
 * The text dialect from end to end: this program is the host, and, started by itself with the agent preloaded and an
 * argument, the busy program that is profiled.
 */

#define AGENT SPIPE_BUILD_DIR "/lib/libstackpipe-agent.so"
#define BUSY_NS 300000000
#define PATIENCE_MS 60000
#define ANSWER_MAX (8u * 1024u * 1024u)

struct host {
    char folder[64];
    char path[96];
    int listener;
    int connection;
    pid_t program;
    char *answer;           /* all that the agent wrote, ended by NUL */
    size_t len;
    size_t lines;
};

static struct host host;
static const char *own_path;

/* The leaf of the busy program's stacks; exported, so that the agent can name it. */
__attribute__((visibility("default"), noinline)) uint64_t flow_text_burn(uint64_t seed);

uint64_t flow_text_burn(uint64_t seed)
{
    for (unsigned i = 0; i < 200000; i++)
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return seed;
}

static int be_busy(void)
{
    struct timespec used = {0, 0};
    uint64_t seed = 1;
    while (used.tv_sec == 0 && used.tv_nsec < BUSY_NS) {
        seed = flow_text_burn(seed);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    }
    return seed == 42 ? 1 : 0;
}

static int set_up(void **state)
{
    (void)state;
    memset(&host, 0, sizeof host);
    strcpy(host.folder, "/tmp/spipe-flow-text-XXXXXX");
    if (mkdtemp(host.folder) == NULL)
        return -1;
    snprintf(host.path, sizeof host.path, "%s/pipe", host.folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, host.path, strlen(host.path) + 1);
    host.connection = -1;
    host.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(host.listener, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return listen(host.listener, 1);
}

static int tear_down(void **state)
{
    (void)state;
    if (host.program > 0) {
        kill(host.program, SIGKILL);
        waitpid(host.program, NULL, 0);
    }
    close(host.connection);
    close(host.listener);
    unlink(host.path);
    rmdir(host.folder);
    free(host.answer);
    return 0;
}

static void start_program(void)
{
    char endpoint[128];
    snprintf(endpoint, sizeof endpoint, "STACKPIPE_ENDPOINT=unix:%s", host.path);
    char *const environment[] = {endpoint, "STACKPIPE_START=wait", "LD_PRELOAD=" AGENT, NULL};
    char *const arguments[] = {(char *)(uintptr_t)own_path, "--busy", NULL};
    host.program = fork();
    assert_true(host.program >= 0);
    if (host.program == 0) {
        execve(own_path, arguments, environment);
        _exit(127);
    }
}

static void await(int descriptor)
{
    struct pollfd poll_one = {descriptor, POLLIN, 0};
    assert_int_equal(poll(&poll_one, 1, PATIENCE_MS), 1);
}

static void read_answer(void)
{
    host.answer = malloc(ANSWER_MAX);
    assert_non_null(host.answer);
    for (ssize_t got = 1; got > 0;) {
        await(host.connection);
        got = read(host.connection, host.answer + host.len, ANSWER_MAX - 1 - host.len);
        assert_true(got >= 0 && host.len < ANSWER_MAX - 1);
        host.len += (size_t)got;
    }
    host.answer[host.len] = '\0';
}

/* Serves one program with a text: no more is said than that, and the input stays open. */
static void serve(const char *text, size_t len)
{
    int status = 0;
    start_program();
    await(host.listener);
    host.connection = accept(host.listener, NULL, NULL);
    assert_true(host.connection >= 0);
    assert_int_equal(write(host.connection, text, len), len);
    read_answer();
    assert_int_equal(waitpid(host.program, &status, 0), host.program);
    host.program = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    if (!json_is_lines(host.answer, host.len, &host.lines))
        fail_msg("not JSON lines:\n%.2000s", host.answer);
}

static uint64_t number_behind(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    if (found == NULL)
        fail_msg("%s is not in:\n%.2000s", name, text);
    return strtoull(found + strlen(name), NULL, 10);
}

static size_t count_of(const char *part)
{
    size_t count = 0;
    for (const char *at = host.answer; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* A hello, samples, and a goodbye that agrees with them; most of the time is where the program spent it. */
static void assert_session(uint64_t period_us)
{
    assert_int_equal(strncmp(host.answer, "{\"hello\":{", 10), 0);
    assert_int_equal(number_behind(host.answer, "\"period_us\":"), period_us);
    assert_int_equal(count_of("\n{\"sample\":{"), host.lines - 2);
    const char *goodbye = strstr(host.answer, "{\"goodbye\":{\"reason\":\"target exits\"");
    assert_non_null(goodbye);
    assert_int_equal(number_behind(goodbye, "\"samples_sent\":"), host.lines - 2);
    assert_true(host.lines - 2 >= 5);
    assert_true(count_of("\"flow_text_burn\",\"") * 2 > host.lines - 2);
    assert_int_equal(strcmp(host.answer + host.len - 3, "}}\n"), 0);
}

static void test_a_line_of_words_gets_json_lines(void **state)
{
    (void)state;
    serve("rate=100\n", 9);
    assert_session(10000);
    assert_int_equal(count_of("\"ignored\":[]"), 1);
}

static void test_an_object_gets_json_lines(void **state)
{
    (void)state;
    static const char text[] = "{\"rate\": 200, \"colour\": \"blue\"}";
    serve(text, sizeof text - 1);
    assert_session(5000);
    assert_int_equal(count_of("\"ignored\":[\"colour\"]"), 1);
}

static void test_a_text_without_end_gets_json_lines(void **state)
{
    (void)state;
    serve("rate=100", 8);
    assert_session(10000);
}

static void test_a_text_that_ends_with_nul_gets_json_lines(void **state)
{
    (void)state;
    serve("period_us=20000", 16);
    assert_session(20000);
}

static void test_a_mere_greeting_gets_json_lines_at_the_default_rate(void **state)
{
    (void)state;
    serve("Hello, agent!\n", 14);
    assert_session(10000);
    assert_int_equal(count_of("\"ignored\":[\"Hello\",\"agent\"]"), 1);
}

static void test_the_session_ends_when_its_time_is_up(void **state)
{
    (void)state;
    static const char text[] = "rate=100 stop_after_ms=50\n";
    serve(text, sizeof text - 1);
    assert_int_equal(count_of("{\"goodbye\":{\"reason\":\"time is up\""), 1);
    assert_true(host.lines < 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_line_of_words_gets_json_lines),
        TEST(test_an_object_gets_json_lines),
        TEST(test_a_text_without_end_gets_json_lines),
        TEST(test_a_text_that_ends_with_nul_gets_json_lines),
        TEST(test_a_mere_greeting_gets_json_lines_at_the_default_rate),
        TEST(test_the_session_ends_when_its_time_is_up),
    };
    if (argc > 1 && strcmp(argv[1], "--busy") == 0)
        return be_busy();
    own_path = argv[0];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
