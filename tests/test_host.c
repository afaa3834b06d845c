/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "protocol/decode.h"
#include "protocol/message.h"
#include "viewer-stub/host/stackpipe-host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The host under test, and the other end of one connection. */
struct fixture {
    struct spipe_host *host;
    struct records records; /* what the agent sends */
    int agent;
    struct spipe_connection *connection;

    bool defers; /* answers of the callbacks */
    bool closes_on_hello;
    int connected;
    int wanted;
    int disconnected;
    uint32_t peer_pid;
    struct spipe_host_end end;
    char end_text[128];
    int records_seen;
    enum spipe_record_kind last_kind;
    uint8_t seen[1 << 16]; /* bytes of the bytes callback */
    size_t seen_len;
};

static void on_connected(void *user, struct spipe_connection *connection, const struct spipe_peer *peer)
{
    struct fixture *fixture = user;
    fixture->connection = connection;
    fixture->connected++;
    fixture->peer_pid = peer->known ? peer->pid : 0;
}

static bool on_configuration_wanted(void *user, struct spipe_connection *connection,
                                    struct spipe_configuration *configuration)
{
    struct fixture *fixture = user;
    (void)connection;
    fixture->wanted++;
    configuration->token = "secret";
    configuration->cpu_period_us = 1000;
    return !fixture->defers;
}

static void on_bytes(void *user, struct spipe_connection *connection, struct spipe_bytes raw)
{
    struct fixture *fixture = user;
    (void)connection;
    assert_true(raw.len <= sizeof fixture->seen - fixture->seen_len);
    memcpy(fixture->seen + fixture->seen_len, raw.data, raw.len);
    fixture->seen_len += raw.len;
}

static void on_record(void *user, struct spipe_connection *connection, const struct spipe_record *record,
                      size_t message_len)
{
    struct fixture *fixture = user;
    assert_true(message_len > 0);
    fixture->records_seen++;
    fixture->last_kind = record->kind;
    if (record->kind == SPIPE_RECORD_HELLO && fixture->closes_on_hello) {
        spipe_connection_close(connection, "not wanted");
    }
}

static void on_disconnected(void *user, struct spipe_connection *connection, const struct spipe_host_end *end)
{
    struct fixture *fixture = user;
    assert_ptr_equal(connection, fixture->connection);
    fixture->disconnected++;
    fixture->end = *end;
    snprintf(fixture->end_text, sizeof fixture->end_text, "%s", end->text);
    fixture->connection = NULL;
}

static const struct spipe_host_callbacks callbacks = {on_connected, on_configuration_wanted, on_bytes, on_record,
                                                      on_disconnected};

static void start(struct fixture *fixture, const struct spipe_host_options *options)
{
    spipe_host_free(fixture->host);
    assert_int_equal(spipe_host_new(options, &callbacks, fixture, &fixture->host), SPIPE_OK);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    records_init(&fixture->records);
    fixture->agent = -1;
    start(fixture, NULL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spipe_host_free(fixture->host);
    records_done(&fixture->records);
    if (fixture->agent >= 0) {
        close(fixture->agent);
    }
    free(fixture);
    return 0;
}

static void dispatch(struct fixture *fixture)
{
    for (int i = 0; i < 8; i++) {
        assert_int_equal(spipe_host_dispatch(fixture->host, 0), SPIPE_OK);
    }
}

/* Joins host and agent by a pair of sockets. */
static void connect_agent(struct fixture *fixture)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(spipe_host_adopt(fixture->host, pair[0], pair[0]), SPIPE_OK);
    fixture->agent = pair[1];
    dispatch(fixture);
}

static void send_all(struct fixture *fixture)
{
    size_t at = 0;
    while (at < fixture->records.len) {
        ssize_t sent =
            send(fixture->agent, fixture->records.data + at, fixture->records.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            at += (size_t)sent;
        }
        dispatch(fixture);
        if (fixture->disconnected != 0) {
            break;
        }
    }
}

static size_t receive(struct fixture *fixture, uint8_t *bytes, size_t len)
{
    ssize_t got = recv(fixture->agent, bytes, len, MSG_DONTWAIT);
    return got > 0 ? (size_t)got : 0;
}

static void hang_up(struct fixture *fixture)
{
    close(fixture->agent);
    fixture->agent = -1;
    dispatch(fixture);
}

/* Decodes the host's message at `at`; the texts live as long as `memory`. */
static size_t decode(const uint8_t *bytes, size_t len, size_t at, void *memory, size_t memory_len,
                     struct spipe_host_record *ret_record)
{
    struct spipe_arena arena;
    size_t message_len = bytes[at];
    assert_true(message_len < 0x80 && at + 1 + message_len <= len);
    spipe_arena_init(&arena, memory, memory_len);
    assert_int_equal(spipe_decode_host_record((struct spipe_bytes){bytes + at + 1, message_len}, &arena, ret_record),
                     0);
    return at + 1 + message_len;
}

static void test_the_host_speaks_first_with_preface_and_configuration(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[256], memory[16384];
    struct spipe_host_record record;
    connect_agent(fixture);
    size_t len = receive(fixture, bytes, sizeof bytes);
    assert_memory_equal(bytes, spipe_preface, SPIPE_PREFACE_LEN);
    assert_int_equal(decode(bytes, len, SPIPE_PREFACE_LEN, memory, sizeof memory, &record), len);
    assert_int_equal(record.kind, SPIPE_HOST_RECORD_CONFIGURATION);
    assert_string_equal(record.configuration.token, "secret");
    assert_int_equal(record.configuration.cpu_period_us, 1000);
    assert_int_equal(fixture->connected, 1);
    assert_int_equal(fixture->peer_pid, getpid());
}

static void test_a_deferred_configuration_is_sent_when_it_is_given(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[256];
    struct spipe_configuration configuration = {.token = "later"};
    fixture->defers = true;
    connect_agent(fixture);
    assert_int_equal(receive(fixture, bytes, sizeof bytes), 0);
    assert_int_equal(spipe_connection_configure(fixture->connection, &configuration), SPIPE_OK);
    assert_true(receive(fixture, bytes, sizeof bytes) > SPIPE_PREFACE_LEN);
    assert_memory_equal(bytes, spipe_preface, SPIPE_PREFACE_LEN);
    assert_int_equal(spipe_connection_configure(fixture->connection, &configuration), SPIPE_E_BUSY);
}

static void test_bytes_are_given_as_they_were_sent(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    send_all(fixture);
    assert_int_equal(fixture->seen_len, fixture->records.len);
    assert_memory_equal(fixture->seen, fixture->records.data, fixture->seen_len);
    assert_int_equal(fixture->end.bytes, fixture->records.len);
    assert_int_equal(fixture->records_seen, 11);
}

static void test_a_message_in_single_bytes_is_one_record(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    for (size_t i = 0; i < fixture->records.len; i++) {
        assert_int_equal(send(fixture->agent, fixture->records.data + i, 1, MSG_NOSIGNAL), 1);
        dispatch(fixture);
    }
    assert_int_equal(fixture->records_seen, 2);
    assert_int_equal(fixture->seen_len, fixture->records.len);
}

static void test_the_host_closes_after_goodbye(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[256];
    connect_agent(fixture);
    receive(fixture, bytes, sizeof bytes);
    records_begin(&fixture->records, 1);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TIME_IS_UP);
    send_all(fixture);
    assert_int_equal(fixture->disconnected, 1);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_GOODBYE);
    assert_int_equal(fixture->end.goodbye, SPIPE_GOODBYE_TIME_IS_UP);
    assert_int_equal(recv(fixture->agent, bytes, 1, MSG_DONTWAIT), 0);
    assert_int_equal(spipe_host_connection_count(fixture->host), 0);
}

static void test_an_end_without_goodbye_is_a_cut(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    send_all(fixture);
    hang_up(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_CUT);
    assert_string_equal(fixture->end_text, "it ended without a goodbye");
}

static void test_an_end_in_a_message_gives_only_whole_ones(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    size_t whole = fixture->records.last;
    fixture->records.len -= 1;
    send_all(fixture);
    hang_up(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_CUT);
    assert_int_equal(fixture->seen_len, whole);
    assert_int_equal(fixture->end.bytes, whole);
}

static void test_a_refusal_ends_with_the_agent_s_words(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record refusal = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, "the token is wrong"}};
    connect_agent(fixture);
    records_add_raw(&fixture->records, spipe_preface, SPIPE_PREFACE_LEN);
    records_add(&fixture->records, &refusal);
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_REFUSED);
    assert_string_equal(fixture->end_text, "the token is wrong");
}

static void test_a_refusal_of_another_major_version_is_understood(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record refusal = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {9, "only version 9"}};
    connect_agent(fixture);
    records_add_raw(&fixture->records, "STKPIPE\x09", SPIPE_PREFACE_LEN);
    records_add(&fixture->records, &refusal);
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_REFUSED);
    assert_string_equal(fixture->end_text, "only version 9");
}

static void test_another_major_version_that_goes_on_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    fixture->records.data[7] = 9;
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_PROTOCOL);
    assert_int_equal(fixture->end.status, SPIPE_E_VERSION);
    assert_int_equal(fixture->records_seen, 0);
}

static void test_somebody_who_is_no_agent_is_turned_away(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_add_raw(&fixture->records, "GET / HTTP/1.1\r\n", 16);
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_PROTOCOL);
    assert_int_equal(fixture->seen_len, 0);
}

static void test_a_first_message_that_is_no_hello_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_add_raw(&fixture->records, spipe_preface, SPIPE_PREFACE_LEN);
    records_thread(&fixture->records, 1, 1, "x");
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_PROTOCOL);
    assert_int_equal(fixture->records_seen, 0);
}

static void test_a_damaged_message_ends_the_session_and_is_not_given(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    size_t sound = fixture->records.len;
    records_add_raw(&fixture->records, "\x02\x07\x07", 3);
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_PROTOCOL);
    assert_int_equal(fixture->seen_len, sound);
}

static void test_a_message_over_the_limit_ends_the_session(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_host_options options = {.message_max = 100};
    char name[200];
    start(fixture, &options);
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    records_thread(&fixture->records, 1, 1, name);
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_LIMIT);
}

static void test_a_session_longer_than_allowed_is_ended(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_host_options options = {.session_bytes_max = 300};
    start(fixture, &options);
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_define(&fixture->records);
    assert_true(fixture->records.len > 300);
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_LIMIT);
    assert_true(fixture->end.bytes <= 300);
}

static void test_too_many_unknown_messages_end_the_session(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_host_options options = {.unknown_max = 3};
    start(fixture, &options);
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    for (int i = 0; i < 4; i++) {
        records_add_raw(&fixture->records, "\x04\xba\x03\x01x", 5);
    }
    send_all(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_LIMIT);
    assert_int_equal(fixture->records_seen, 2 + 3);
}

static void test_commands_are_numbered_and_sent(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[512], memory[16384];
    struct spipe_host_record record;
    struct spipe_command flush = {.action = SPIPE_ACTION_FLUSH};
    uint32_t command_id = 0;
    connect_agent(fixture);
    receive(fixture, bytes, sizeof bytes);
    assert_int_equal(spipe_connection_mark(fixture->connection, "here"), SPIPE_OK);
    assert_int_equal(spipe_connection_command(fixture->connection, &flush, &command_id), SPIPE_OK);
    assert_int_equal(spipe_connection_stop(fixture->connection, NULL), SPIPE_OK);
    size_t len = receive(fixture, bytes, sizeof bytes);
    size_t at = decode(bytes, len, 0, memory, sizeof memory, &record);
    assert_int_equal(record.command.command_id, 1);
    assert_int_equal(record.command.action, SPIPE_ACTION_MARK);
    assert_string_equal(record.command.text, "here");
    at = decode(bytes, len, at, memory, sizeof memory, &record);
    assert_int_equal(record.command.command_id, command_id);
    assert_int_equal(record.command.action, SPIPE_ACTION_FLUSH);
    at = decode(bytes, len, at, memory, sizeof memory, &record);
    assert_int_equal(record.command.action, SPIPE_ACTION_STOP);
    assert_int_equal(at, len);
}

static void test_a_long_text_fits_a_command(void **state)
{
    struct fixture *fixture = *state;
    static char text[60001];
    memset(text, 'm', sizeof text - 1);
    connect_agent(fixture);
    assert_int_equal(spipe_connection_mark(fixture->connection, text), SPIPE_OK);
}

/* An agent that does not read: what waits is bounded, and all of it arrives in order once it reads. */
static void test_what_waits_to_be_sent_is_bounded_and_kept(void **state)
{
    struct fixture *fixture = *state;
    static char text[20001];
    static uint8_t bytes[1 << 16];
    size_t sent = 0, received = 0;
    int status = SPIPE_OK;
    memset(text, 'm', sizeof text - 1);
    connect_agent(fixture);
    while (sent < 1000 && status == SPIPE_OK) {
        status = spipe_connection_mark(fixture->connection, text);
        sent += status == SPIPE_OK;
    }
    assert_int_equal(status, SPIPE_E_NO_ROOM);
    for (int idle = 0; idle < 20; idle++) {
        size_t len;
        while ((len = receive(fixture, bytes, sizeof bytes)) > 0) {
            received += len;
            idle = 0;
        }
        dispatch(fixture);
    }
    assert_true(received > sent * 20000 && received < (sent + 1) * 20000);
    assert_int_equal(spipe_connection_mark(fixture->connection, text), SPIPE_OK);
}

static void test_closing_within_a_callback_ends_with_the_words_given(void **state)
{
    struct fixture *fixture = *state;
    fixture->closes_on_hello = true;
    connect_agent(fixture);
    records_begin(&fixture->records, 1);
    send_all(fixture);
    assert_int_equal(fixture->records_seen, 1);
    assert_int_equal(fixture->disconnected, 1);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_CLOSED);
    assert_string_equal(fixture->end_text, "not wanted");
}

static void test_freeing_the_host_disconnects_everybody(void **state)
{
    struct fixture *fixture = *state;
    connect_agent(fixture);
    spipe_host_free(fixture->host);
    fixture->host = NULL;
    assert_int_equal(fixture->disconnected, 1);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_CLOSED);
}

static void test_more_connections_than_allowed_are_turned_away(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_host_options options = {.connections_max = 1};
    int pair[2];
    start(fixture, &options);
    connect_agent(fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(spipe_host_adopt(fixture->host, pair[0], pair[0]), SPIPE_E_LIMIT);
    assert_int_equal(fixture->connected, 1);
    close(pair[1]);
}

static void test_a_pair_of_pipes_is_a_connection_too(void **state)
{
    struct fixture *fixture = *state;
    int to_agent[2], from_agent[2];
    uint8_t bytes[256];
    assert_int_equal(pipe(to_agent), 0);
    assert_int_equal(pipe(from_agent), 0);
    assert_int_equal(spipe_host_adopt(fixture->host, from_agent[0], to_agent[1]), SPIPE_OK);
    dispatch(fixture);
    assert_true(read(to_agent[0], bytes, sizeof bytes) > (ssize_t)SPIPE_PREFACE_LEN);
    records_begin(&fixture->records, 1);
    assert_int_equal(write(from_agent[1], fixture->records.data, fixture->records.len), fixture->records.len);
    dispatch(fixture);
    assert_int_equal(fixture->records_seen, 2);
    close(to_agent[0]);
    spipe_connection_mark(fixture->connection, "nobody reads this");
    dispatch(fixture);
    assert_int_equal(fixture->disconnected, 0);
    close(from_agent[1]);
    dispatch(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_HOST_END_CUT);
}

static void test_a_host_that_can_only_read_sends_no_configuration(void **state)
{
    struct fixture *fixture = *state;
    int from_agent[2];
    assert_int_equal(pipe(from_agent), 0);
    assert_int_equal(spipe_host_adopt(fixture->host, from_agent[0], -1), SPIPE_OK);
    dispatch(fixture);
    assert_int_equal(fixture->connected, 1);
    assert_int_equal(fixture->wanted, 0);
    assert_int_equal(spipe_connection_stop(fixture->connection, NULL), SPIPE_E_CLOSED);
    records_begin(&fixture->records, 1);
    assert_int_equal(write(from_agent[1], fixture->records.data, fixture->records.len), fixture->records.len);
    dispatch(fixture);
    assert_int_equal(fixture->records_seen, 2);
    close(from_agent[1]);
}

static void test_listening_makes_a_private_socket_and_removes_it(void **state)
{
    struct fixture *fixture = *state;
    char folder[] = "/tmp/spipe-test-XXXXXX", endpoint[64];
    struct stat found;
    assert_non_null(mkdtemp(folder));
    snprintf(endpoint, sizeof endpoint, "unix:%s/socket", folder);
    assert_int_equal(spipe_host_listen(fixture->host, endpoint, NULL), SPIPE_OK);
    assert_int_equal(stat(endpoint + 5, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(spipe_host_listen(fixture->host, endpoint, NULL), SPIPE_E_EXISTS);
    spipe_host_stop_listening(fixture->host);
    assert_int_not_equal(stat(endpoint + 5, &found), 0);
    assert_int_equal(spipe_host_listen(fixture->host, endpoint, NULL), SPIPE_OK);
    spipe_host_free(fixture->host);
    fixture->host = NULL;
    assert_int_equal(rmdir(folder), 0);
}

static void test_a_wrong_endpoint_is_explained(void **state)
{
    struct fixture *fixture = *state;
    const char *message = NULL;
    assert_int_equal(spipe_host_listen(fixture->host, "ftp:x", &message), SPIPE_E_ARGUMENT);
    assert_non_null(message);
}

/* No descriptor is left for the one who waits: the loop neither fails nor turns him away, and takes him when there is
 * one. */
static void test_a_lack_of_descriptors_passes(void **state)
{
    struct fixture *fixture = *state;
    char folder[] = "/tmp/spipe-test-XXXXXX", endpoint[64];
    struct spipe_endpoint parsed;
    struct spipe_pipe pipe = SPIPE_PIPE_NONE;
    struct rlimit limit, none;
    assert_non_null(mkdtemp(folder));
    snprintf(endpoint, sizeof endpoint, "unix:%s/socket", folder);
    assert_int_equal(spipe_host_listen(fixture->host, endpoint, NULL), SPIPE_OK);
    assert_int_equal(spipe_endpoint_parse(endpoint, NULL, &parsed, NULL), SPIPE_OK);
    assert_int_equal(spipe_pipe_connect(&parsed, 1000, &pipe), SPIPE_OK);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 3;
    setrlimit(RLIMIT_NOFILE, &none);
    dispatch(fixture);
    setrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(fixture->connected, 0);
    for (int i = 0; i < 10 && fixture->connected == 0; i++) {
        spipe_host_dispatch(fixture->host, 1000);
    }
    assert_int_equal(fixture->connected, 1);
    spipe_pipe_close(&pipe);
    spipe_host_free(fixture->host);
    fixture->host = NULL;
    rmdir(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_host_speaks_first_with_preface_and_configuration),
        TEST(test_a_deferred_configuration_is_sent_when_it_is_given),
        TEST(test_bytes_are_given_as_they_were_sent),
        TEST(test_a_message_in_single_bytes_is_one_record),
        TEST(test_the_host_closes_after_goodbye),
        TEST(test_an_end_without_goodbye_is_a_cut),
        TEST(test_an_end_in_a_message_gives_only_whole_ones),
        TEST(test_a_refusal_ends_with_the_agent_s_words),
        TEST(test_a_refusal_of_another_major_version_is_understood),
        TEST(test_another_major_version_that_goes_on_is_an_error),
        TEST(test_somebody_who_is_no_agent_is_turned_away),
        TEST(test_a_first_message_that_is_no_hello_is_an_error),
        TEST(test_a_damaged_message_ends_the_session_and_is_not_given),
        TEST(test_a_message_over_the_limit_ends_the_session),
        TEST(test_a_session_longer_than_allowed_is_ended),
        TEST(test_too_many_unknown_messages_end_the_session),
        TEST(test_commands_are_numbered_and_sent),
        TEST(test_a_long_text_fits_a_command),
        TEST(test_what_waits_to_be_sent_is_bounded_and_kept),
        TEST(test_closing_within_a_callback_ends_with_the_words_given),
        TEST(test_freeing_the_host_disconnects_everybody),
        TEST(test_more_connections_than_allowed_are_turned_away),
        TEST(test_a_pair_of_pipes_is_a_connection_too),
        TEST(test_a_host_that_can_only_read_sends_no_configuration),
        TEST(test_listening_makes_a_private_socket_and_removes_it),
        TEST(test_a_wrong_endpoint_is_explained),
        TEST(test_a_lack_of_descriptors_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
