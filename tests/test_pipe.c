/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/endpoint.h"
#include "protocol/pipe.h"
#include "protocol/status.h"

#define LONG_MS 10000u

struct fixture {
    char folder[64];
    char path[96];
    struct spipe_endpoint endpoint;
    struct spipe_listener listener;
    struct spipe_pipe client;
    struct spipe_pipe server;
    int handles[4];
};

static volatile sig_atomic_t sigpipe_count;

static void count_sigpipe(int number)
{
    (void)number;
    sigpipe_count = sigpipe_count + 1;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    strcpy(fixture->folder, "/tmp/spipe-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/s", fixture->folder);
    assert_int_equal(spipe_endpoint_parse(fixture->path, NULL, &fixture->endpoint, NULL), SPIPE_OK);
    fixture->listener.handle = -1;
    fixture->client = (struct spipe_pipe)SPIPE_PIPE_NONE;
    fixture->server = (struct spipe_pipe)SPIPE_PIPE_NONE;
    memset(fixture->handles, -1, sizeof(fixture->handles));
    sigpipe_count = 0;
    signal(SIGPIPE, count_sigpipe);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spipe_pipe_close(&fixture->client);
    spipe_pipe_close(&fixture->server);
    spipe_listener_close(&fixture->listener);
    for (size_t i = 0; i < 4; i++) {
        if (fixture->handles[i] >= 0) {
            close(fixture->handles[i]);
        }
    }
    unlink(fixture->path);
    int result = rmdir(fixture->folder);
    free(fixture);
    signal(SIGPIPE, SIG_DFL);
    return result;
}

static void connect_both(struct fixture *fixture)
{
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    assert_int_equal(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &fixture->client), SPIPE_OK);
    assert_int_equal(spipe_listener_accept(&fixture->listener, &fixture->server), SPIPE_OK);
}

static int connect_descriptors(struct fixture *fixture, const char *format, int a, int b)
{
    char text[64];
    struct spipe_endpoint endpoint;
    snprintf(text, sizeof(text), format, a, b);
    assert_int_equal(spipe_endpoint_parse(text, NULL, &endpoint, NULL), SPIPE_OK);
    return spipe_pipe_connect(&endpoint, LONG_MS, &fixture->client);
}

/* The client reads handles[0] and writes handles[3]; the test has the other ends, handles[1] and handles[2]. */
static void connect_pipe_pair(struct fixture *fixture)
{
    assert_int_equal(pipe(fixture->handles), 0);
    assert_int_equal(pipe(fixture->handles + 2), 0);
    assert_int_equal(connect_descriptors(fixture, "fd:%d,%d", fixture->handles[0], fixture->handles[3]), SPIPE_OK);
    fixture->handles[0] = -1;
    fixture->handles[3] = -1;
}

static void close_handle(struct fixture *fixture, size_t index)
{
    close(fixture->handles[index]);
    fixture->handles[index] = -1;
}

static void make_file(const char *path)
{
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    close(file);
}

/* A socket file that nobody listens on, as a killed server leaves it. */
static void make_stale_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(handle, (struct sockaddr *)&address, sizeof(address)), 0);
    close(handle);
}

static size_t write_all(struct spipe_pipe *pipe, size_t total)
{
    static char bytes[100000];
    size_t written = 0;
    while (written < total) {
        size_t len = 0;
        size_t left = total - written;
        int status = spipe_pipe_write(pipe, bytes, sizeof(bytes) < left ? sizeof(bytes) : left, &len);
        if (status != SPIPE_OK) {
            assert_int_equal(status, SPIPE_E_AGAIN);
            break;
        }
        written += len;
    }
    return written;
}

static uint32_t wait_now(const struct spipe_pipe *pipe, uint32_t events)
{
    uint32_t found = 0xFFFF;
    assert_int_equal(spipe_pipe_wait(pipe, events, -1, 0, &found), SPIPE_OK);
    return found;
}

/* ---------------------------------------------------------------------------------------------------------- connect */

static void test_connecting_to_nothing_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &fixture->client), SPIPE_E_NOT_FOUND);
}

static void test_connecting_to_a_stale_socket_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    make_stale_socket(fixture->path);
    assert_int_equal(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &fixture->client), SPIPE_E_NOT_FOUND);
}

static void test_connecting_to_a_plain_file_is_told_apart(void **state)
{
    struct fixture *fixture = *state;
    make_file(fixture->path);
    assert_int_equal(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &fixture->client), SPIPE_E_NOT_A_PIPE);
}

static void test_connecting_to_a_datagram_socket_is_told_apart(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, fixture->path);
    fixture->handles[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fixture->handles[0], (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &fixture->client), SPIPE_E_NOT_A_PIPE);
}

static void test_a_full_backlog_is_waited_for_no_longer_than_told(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_pipe pipes[8];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status = SPIPE_OK;
    size_t count = 0;
    strcpy(address.sun_path, fixture->path);
    fixture->handles[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fixture->handles[0], (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fixture->handles[0], 1), 0);
    while (status == SPIPE_OK && count < 8) {
        status = spipe_pipe_connect(&fixture->endpoint, 20, &pipes[count]);
        count += status == SPIPE_OK;
    }
    assert_int_equal(status, SPIPE_E_TIME_OUT);
    while (count > 0) {
        spipe_pipe_close(&pipes[--count]);
    }
}

static void test_descriptors_must_be_pipes_or_sockets(void **state)
{
    struct fixture *fixture = *state;
    make_file(fixture->path);
    fixture->handles[0] = open(fixture->path, O_RDWR);
    assert_int_equal(connect_descriptors(fixture, "fd:%d", fixture->handles[0], 0), SPIPE_E_NOT_A_PIPE);
    assert_int_equal(connect_descriptors(fixture, "fd:%d", 1000000, 0), SPIPE_E_NOT_FOUND);
    assert_int_equal(fixture->client.read_handle, -1);
}

static void test_adopted_descriptors_are_not_made_non_blocking(void **state)
{
    struct fixture *fixture = *state;
    connect_pipe_pair(fixture);
    assert_int_equal(fcntl((int)fixture->client.read_handle, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl((int)fixture->client.write_handle, F_GETFL) & O_NONBLOCK, 0);
}

static void test_no_descriptor_is_inherited_by_programs(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    assert_int_equal(fcntl((int)fixture->listener.handle, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl((int)fixture->client.read_handle, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl((int)fixture->server.read_handle, F_GETFD), FD_CLOEXEC);
    spipe_pipe_close(&fixture->client);
    connect_pipe_pair(fixture);
    assert_int_equal(fcntl((int)fixture->client.read_handle, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl((int)fixture->client.write_handle, F_GETFD), FD_CLOEXEC);
}

/* --------------------------------------------------------------------------------------------------- read and write */

static void assert_bytes_arrive(struct spipe_pipe *from, struct spipe_pipe *to)
{
    char bytes[16];
    size_t len = 0;
    assert_int_equal(spipe_pipe_write(from, "hello", 5, &len), SPIPE_OK);
    assert_int_equal(len, 5);
    assert_int_equal(spipe_pipe_read(to, bytes, sizeof(bytes), &len), SPIPE_OK);
    assert_int_equal(len, 5);
    assert_memory_equal(bytes, "hello", 5);
}

static void test_bytes_go_both_ways(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    assert_bytes_arrive(&fixture->client, &fixture->server);
    assert_bytes_arrive(&fixture->server, &fixture->client);
}

static void test_reading_nothing_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    size_t len = 0;
    connect_both(fixture);
    assert_int_equal(spipe_pipe_read(&fixture->client, &byte, 1, &len), SPIPE_E_AGAIN);
    spipe_pipe_close(&fixture->client);
    connect_pipe_pair(fixture);
    assert_int_equal(spipe_pipe_read(&fixture->client, &byte, 1, &len), SPIPE_E_AGAIN);
}

static void test_a_full_socket_takes_nothing_and_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    assert_true(write_all(&fixture->client, 64u << 20) < 64u << 20);
    size_t len = 0;
    assert_int_equal(spipe_pipe_write(&fixture->client, "x", 1, &len), SPIPE_E_AGAIN);
}

static void test_a_full_anonymous_pipe_takes_nothing_and_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    connect_pipe_pair(fixture);
    size_t written = write_all(&fixture->client, 64u << 20);
    assert_int_equal(written, fcntl(fixture->handles[2], F_GETPIPE_SZ));
    size_t len = 0;
    assert_int_equal(spipe_pipe_write(&fixture->client, "x", 1, &len), SPIPE_E_AGAIN);
    assert_int_equal(sigpipe_count, 0);
}

static void *write_million(void *pipe)
{
    static uint8_t bytes[1000000];
    size_t written = 0;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
    while (written < sizeof(bytes)) {
        size_t len = 0;
        uint32_t events = 0;
        if (spipe_pipe_write(pipe, bytes + written, sizeof(bytes) - written, &len) == SPIPE_OK) {
            written += len;
        } else {
            spipe_pipe_wait(pipe, SPIPE_PIPE_WRITABLE, -1, LONG_MS, &events);
        }
    }
    spipe_pipe_shut_write(pipe);
    return bytes;
}

static void assert_million_arrives(struct spipe_pipe *from, struct spipe_pipe *to)
{
    static uint8_t bytes[1000100];
    size_t total = 0;
    void *expected = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_million, from), 0);
    for (;;) {
        size_t len = 0;
        uint32_t events = 0;
        int status = spipe_pipe_read(to, bytes + total, sizeof(bytes) - total, &len);
        if (status == SPIPE_E_END) {
            break;
        }
        if (status == SPIPE_OK) {
            total += len;
        } else {
            assert_int_equal(status, SPIPE_E_AGAIN);
            spipe_pipe_wait(to, SPIPE_PIPE_READABLE, -1, LONG_MS, &events);
        }
    }
    pthread_join(thread, &expected);
    assert_int_equal(total, 1000000);
    assert_memory_equal(bytes, expected, total);
}

static void test_a_million_bytes_arrive_in_order_through_a_socket(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    assert_million_arrives(&fixture->client, &fixture->server);
}

static void test_a_million_bytes_arrive_in_order_through_an_anonymous_pipe(void **state)
{
    struct fixture *fixture = *state;
    connect_pipe_pair(fixture);
    fixture->server = (struct spipe_pipe){fixture->handles[2], -1, false};
    fixture->handles[2] = -1;
    assert_million_arrives(&fixture->client, &fixture->server);
}

static void test_one_socket_as_descriptor_goes_both_ways(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture->handles), 0);
    assert_int_equal(connect_descriptors(fixture, "fd:%d", fixture->handles[0], 0), SPIPE_OK);
    fixture->handles[0] = -1;
    fixture->server = (struct spipe_pipe){fixture->handles[1], fixture->handles[1], true};
    fixture->handles[1] = -1;
    assert_bytes_arrive(&fixture->client, &fixture->server);
    assert_bytes_arrive(&fixture->server, &fixture->client);
}

static void test_a_socket_and_a_pipe_go_together(void **state)
{
    struct fixture *fixture = *state;
    char bytes[8];
    size_t len = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture->handles), 0);
    assert_int_equal(pipe(fixture->handles + 2), 0);
    assert_int_equal(connect_descriptors(fixture, "fd:%d,%d", fixture->handles[0], fixture->handles[3]), SPIPE_OK);
    fixture->handles[0] = -1;
    fixture->handles[3] = -1;
    assert_int_equal(write(fixture->handles[1], "abc", 3), 3);
    assert_int_equal(spipe_pipe_read(&fixture->client, bytes, sizeof(bytes), &len), SPIPE_OK);
    assert_int_equal(len, 3);
    assert_int_equal(spipe_pipe_write(&fixture->client, "defg", 4, &len), SPIPE_OK);
    assert_int_equal(read(fixture->handles[2], bytes, sizeof(bytes)), 4);
}

static void test_a_direction_that_is_not_there_is_an_end(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    size_t len = 0;
    assert_int_equal(pipe(fixture->handles), 0);
    assert_int_equal(connect_descriptors(fixture, "fd:-,%d", fixture->handles[1], 0), SPIPE_OK);
    fixture->handles[1] = -1;
    assert_int_equal(spipe_pipe_read(&fixture->client, &byte, 1, &len), SPIPE_E_END);
    assert_int_equal(spipe_pipe_write(&fixture->client, "a", 1, &len), SPIPE_OK);
    spipe_pipe_close(&fixture->client);
    assert_int_equal(connect_descriptors(fixture, "fd:%d,-", fixture->handles[0], 0), SPIPE_OK);
    fixture->handles[0] = -1;
    assert_int_equal(spipe_pipe_write(&fixture->client, "a", 1, &len), SPIPE_E_CLOSED);
    assert_int_equal(spipe_pipe_read(&fixture->client, &byte, 1, &len), SPIPE_OK);
}

/* ---------------------------------------------------------------------------------------------------- ends, signals */

static void test_writing_to_a_closed_socket_raises_no_signal(void **state)
{
    struct fixture *fixture = *state;
    size_t len = 0;
    connect_both(fixture);
    spipe_pipe_close(&fixture->server);
    assert_int_equal(spipe_pipe_write(&fixture->client, "x", 1, &len), SPIPE_E_CLOSED);
    assert_int_equal(sigpipe_count, 0);
}

static void test_writing_to_a_closed_anonymous_pipe_raises_no_signal(void **state)
{
    struct fixture *fixture = *state;
    size_t len = 0;
    connect_pipe_pair(fixture);
    close_handle(fixture, 2);
    assert_int_equal(spipe_pipe_write(&fixture->client, "x", 1, &len), SPIPE_E_CLOSED);
    assert_int_equal(sigpipe_count, 0);
}

/* A socket whose peer will not read looks writable, and the write itself fails. */
static void test_a_write_that_fails_behind_the_look_raises_no_signal(void **state)
{
    struct fixture *fixture = *state;
    size_t len = 0;
    sigset_t pending;
    assert_int_equal(pipe(fixture->handles), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fixture->handles + 2), 0);
    assert_int_equal(connect_descriptors(fixture, "fd:%d,%d", fixture->handles[0], fixture->handles[2]), SPIPE_OK);
    fixture->handles[0] = -1;
    fixture->handles[2] = -1;
    assert_int_equal(shutdown(fixture->handles[3], SHUT_RD), 0);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_WRITABLE), SPIPE_PIPE_WRITABLE);
    assert_int_equal(spipe_pipe_write(&fixture->client, "x", 1, &len), SPIPE_E_CLOSED);
    assert_int_equal(sigpipe_count, 0);
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
}

/* Reads a little and closes in the middle of the other side's writing, over and over: some writes meet the closed pipe
 * itself, behind the look at it. */
static void *read_and_close(void *handle)
{
    char bytes[512];
    ssize_t got = read(*(int *)handle, bytes, sizeof(bytes));
    close(*(int *)handle);
    return (void *)got;
}

static void test_a_reader_that_goes_during_a_write_raises_no_signal(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[60000];
    sigset_t pending;
    for (int round = 0; round < 300; round++) {
        pthread_t thread;
        size_t len = 0;
        connect_pipe_pair(fixture);
        int reader = fixture->handles[2];
        fixture->handles[2] = -1;
        assert_int_equal(pthread_create(&thread, NULL, read_and_close, &reader), 0);
        while (spipe_pipe_write(&fixture->client, bytes, sizeof(bytes), &len) != SPIPE_E_CLOSED) {
        }
        pthread_join(thread, NULL);
        spipe_pipe_close(&fixture->client);
        close_handle(fixture, 1);
    }
    assert_int_equal(sigpipe_count, 0);
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
}

static void test_a_signal_of_the_program_that_was_pending_stays_pending(void **state)
{
    struct fixture *fixture = *state;
    sigset_t sigpipe;
    sigset_t pending;
    size_t len = 0;
    connect_pipe_pair(fixture);
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, NULL);
    raise(SIGPIPE);
    close_handle(fixture, 2);
    assert_int_equal(spipe_pipe_write(&fixture->client, "x", 1, &len), SPIPE_E_CLOSED);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGPIPE));
    pthread_sigmask(SIG_UNBLOCK, &sigpipe, NULL);
    assert_int_equal(sigpipe_count, 1);
}

static void test_the_end_of_input_leaves_the_other_direction_open(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    size_t len = 0;
    connect_both(fixture);
    spipe_pipe_shut_write(&fixture->server);
    assert_int_equal(spipe_pipe_read(&fixture->client, &byte, 1, &len), SPIPE_E_END);
    assert_int_equal(spipe_pipe_write(&fixture->server, "x", 1, &len), SPIPE_E_CLOSED);
    assert_bytes_arrive(&fixture->client, &fixture->server);
}

static void test_shutting_two_descriptors_closes_the_writing_one(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    connect_pipe_pair(fixture);
    spipe_pipe_shut_write(&fixture->client);
    assert_int_equal(fixture->client.write_handle, -1);
    assert_int_equal(read(fixture->handles[2], &byte, 1), 0);
    assert_int_equal(write(fixture->handles[1], "x", 1), 1);
    size_t len = 0;
    assert_int_equal(spipe_pipe_read(&fixture->client, &byte, 1, &len), SPIPE_OK);
}

static void test_a_reset_is_told_as_closed(void **state)
{
    struct fixture *fixture = *state;
    char bytes[4];
    size_t len = 0;
    connect_both(fixture);
    assert_int_equal(spipe_pipe_write(&fixture->client, "unread", 6, &len), SPIPE_OK);
    spipe_pipe_close(&fixture->server);
    assert_int_equal(spipe_pipe_read(&fixture->client, bytes, sizeof(bytes), &len), SPIPE_E_CLOSED);
}

static void test_closing_twice_is_harmless(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    spipe_pipe_close(&fixture->client);
    int next = dup(0);
    spipe_pipe_close(&fixture->client);
    assert_true(fcntl(next, F_GETFD) >= 0);
    close(next);
}

/* ------------------------------------------------------------------------------------------------------------- wait */

static void *wake_later(void *handle)
{
    usleep(20000);
    return (void *)write(*(int *)handle, "x", 1);
}

/* Waits until another thread wakes it, for as long as that takes: what comes back earlier is no wake. */
static uint32_t wait_until_woken(const struct spipe_pipe *pipe_waited, uint32_t events)
{
    int wake[2];
    uint32_t found = 0;
    pthread_t thread;
    assert_int_equal(pipe(wake), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_later, &wake[1]), 0);
    assert_int_equal(spipe_pipe_wait(pipe_waited, events, wake[0], UINT32_MAX, &found), SPIPE_OK);
    pthread_join(thread, NULL);
    close(wake[0]);
    close(wake[1]);
    return found;
}

static void test_waiting_tells_what_can_be_done(void **state)
{
    struct fixture *fixture = *state;
    size_t len = 0;
    connect_both(fixture);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_READABLE), 0);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_READABLE | SPIPE_PIPE_WRITABLE), SPIPE_PIPE_WRITABLE);
    spipe_pipe_write(&fixture->server, "x", 1, &len);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_READABLE), SPIPE_PIPE_READABLE);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_WRITABLE), SPIPE_PIPE_WRITABLE);
    assert_int_equal(wait_now(&fixture->client, 0), 0);
}

static void test_waiting_tells_that_a_full_pipe_is_not_writable(void **state)
{
    struct fixture *fixture = *state;
    connect_pipe_pair(fixture);
    write_all(&fixture->client, 64u << 20);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_WRITABLE), 0);
}

static void test_a_closed_socket_is_hung_up(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    spipe_pipe_close(&fixture->server);
    assert_int_equal(wait_now(&fixture->client, 0), SPIPE_PIPE_HUNG_UP);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_READABLE), SPIPE_PIPE_READABLE | SPIPE_PIPE_HUNG_UP);
}

static void test_a_half_closed_socket_is_readable_and_not_hung_up(void **state)
{
    struct fixture *fixture = *state;
    connect_both(fixture);
    spipe_pipe_shut_write(&fixture->server);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_READABLE), SPIPE_PIPE_READABLE);
    assert_int_equal(wait_now(&fixture->client, 0), 0);
}

static void test_the_end_of_one_pipe_of_a_pair_does_not_wake_the_other(void **state)
{
    struct fixture *fixture = *state;
    connect_pipe_pair(fixture);
    close_handle(fixture, 1);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_READABLE), SPIPE_PIPE_READABLE);
    assert_int_equal(wait_until_woken(&fixture->client, 0), SPIPE_PIPE_WOKEN);
    close_handle(fixture, 2);
    assert_int_equal(wait_now(&fixture->client, 0), SPIPE_PIPE_HUNG_UP);
    assert_int_equal(wait_now(&fixture->client, SPIPE_PIPE_WRITABLE), SPIPE_PIPE_WRITABLE | SPIPE_PIPE_HUNG_UP);
}

static void test_a_pipe_without_reader_does_not_wake_one_who_waits_for_input(void **state)
{
    struct fixture *fixture = *state;
    connect_pipe_pair(fixture);
    close_handle(fixture, 2);
    assert_int_equal(wait_until_woken(&fixture->client, SPIPE_PIPE_READABLE), SPIPE_PIPE_WOKEN);
}

static void test_another_handle_wakes_the_wait(void **state)
{
    struct fixture *fixture = *state;
    uint32_t events = 0;
    connect_both(fixture);
    assert_int_equal(pipe(fixture->handles), 0);
    assert_int_equal(write(fixture->handles[1], "x", 1), 1);
    assert_int_equal(
        spipe_pipe_wait(&fixture->client, SPIPE_PIPE_READABLE, fixture->handles[0], UINT32_MAX, &events), SPIPE_OK);
    assert_int_equal(events, SPIPE_PIPE_WOKEN);
}

static void test_a_wait_ends_when_the_time_is_up(void **state)
{
    struct fixture *fixture = *state;
    uint32_t events = 0xFF;
    connect_both(fixture);
    assert_int_equal(spipe_pipe_wait(&fixture->client, SPIPE_PIPE_READABLE, -1, 5, &events), SPIPE_OK);
    assert_int_equal(events, 0);
}

static void test_a_pipe_that_is_not_open_can_be_waited_for(void **state)
{
    (void)state;
    struct spipe_pipe none = SPIPE_PIPE_NONE;
    assert_int_equal(wait_now(&none, SPIPE_PIPE_READABLE), 0);
}

/* -------------------------------------------------------------------------------------------------------- listening */

static void test_the_peer_is_known_by_the_kernels_word(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_peer peer;
    connect_both(fixture);
    assert_int_equal(spipe_pipe_peer(&fixture->server, &peer), SPIPE_OK);
    assert_true(peer.known);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(peer.user_id, getuid());
    spipe_pipe_close(&fixture->client);
    connect_pipe_pair(fixture);
    assert_int_equal(spipe_pipe_peer(&fixture->client, &peer), SPIPE_OK);
    assert_false(peer.known);
    assert_int_equal(peer.pid, 0);
}

static void test_a_socket_is_born_for_its_user_alone(void **state)
{
    struct fixture *fixture = *state;
    struct stat found;
    mode_t before = umask(0);
    int status = spipe_listener_open(&fixture->endpoint, &fixture->listener);
    umask(before);
    assert_int_equal(status, SPIPE_OK);
    assert_int_equal(lstat(fixture->path, &found), 0);
    assert_int_equal(found.st_mode, S_IFSOCK | 0600);
}

static void test_accepting_when_nobody_waits_does_not_wait(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    assert_int_equal(spipe_listener_accept(&fixture->listener, &fixture->server), SPIPE_E_AGAIN);
}

static void test_a_stale_socket_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    make_stale_socket(fixture->path);
    connect_both(fixture);
    assert_bytes_arrive(&fixture->client, &fixture->server);
}

static void test_a_socket_in_use_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_listener second;
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &second), SPIPE_E_EXISTS);
    assert_int_equal(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &fixture->client), SPIPE_OK);
}

static void test_other_files_are_never_removed(void **state)
{
    struct fixture *fixture = *state;
    struct stat found;
    make_file(fixture->path);
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_E_NOT_A_PIPE);
    assert_int_equal(lstat(fixture->path, &found), 0);
    assert_true(S_ISREG(found.st_mode));
    unlink(fixture->path);
    assert_int_equal(symlink("elsewhere", fixture->path), 0);
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_E_NOT_A_PIPE);
    assert_int_equal(lstat(fixture->path, &found), 0);
}

static void test_a_folder_that_is_not_there_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    snprintf(fixture->endpoint.path, sizeof(fixture->endpoint.path), "%s/no/s", fixture->folder);
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_E_NOT_FOUND);
}

static void test_only_sockets_can_be_listened_on(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_endpoint endpoint = {.kind = SPIPE_ENDPOINT_DESCRIPTORS, .read_handle = 0, .write_handle = 1};
    assert_int_equal(spipe_listener_open(&endpoint, &fixture->listener), SPIPE_E_UNSUPPORTED);
}

static void test_closing_a_listener_removes_its_socket(void **state)
{
    struct fixture *fixture = *state;
    struct stat found;
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    spipe_listener_close(&fixture->listener);
    assert_int_equal(lstat(fixture->path, &found), -1);
    spipe_listener_close(&fixture->listener);
}

static void test_closing_a_listener_leaves_what_took_its_place(void **state)
{
    struct fixture *fixture = *state;
    struct stat found;
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    unlink(fixture->path);
    make_stale_socket(fixture->path);
    spipe_listener_close(&fixture->listener);
    assert_int_equal(lstat(fixture->path, &found), 0);
}

/* Connects as nobody, which takes root to do. */
static void connect_as_nobody(const struct fixture *fixture)
{
    struct spipe_pipe pipe = SPIPE_PIPE_NONE;
    if (setgid(65534) != 0 || setuid(65534) != 0) {
        _exit(2);
    }
    _exit(spipe_pipe_connect(&fixture->endpoint, LONG_MS, &pipe) == SPIPE_OK ? 0 : 1);
}

static void test_a_connection_of_another_user_is_closed(void **state)
{
    struct fixture *fixture = *state;
    int result = 0;
    if (getuid() != 0) {
        skip();
    }
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    assert_int_equal(chmod(fixture->path, 0666), 0);
    pid_t child = fork();
    if (child == 0) {
        connect_as_nobody(fixture);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(spipe_listener_accept(&fixture->listener, &fixture->server), SPIPE_E_FOREIGN);
    assert_int_equal(fixture->server.read_handle, -1);
}

static void test_a_socket_without_permission_is_refused(void **state)
{
    struct fixture *fixture = *state;
    int result = 0;
    if (getuid() != 0) {
        skip();
    }
    assert_int_equal(spipe_listener_open(&fixture->endpoint, &fixture->listener), SPIPE_OK);
    assert_int_equal(chmod(fixture->folder, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        struct spipe_pipe pipe = SPIPE_PIPE_NONE;
        int status = setuid(65534);
        _exit(status == 0 && spipe_pipe_connect(&fixture->endpoint, LONG_MS, &pipe) == SPIPE_E_PERMISSION ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_connecting_to_nothing_is_not_found),
        TEST(test_connecting_to_a_stale_socket_is_not_found),
        TEST(test_connecting_to_a_plain_file_is_told_apart),
        TEST(test_connecting_to_a_datagram_socket_is_told_apart),
        TEST(test_a_full_backlog_is_waited_for_no_longer_than_told),
        TEST(test_descriptors_must_be_pipes_or_sockets),
        TEST(test_adopted_descriptors_are_not_made_non_blocking),
        TEST(test_no_descriptor_is_inherited_by_programs),
        TEST(test_bytes_go_both_ways),
        TEST(test_reading_nothing_does_not_wait),
        TEST(test_a_full_socket_takes_nothing_and_does_not_wait),
        TEST(test_a_full_anonymous_pipe_takes_nothing_and_does_not_wait),
        TEST(test_a_million_bytes_arrive_in_order_through_a_socket),
        TEST(test_a_million_bytes_arrive_in_order_through_an_anonymous_pipe),
        TEST(test_one_socket_as_descriptor_goes_both_ways),
        TEST(test_a_socket_and_a_pipe_go_together),
        TEST(test_a_direction_that_is_not_there_is_an_end),
        TEST(test_writing_to_a_closed_socket_raises_no_signal),
        TEST(test_writing_to_a_closed_anonymous_pipe_raises_no_signal),
        TEST(test_a_write_that_fails_behind_the_look_raises_no_signal),
        TEST(test_a_reader_that_goes_during_a_write_raises_no_signal),
        TEST(test_a_signal_of_the_program_that_was_pending_stays_pending),
        TEST(test_the_end_of_input_leaves_the_other_direction_open),
        TEST(test_shutting_two_descriptors_closes_the_writing_one),
        TEST(test_a_reset_is_told_as_closed),
        TEST(test_closing_twice_is_harmless),
        TEST(test_waiting_tells_what_can_be_done),
        TEST(test_waiting_tells_that_a_full_pipe_is_not_writable),
        TEST(test_a_closed_socket_is_hung_up),
        TEST(test_a_half_closed_socket_is_readable_and_not_hung_up),
        TEST(test_the_end_of_one_pipe_of_a_pair_does_not_wake_the_other),
        TEST(test_a_pipe_without_reader_does_not_wake_one_who_waits_for_input),
        TEST(test_another_handle_wakes_the_wait),
        TEST(test_a_wait_ends_when_the_time_is_up),
        TEST(test_a_pipe_that_is_not_open_can_be_waited_for),
        TEST(test_the_peer_is_known_by_the_kernels_word),
        TEST(test_a_socket_is_born_for_its_user_alone),
        TEST(test_accepting_when_nobody_waits_does_not_wait),
        TEST(test_a_stale_socket_is_replaced),
        TEST(test_a_socket_in_use_is_left_alone),
        TEST(test_other_files_are_never_removed),
        TEST(test_a_folder_that_is_not_there_is_not_found),
        TEST(test_only_sockets_can_be_listened_on),
        TEST(test_closing_a_listener_removes_its_socket),
        TEST(test_closing_a_listener_leaves_what_took_its_place),
        TEST(test_a_connection_of_another_user_is_closed),
        TEST(test_a_socket_without_permission_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
