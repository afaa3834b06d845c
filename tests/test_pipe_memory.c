/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "pipe_memory.h"
#include "protocol/message.h"
#include "protocol/status.h"

static int tear_down(void **state)
{
    (void)state;
    pipe_memory_reset();
    return 0;
}

static size_t write_some(struct spipe_pipe *pipe, const char *text, int expected)
{
    size_t len = 0;
    assert_int_equal(spipe_pipe_write(pipe, text, strlen(text), &len), expected);
    return len;
}

static size_t read_some(struct spipe_pipe *pipe, char *bytes, size_t size, int expected)
{
    size_t len = 0;
    assert_int_equal(spipe_pipe_read(pipe, bytes, size, &len), expected);
    return len;
}

static void test_what_is_fed_is_read_and_then_the_end(void **state)
{
    (void)state;
    char bytes[16];
    struct spipe_pipe pipe = pipe_memory_new();
    read_some(&pipe, bytes, sizeof(bytes), SPIPE_E_AGAIN);
    pipe_memory_feed(&pipe, "hello", 5);
    pipe_memory_feed_end(&pipe);
    assert_int_equal(read_some(&pipe, bytes, sizeof(bytes), SPIPE_OK), 5);
    assert_memory_equal(bytes, "hello", 5);
    read_some(&pipe, bytes, sizeof(bytes), SPIPE_E_END);
}

static void test_what_is_written_is_kept(void **state)
{
    (void)state;
    struct spipe_pipe pipe = pipe_memory_new();
    write_some(&pipe, "ab", SPIPE_OK);
    write_some(&pipe, "cd", SPIPE_OK);
    assert_int_equal(pipe_memory_written(&pipe).len, 4);
    assert_memory_equal(pipe_memory_written(&pipe).data, "abcd", 4);
}

static void test_joined_ends_talk_to_each_other(void **state)
{
    (void)state;
    char bytes[16];
    struct spipe_pipe a;
    struct spipe_pipe b;
    pipe_memory_new_pair(&a, &b);
    write_some(&a, "ping", SPIPE_OK);
    assert_int_equal(read_some(&b, bytes, sizeof(bytes), SPIPE_OK), 4);
    write_some(&b, "pong!", SPIPE_OK);
    assert_int_equal(read_some(&a, bytes, sizeof(bytes), SPIPE_OK), 5);
    spipe_pipe_close(&b);
    read_some(&a, bytes, sizeof(bytes), SPIPE_E_END);
    write_some(&a, "x", SPIPE_E_CLOSED);
}

static void test_pieces_and_storms_come_as_scripted(void **state)
{
    (void)state;
    char bytes[16];
    struct spipe_pipe pipe = pipe_memory_new();
    pipe_memory_feed(&pipe, "abc", 3);
    pipe_memory_set_faults(&pipe, (struct pipe_memory_faults){.read_max = 2, .write_max = 1, .again_count = 1});
    read_some(&pipe, bytes, sizeof(bytes), SPIPE_E_AGAIN);
    assert_int_equal(read_some(&pipe, bytes, sizeof(bytes), SPIPE_OK), 2);
    read_some(&pipe, bytes, sizeof(bytes), SPIPE_E_AGAIN);
    assert_int_equal(read_some(&pipe, bytes, sizeof(bytes), SPIPE_OK), 1);
    write_some(&pipe, "xyz", SPIPE_E_AGAIN);
    assert_int_equal(write_some(&pipe, "xyz", SPIPE_OK), 1);
}

static void test_a_full_pipe_takes_nothing_until_it_is_drained(void **state)
{
    (void)state;
    uint32_t events = 0;
    struct spipe_pipe pipe = pipe_memory_new();
    pipe_memory_set_faults(&pipe, (struct pipe_memory_faults){.room = 3});
    assert_int_equal(write_some(&pipe, "abcd", SPIPE_OK), 3);
    write_some(&pipe, "d", SPIPE_E_AGAIN);
    spipe_pipe_wait(&pipe, SPIPE_PIPE_WRITABLE, -1, 0, &events);
    assert_int_equal(events, 0);
    pipe_memory_drain(&pipe);
    spipe_pipe_wait(&pipe, SPIPE_PIPE_WRITABLE, -1, 0, &events);
    assert_int_equal(events, SPIPE_PIPE_WRITABLE);
    assert_int_equal(write_some(&pipe, "d", SPIPE_OK), 1);
}

static void test_a_pipe_breaks_after_the_bytes_that_were_said(void **state)
{
    (void)state;
    char byte;
    struct spipe_pipe pipe = pipe_memory_new();
    pipe_memory_set_faults(&pipe, (struct pipe_memory_faults){.break_after = 2, .resets = true});
    assert_int_equal(write_some(&pipe, "abc", SPIPE_OK), 2);
    write_some(&pipe, "c", SPIPE_E_CLOSED);
    pipe_memory_feed_end(&pipe);
    read_some(&pipe, &byte, 1, SPIPE_E_CLOSED);
}

static void test_waiting_tells_what_can_be_done(void **state)
{
    (void)state;
    uint32_t events = 0;
    struct spipe_pipe pipe = pipe_memory_new();
    spipe_pipe_wait(&pipe, SPIPE_PIPE_READABLE | SPIPE_PIPE_WRITABLE, -1, 0, &events);
    assert_int_equal(events, SPIPE_PIPE_WRITABLE);
    pipe_memory_feed_end(&pipe);
    pipe_memory_wake();
    spipe_pipe_wait(&pipe, SPIPE_PIPE_READABLE, -1, 0, &events);
    assert_int_equal(events, SPIPE_PIPE_READABLE | SPIPE_PIPE_WOKEN);
    spipe_pipe_wait(&pipe, SPIPE_PIPE_READABLE, -1, 0, &events);
    assert_int_equal(events, SPIPE_PIPE_READABLE);
}

static void test_connections_and_clients_come_in_the_order_offered(void **state)
{
    (void)state;
    struct spipe_endpoint endpoint = {.kind = SPIPE_ENDPOINT_SOCKET, .path = "/x"};
    struct spipe_listener listener;
    struct spipe_pipe a = pipe_memory_new();
    struct spipe_pipe b = pipe_memory_new();
    struct spipe_pipe got;
    assert_int_equal(spipe_pipe_connect(&endpoint, 0, &got), SPIPE_E_NOT_FOUND);
    pipe_memory_offer_connection(a);
    pipe_memory_offer_connection(b);
    assert_int_equal(spipe_pipe_connect(&endpoint, 0, &got), SPIPE_OK);
    assert_int_equal(got.read_handle, a.read_handle);
    assert_int_equal(spipe_pipe_connect(&endpoint, 0, &got), SPIPE_OK);
    assert_int_equal(got.read_handle, b.read_handle);
    assert_int_equal(spipe_listener_open(&endpoint, &listener), SPIPE_OK);
    assert_int_equal(spipe_listener_accept(&listener, &got), SPIPE_E_AGAIN);
    pipe_memory_offer_client(b);
    assert_int_equal(spipe_listener_accept(&listener, &got), SPIPE_OK);
    assert_int_equal(got.read_handle, b.read_handle);
}

static void test_shutting_and_closing_can_be_seen(void **state)
{
    (void)state;
    struct spipe_pipe pipe = pipe_memory_new();
    struct spipe_pipe seen = pipe;
    spipe_pipe_shut_write(&pipe);
    assert_true(pipe_memory_is_shut(&seen));
    assert_false(pipe_memory_is_closed(&seen));
    write_some(&pipe, "x", SPIPE_E_CLOSED);
    spipe_pipe_close(&pipe);
    assert_true(pipe_memory_is_closed(&seen));
    assert_int_equal(pipe.read_handle, -1);
}

static void test_the_peer_is_the_scripted_one(void **state)
{
    (void)state;
    struct spipe_peer peer;
    struct spipe_pipe pipe = pipe_memory_new();
    assert_int_equal(spipe_pipe_peer(&pipe, &peer), SPIPE_OK);
    assert_int_equal(peer.pid, getpid());
    pipe_memory_set_peer(&pipe, (struct spipe_peer){7, 8, true});
    assert_int_equal(spipe_pipe_peer(&pipe, &peer), SPIPE_OK);
    assert_int_equal(peer.user_id, 8);
}

static void test_messages_survive_a_pipe_of_single_bytes_and_storms(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct spipe_message_reader reader;
    struct spipe_bytes message = {NULL, 0};
    struct spipe_pipe pipe = pipe_memory_new();
    int tries = 0;
    spipe_message_reader_init(&reader, memory, sizeof(memory), 40);
    pipe_memory_feed(&pipe, "\x05hello", 6);
    pipe_memory_set_faults(&pipe, (struct pipe_memory_faults){.read_max = 1, .again_count = 3});
    while (spipe_message_reader_next(&reader, &message) == SPIPE_E_AGAIN && tries++ < 100) {
        size_t room = 0;
        size_t len = 0;
        void *space = spipe_message_reader_space(&reader, &room);
        if (spipe_pipe_read(&pipe, space, room, &len) == SPIPE_OK) {
            spipe_message_reader_fed(&reader, len);
        }
    }
    assert_int_equal(tries, 24);
    assert_memory_equal(message.data, "hello", 5);
}

#define TEST(function) cmocka_unit_test_teardown(function, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_fed_is_read_and_then_the_end),
        TEST(test_what_is_written_is_kept),
        TEST(test_joined_ends_talk_to_each_other),
        TEST(test_pieces_and_storms_come_as_scripted),
        TEST(test_a_full_pipe_takes_nothing_until_it_is_drained),
        TEST(test_a_pipe_breaks_after_the_bytes_that_were_said),
        TEST(test_waiting_tells_what_can_be_done),
        TEST(test_connections_and_clients_come_in_the_order_offered),
        TEST(test_shutting_and_closing_can_be_seen),
        TEST(test_the_peer_is_the_scripted_one),
        TEST(test_messages_survive_a_pipe_of_single_bytes_and_storms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
