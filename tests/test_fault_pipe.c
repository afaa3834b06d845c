/* SPDX-License-Identifier: MIT */
/* The relay between an agent and a host, both played here with bare sockets. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault_pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 20000
#define STREAM_LEN  5000u

struct fixture {
    char folder[64];
    char host_path[96];
    int listener;
    struct fault_pipe *pipe;
    int agent;
    int host;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(fixture->folder, "/tmp/spipe-fault-XXXXXX");
    if (mkdtemp(fixture->folder) == NULL)
        return 1;
    snprintf(fixture->host_path, sizeof fixture->host_path, "%s/host", fixture->folder);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture->host_path);
    fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fixture->agent = -1;
    fixture->host = -1;
    *state = fixture;
    return bind(fixture->listener, (struct sockaddr *)&address, sizeof address) | listen(fixture->listener, 4);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fault_pipe_free(fixture->pipe);
    close(fixture->listener);
    close(fixture->agent);
    close(fixture->host);
    unlink(fixture->host_path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static void start(struct fixture *fixture, struct fault_plan plan)
{
    fixture->pipe = fault_pipe_start(fixture->folder, fixture->host_path, plan);
}

static int try_connect(const struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fault_pipe_endpoint(fixture->pipe) + sizeof "unix:" - 1);
    int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(agent, (struct sockaddr *)&address, sizeof address) < 0) {
        close(agent);
        return -1;
    }
    return agent;
}

static void connect_both(struct fixture *fixture)
{
    close(fixture->agent);
    close(fixture->host);
    fixture->agent = try_connect(fixture);
    assert_true(fixture->agent >= 0);
    fixture->host = accept(fixture->listener, NULL, NULL);
    assert_true(fixture->host >= 0);
}

static bool is_readable(int descriptor, int timeout_ms)
{
    struct pollfd wait = {descriptor, POLLIN, 0};
    return poll(&wait, 1, timeout_ms) == 1;
}

static void send_stream(int to, size_t len)
{
    uint8_t bytes[STREAM_LEN];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(send(to, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads `len` bytes of the stream from its byte `first` on. */
static void expect_stream(int from, size_t first, size_t len)
{
    uint8_t bytes[STREAM_LEN];
    for (size_t at = 0; at < len;) {
        assert_true(is_readable(from, PATIENCE_MS));
        ssize_t got = recv(from, bytes, len - at, 0);
        assert_true(got > 0);
        for (size_t i = 0; i < (size_t)got; i++)
            assert_int_equal(bytes[i], (uint8_t)((first + at + i) * 7));
        at += (size_t)got;
    }
}

static void expect_end(int from)
{
    char byte;
    assert_true(is_readable(from, PATIENCE_MS));
    assert_int_equal(recv(from, &byte, 1, 0), 0);
}

static void expect_words_pass(const struct fixture *fixture)
{
    char word[4];
    assert_int_equal(send(fixture->host, "word", 4, MSG_NOSIGNAL), 4);
    assert_true(is_readable(fixture->agent, PATIENCE_MS));
    assert_int_equal(recv(fixture->agent, word, 4, MSG_WAITALL), 4);
    assert_memory_equal(word, "word", 4);
}

static void test_bytes_pass_both_ways_one_at_a_time(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.chunk = 1});
    connect_both(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_stream(fixture->host, 0, STREAM_LEN);
    expect_words_pass(fixture);
    shutdown(fixture->agent, SHUT_WR);
    expect_end(fixture->host);
    close(fixture->host);
    fixture->host = -1;
    expect_end(fixture->agent);
    assert_int_equal(fault_pipe_connections(fixture->pipe), 1);
    assert_int_equal(fault_pipe_faults(fixture->pipe), 0);
}

/* Exactly `after` bytes arrive, and the others later. */
static void check_pause(struct fixture *fixture, enum fault fault)
{
    start(fixture, (struct fault_plan){.fault = fault, .after = 1234, .for_ms = 300});
    connect_both(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_stream(fixture->host, 0, 1234);
    assert_false(is_readable(fixture->host, 100));
    expect_stream(fixture->host, 1234, STREAM_LEN - 1234);
    expect_words_pass(fixture);
    assert_int_equal(fault_pipe_faults(fixture->pipe), 1);
}

static void test_stall_ends(void **state)
{
    check_pause(*state, FAULT_STALL);
}

static void test_stop_ends(void **state)
{
    check_pause(*state, FAULT_STOP);
}

static void test_stall_can_last_for_ever(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.fault = FAULT_STALL, .after = 10});
    connect_both(fixture);
    send_stream(fixture->agent, 100);
    expect_stream(fixture->host, 0, 10);
    assert_false(is_readable(fixture->host, 200));
}

/* A connection that was made while the relay died comes to nothing. */
static void connect_when_it_is_back(struct fixture *fixture)
{
    bool is_back = false;
    for (unsigned i = 0; i < PATIENCE_MS && !is_back; i++) {
        close(fixture->agent);
        fixture->agent = try_connect(fixture);
        is_back = fixture->agent >= 0 && is_readable(fixture->listener, 100);
        usleep(1000);
    }
    assert_true(is_back);
    close(fixture->host);
    fixture->host = accept(fixture->listener, NULL, NULL);
}

static void test_killed_relay_cuts_both_and_comes_back(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.fault = FAULT_KILL, .after = 100, .for_ms = 200, .times = 1});
    connect_both(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_stream(fixture->host, 0, 100);
    expect_end(fixture->host);
    connect_when_it_is_back(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_stream(fixture->host, 0, STREAM_LEN);
    assert_int_equal(fault_pipe_connections(fixture->pipe), 2);
    assert_int_equal(fault_pipe_faults(fixture->pipe), 1);
}

static void test_reset_leaves_bytes_unread(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    start(fixture, (struct fault_plan){.fault = FAULT_RESET, .after = 77});
    connect_both(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_stream(fixture->host, 0, 77);
    expect_end(fixture->host);
    assert_true(is_readable(fixture->agent, PATIENCE_MS));
    assert_int_equal(recv(fixture->agent, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void test_shut_words_leave_the_stream(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.fault = FAULT_SHUT_WORDS, .after = 50});
    connect_both(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_end(fixture->agent);
    expect_stream(fixture->host, 0, STREAM_LEN);
}

static void test_shut_stream_leaves_the_words(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.fault = FAULT_SHUT_STREAM, .after = 50});
    connect_both(fixture);
    send_stream(fixture->agent, 50);
    expect_stream(fixture->host, 0, 50);
    expect_end(fixture->host);
    assert_int_equal(send(fixture->agent, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    expect_words_pass(fixture);
}

static void test_stream_that_nobody_reads_fills_up(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[STREAM_LEN] = {0};
    start(fixture, (struct fault_plan){.fault = FAULT_NEVER_READ, .after = 50});
    connect_both(fixture);
    send_stream(fixture->agent, STREAM_LEN);
    expect_stream(fixture->host, 0, 50);
    for (unsigned i = 0; i < 1000 && send(fixture->agent, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT) > 0; i++)
        continue;
    assert_int_equal(errno, EAGAIN);
    assert_false(is_readable(fixture->host, 50));
}

static void test_host_without_words(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.fault = FAULT_NEVER_ANSWER});
    connect_both(fixture);
    assert_int_equal(send(fixture->host, "word", 4, MSG_NOSIGNAL), 4);
    assert_false(is_readable(fixture->agent, 200));
}

static void test_first_connections_are_hung_up(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, (struct fault_plan){.fault = FAULT_HANG_UP, .times = 2});
    for (unsigned i = 0; i < 2; i++) {
        fixture->agent = try_connect(fixture);
        expect_end(fixture->agent);
        close(fixture->agent);
    }
    fixture->agent = -1;
    connect_both(fixture);
    expect_words_pass(fixture);
    assert_int_equal(fault_pipe_connections(fixture->pipe), 3);
    assert_int_equal(fault_pipe_faults(fixture->pipe), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_pass_both_ways_one_at_a_time),
        TEST(test_stall_ends),
        TEST(test_stop_ends),
        TEST(test_stall_can_last_for_ever),
        TEST(test_killed_relay_cuts_both_and_comes_back),
        TEST(test_reset_leaves_bytes_unread),
        TEST(test_shut_words_leave_the_stream),
        TEST(test_shut_stream_leaves_the_words),
        TEST(test_stream_that_nobody_reads_fills_up),
        TEST(test_host_without_words),
        TEST(test_first_connections_are_hung_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
