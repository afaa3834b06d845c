/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/handshake.h"
#include "agent_stream.h"
#include "clock_fake.h"
#include "pipe_memory.h"
#include "protocol/encode.h"
#include "protocol/status.h"

static struct spipe_handshake handshake;
static struct spipe_pipe pipe_end;
static struct agent_stream stream;
static char log_text[2048];

static int set_up(void **state)
{
    (void)state;
    clock_fake_reset();
    memset(&handshake, 0, sizeof handshake);
    memset(&spipe_control.environment, 0, sizeof spipe_control.environment);
    strcpy(spipe_control.environment.endpoint, "unix:/tmp/nobody-listens");
    snprintf(spipe_control.environment.log_path, sizeof spipe_control.environment.log_path, "/tmp/spipe-handshake-%d",
             (int)getpid());
    pipe_end = pipe_memory_new();
    pipe_memory_offer_connection(pipe_end);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(spipe_control.environment.log_path);
    atomic_store(&spipe_control.requests, 0);
    pipe_memory_reset();
    return 0;
}

static bool run(void)
{
    spipe_handshake_init(&handshake);
    return spipe_handshake_run(&handshake);
}

static const char *read_log(void)
{
    FILE *file = fopen(spipe_control.environment.log_path, "r");
    size_t len = file == NULL ? 0 : fread(log_text, 1, sizeof log_text - 1, file);
    log_text[len] = '\0';
    if (file != NULL)
        fclose(file);
    return log_text;
}

static void feed(const void *bytes, size_t len)
{
    pipe_memory_feed(&pipe_end, bytes, len);
}

static void feed_text(const char *text)
{
    feed(text, strlen(text));
}

/* The preface and a message, as a host sends them. */
static size_t encode(const struct spipe_host_record *record, uint8_t *bytes, size_t capacity)
{
    static unsigned char memory[4096];
    struct spipe_arena scratch;
    struct spipe_buffer buffer = {bytes, SPIPE_PREFACE_LEN, capacity};
    memcpy(bytes, spipe_preface, SPIPE_PREFACE_LEN);
    spipe_arena_init(&scratch, memory, sizeof memory);
    assert_int_equal(spipe_encode_host_record(record, &scratch, &buffer), 0);
    return buffer.len;
}

static struct spipe_host_record configuration(void)
{
    return (struct spipe_host_record){
        .kind = SPIPE_HOST_RECORD_CONFIGURATION,
        .configuration = {.token = "s3cret", .cpu_period_us = 2500, .max_depth = 77, .reconnect_ms = 1}};
}

static void assert_configuration_taken(void)
{
    assert_false(handshake.is_text);
    assert_int_equal(handshake.asked.cpu_period_us, 2500);
    assert_int_equal(handshake.asked.max_depth, 77);
    assert_string_equal(handshake.asked.token, "");
    assert_int_equal(pipe_memory_written(&pipe_end).len, 0);
}

/* Preface, Refusal with these words, closed, and the same words in the log. */
static void assert_refused(const char *words)
{
    assert_false(run());
    agent_stream_read(&stream, pipe_memory_written(&pipe_end));
    assert_int_equal(stream.count[SPIPE_RECORD_REFUSAL], 1);
    assert_string_equal(stream.last_text, words);
    assert_true(pipe_memory_is_closed(&pipe_end));
    assert_non_null(strstr(read_log(), words));
}

/* --------------------------------------------------------------------------------------------------------- protobuf */

static void test_a_configuration_is_taken_without_a_word(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_true(run());
    assert_configuration_taken();
}

static void test_a_configuration_may_be_split_at_every_byte(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.read_max = 1, .again_count = 1});
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_true(run());
    assert_configuration_taken();
}

static void test_a_slow_preface_is_waited_for(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    clock_fake_set_step(700 * CLOCK_FAKE_MS);
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.read_max = 3, .again_count = 1});
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_true(run());
    assert_configuration_taken();
}

static void test_what_follows_the_configuration_is_kept(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    feed(bytes, encode(&record, bytes, sizeof bytes));
    feed("\x02\x12\x00", 3);
    assert_true(run());
    struct spipe_bytes message;
    assert_int_equal(spipe_message_reader_next(&handshake.reader, &message), 0);
    assert_int_equal(message.len, 2);
}

static void test_the_end_of_input_behind_the_configuration_is_no_matter(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    feed(bytes, encode(&record, bytes, sizeof bytes));
    pipe_memory_feed_end(&pipe_end);
    assert_true(run());
    assert_configuration_taken();
}

static void test_the_token_must_be_the_one_of_the_environment(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    strcpy(spipe_control.environment.token, "s3cret");
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_true(run());
    assert_configuration_taken();

    pipe_end = pipe_memory_new();
    pipe_memory_offer_connection(pipe_end);
    strcpy(spipe_control.environment.token, "s3cret2");
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_refused("the configuration's token is not the one that the agent was started with");
}

static void test_another_major_version_is_refused(void **state)
{
    (void)state;
    feed("STKPIPE\x02", 8);
    assert_refused("the host speaks another major version; this agent speaks 1");
}

static void test_a_missing_preface_is_refused(void **state)
{
    (void)state;
    feed("\x0a\x0a\x08\x74\x01", 5);
    assert_refused("the host did not begin with the preface");
}

static void test_a_first_message_that_is_no_configuration_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_COMMAND,
                                       .command = {.command_id = 1, .action = SPIPE_ACTION_PAUSE, .text = ""}};
    record.command.configure.token = "";
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_refused("the first message is not a configuration");
}

static void test_a_message_that_cannot_be_decoded_is_refused(void **state)
{
    (void)state;
    feed("STKPIPE\x01\x03\xff\xff\xff", 12);
    assert_refused("the first message cannot be decoded");
}

static void test_a_message_over_the_limit_is_refused_before_it_is_there(void **state)
{
    (void)state;
    feed("STKPIPE\x01\x81\x80\x04", 11);        /* 65537 bytes */
    assert_refused("the first message is longer than a host's may be");
}

static void test_absurd_lengths_are_refused(void **state)
{
    (void)state;
    feed("STKPIPE\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 18);
    assert_refused("the first message is longer than a host's may be");
    pipe_end = pipe_memory_new();
    pipe_memory_offer_connection(pipe_end);
    feed("STKPIPE\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 19);
    assert_refused("the first message cannot be decoded");
}

static void test_the_largest_message_is_taken(void **state)
{
    (void)state;
    static uint8_t bytes[SPIPE_HOST_MESSAGE_MAX + 64];
    static char token[SPIPE_HOST_MESSAGE_MAX - 8 + 1];
    static unsigned char memory[4096];
    struct spipe_host_record record = configuration();
    struct spipe_arena scratch;
    struct spipe_buffer buffer = {bytes, 0, sizeof bytes};
    memset(token, 't', sizeof token - 1);
    record.configuration.token = token;
    record.configuration.cpu_period_us = 0;
    record.configuration.max_depth = 0;
    record.configuration.reconnect_ms = 0;
    spipe_arena_init(&scratch, memory, sizeof memory);
    assert_int_equal(spipe_encode_host_record(&record, &scratch, &buffer), 0);
    assert_int_equal(buffer.len, SPIPE_HOST_MESSAGE_MAX + 3);
    feed(spipe_preface, SPIPE_PREFACE_LEN);
    feed(bytes, buffer.len);
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.read_max = 1000});
    assert_true(run());
}

static void test_a_refusal_reaches_a_host_that_takes_single_bytes(void **state)
{
    (void)state;
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.write_max = 1, .again_count = 2});
    feed("STKPIPE\x07", 8);
    assert_refused("the host speaks another major version; this agent speaks 1");
}

static void test_a_host_that_takes_no_refusal_is_left(void **state)
{
    (void)state;
    clock_fake_set_step(10 * CLOCK_FAKE_MS);
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.room = 4});
    feed("STKPIPE\x07", 8);
    assert_false(run());
    assert_int_equal(pipe_memory_written(&pipe_end).len, 4);
    assert_true(pipe_memory_is_closed(&pipe_end));
}

/* ------------------------------------------------------------------------------------------------------------- text */

static void test_a_line_opens_the_text_dialect(void **state)
{
    (void)state;
    feed_text("rate=500 verbose=1\n");
    assert_true(run());
    assert_true(handshake.is_text);
    assert_int_equal(handshake.asked.cpu_period_us, 2000);
    assert_string_equal(handshake.ignored, "verbose");
}

static void test_a_text_without_end_is_taken_after_half_a_second_of_silence(void **state)
{
    (void)state;
    clock_fake_set_step(10 * CLOCK_FAKE_MS);
    uint64_t before = clock_fake_now();
    feed_text("{\"rate\": 500");
    assert_true(run());
    assert_true(handshake.is_text);
    assert_int_equal(handshake.asked.cpu_period_us, 2000);
    assert_true(clock_fake_now() - before >= 500 * CLOCK_FAKE_MS);
}

static void test_a_text_ends_with_the_input(void **state)
{
    (void)state;
    feed_text("hello there");
    pipe_memory_feed_end(&pipe_end);
    assert_true(run());
    assert_true(handshake.is_text);
    assert_true(handshake.is_input_over);
    assert_string_equal(handshake.ignored, "hello there");
}

static void test_a_text_has_no_token(void **state)
{
    (void)state;
    strcpy(spipe_control.environment.token, "s3cret");
    feed_text("rate=500\n");
    assert_false(run());
    assert_int_equal(pipe_memory_written(&pipe_end).len, 0);
    assert_true(pipe_memory_is_closed(&pipe_end));
    assert_non_null(strstr(read_log(), "token"));
}

static void test_there_is_room_for_what_a_text_host_says_later(void **state)
{
    (void)state;
    static char chatter[SPIPE_HANDSHAKE_READER_SIZE];
    size_t room;
    memset(chatter, 'x', sizeof chatter);
    chatter[100] = '\n';
    feed(chatter, sizeof chatter);
    assert_true(run());
    (void)spipe_message_reader_space(&handshake.reader, &room);
    assert_true(room > 0);
}

/* ---------------------------------------------------------------------------------------------------------- silence */

static void test_a_host_that_will_not_speak_gets_what_the_environment_says(void **state)
{
    (void)state;
    strcpy(spipe_control.environment.config, "rate=250 depth=9");
    pipe_memory_feed_end(&pipe_end);
    assert_true(run());
    assert_false(handshake.is_text);
    assert_true(handshake.is_input_over);
    assert_int_equal(handshake.asked.cpu_period_us, 4000);
    assert_int_equal(handshake.asked.max_depth, 9);
}

static void test_silence_has_no_token_either(void **state)
{
    (void)state;
    strcpy(spipe_control.environment.token, "s3cret");
    pipe_memory_feed_end(&pipe_end);
    assert_false(run());
    assert_int_equal(pipe_memory_written(&pipe_end).len, 0);
}

static void test_a_silent_host_is_left_after_thirty_seconds(void **state)
{
    (void)state;
    uint64_t before = clock_fake_now();
    clock_fake_set_step(20 * CLOCK_FAKE_MS);
    assert_false(run());
    assert_true(clock_fake_now() - before >= 30000 * CLOCK_FAKE_MS);
    assert_true(clock_fake_now() - before < 31000 * CLOCK_FAKE_MS);
    assert_non_null(strstr(read_log(), "no answer within 30 s"));
    assert_int_equal(pipe_memory_written(&pipe_end).len, 0);
    assert_true(pipe_memory_is_closed(&pipe_end));
}

static void test_input_that_ends_inside_the_configuration_opens_nothing(void **state)
{
    (void)state;
    feed("STKPIPE\x01\x12\x0a", 10);
    pipe_memory_feed_end(&pipe_end);
    assert_false(run());
    assert_non_null(strstr(read_log(), "did not send a configuration"));
    assert_true(pipe_memory_is_closed(&pipe_end));
}

static void test_a_reset_before_the_first_byte_opens_nothing(void **state)
{
    (void)state;
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.resets = true});
    pipe_memory_feed_end(&pipe_end);
    assert_false(run());
    assert_true(pipe_memory_is_closed(&pipe_end));
}

static void test_a_program_that_ends_is_not_held_by_the_wait_for_the_host(void **state)
{
    (void)state;
    atomic_store(&spipe_control.requests, SPIPE_REQUEST_LEAVE);
    assert_false(run());
    assert_true(pipe_memory_is_closed(&pipe_end));
}

/* ------------------------------------------------------------------------------------------------------- connecting */

static void test_a_host_of_another_user_hears_nothing(void **state)
{
    (void)state;
    pipe_memory_set_peer(&pipe_end, (struct spipe_peer){1, 4242424, true});
    feed_text("rate=500\n");
    assert_false(run());
    assert_int_equal(pipe_memory_written(&pipe_end).len, 0);
    assert_true(pipe_memory_is_closed(&pipe_end));
    assert_non_null(strstr(read_log(), "another user"));
}

static void test_root_and_peers_without_a_name_are_heard(void **state)
{
    (void)state;
    pipe_memory_set_peer(&pipe_end, (struct spipe_peer){1, 0, true});
    feed_text("rate=500\n");
    assert_true(run());
    pipe_end = pipe_memory_new();
    pipe_memory_offer_connection(pipe_end);
    pipe_memory_set_peer(&pipe_end, (struct spipe_peer){0, 0, false});
    feed_text("rate=500\n");
    assert_true(run());
}

static void test_nobody_there_is_logged(void **state)
{
    (void)state;
    pipe_memory_reset();        /* takes the offered connection back */
    assert_false(run());
    assert_non_null(strstr(read_log(), "cannot connect"));
}

static void test_an_endpoint_outside_the_grammar_is_logged_and_harmless(void **state)
{
    (void)state;
    strcpy(spipe_control.environment.endpoint, "telnet:localhost");
    assert_false(run());
    assert_int_equal(handshake.endpoint.read_handle, -1);
    assert_int_equal(handshake.endpoint.write_handle, -1);
    assert_non_null(strstr(read_log(), "the endpoint cannot be used"));
}

static void test_a_second_run_knows_nothing_of_the_first(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct spipe_host_record record = configuration();
    feed_text("depth=5\n");
    assert_true(run());
    pipe_end = pipe_memory_new();
    pipe_memory_offer_connection(pipe_end);
    feed(bytes, encode(&record, bytes, sizeof bytes));
    assert_true(run());
    assert_configuration_taken();
    assert_false(handshake.is_input_over);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_configuration_is_taken_without_a_word),
        TEST(test_a_configuration_may_be_split_at_every_byte),
        TEST(test_a_slow_preface_is_waited_for),
        TEST(test_what_follows_the_configuration_is_kept),
        TEST(test_the_end_of_input_behind_the_configuration_is_no_matter),
        TEST(test_the_token_must_be_the_one_of_the_environment),
        TEST(test_another_major_version_is_refused),
        TEST(test_a_missing_preface_is_refused),
        TEST(test_a_first_message_that_is_no_configuration_is_refused),
        TEST(test_a_message_that_cannot_be_decoded_is_refused),
        TEST(test_a_message_over_the_limit_is_refused_before_it_is_there),
        TEST(test_absurd_lengths_are_refused),
        TEST(test_the_largest_message_is_taken),
        TEST(test_a_refusal_reaches_a_host_that_takes_single_bytes),
        TEST(test_a_host_that_takes_no_refusal_is_left),
        TEST(test_a_line_opens_the_text_dialect),
        TEST(test_a_text_without_end_is_taken_after_half_a_second_of_silence),
        TEST(test_a_text_ends_with_the_input),
        TEST(test_a_text_has_no_token),
        TEST(test_there_is_room_for_what_a_text_host_says_later),
        TEST(test_a_host_that_will_not_speak_gets_what_the_environment_says),
        TEST(test_silence_has_no_token_either),
        TEST(test_a_silent_host_is_left_after_thirty_seconds),
        TEST(test_input_that_ends_inside_the_configuration_opens_nothing),
        TEST(test_a_reset_before_the_first_byte_opens_nothing),
        TEST(test_a_program_that_ends_is_not_held_by_the_wait_for_the_host),
        TEST(test_a_host_of_another_user_hears_nothing),
        TEST(test_root_and_peers_without_a_name_are_heard),
        TEST(test_nobody_there_is_logged),
        TEST(test_an_endpoint_outside_the_grammar_is_logged_and_harmless),
        TEST(test_a_second_run_knows_nothing_of_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
