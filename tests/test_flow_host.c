/* SPDX-License-Identifier: MIT */
/*
 * Many agents at once, each on a thread of its own, against one host in its own loop: what arrives is what was sent.
 */
#include "records.h"

#include "protocol/endpoint.h"
#include "viewer-stub/host/stackpipe-host.h"
#include "viewer-stub/host/store.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define AGENTS      8u
#define SAMPLES     3000u
#define PATIENCE_MS 30000u

struct arrival {
    uint8_t number; /* of the session, from its Hello */
    struct spipe_store *store;
    uint8_t *bytes;
    size_t len;
    size_t capacity;
    enum spipe_host_end_reason reason;
};

struct flow {
    struct spipe_host *host;
    char folder[32];
    char endpoint[64];
    struct arrival arrival[AGENTS];
    size_t begun;
    size_t ended;
};

struct agent {
    pthread_t thread;
    const struct flow *flow;
    struct records records;
    uint32_t piece; /* how many bytes it sends at a time */
    bool has_failed;
};

static void on_connected(void *user, struct spipe_connection *connection, const struct spipe_peer *peer)
{
    struct flow *flow = user;
    struct arrival *arrival = &flow->arrival[flow->begun++];
    (void)peer;
    arrival->store = spipe_store_new(NULL);
    spipe_connection_set_data(connection, arrival);
}

static void on_bytes(void *user, struct spipe_connection *connection, struct spipe_bytes raw)
{
    struct arrival *arrival = spipe_connection_data(connection);
    (void)user;
    while (arrival->capacity - arrival->len < raw.len) {
        arrival->capacity = arrival->capacity == 0 ? 1 << 16 : arrival->capacity * 2;
        arrival->bytes = realloc(arrival->bytes, arrival->capacity);
    }
    memcpy(arrival->bytes + arrival->len, raw.data, raw.len);
    arrival->len += raw.len;
}

static void on_record(void *user, struct spipe_connection *connection, const struct spipe_record *record,
                      size_t message_len)
{
    struct arrival *arrival = spipe_connection_data(connection);
    (void)user;
    if (record->kind == SPIPE_RECORD_HELLO) {
        arrival->number = record->hello.session_id.data[0];
    }
    spipe_store_add(arrival->store, record, message_len);
}

static void on_disconnected(void *user, struct spipe_connection *connection, const struct spipe_host_end *end)
{
    struct flow *flow = user;
    struct arrival *arrival = spipe_connection_data(connection);
    arrival->reason = end->reason;
    if (++flow->ended == AGENTS) {
        spipe_host_stop(flow->host);
    }
}

/* Writes everything, waiting where the pipe is full. */
static bool write_all(struct spipe_pipe *pipe, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t written = 0;
        uint32_t events = 0;
        int status = spipe_pipe_write(pipe, bytes, len, &written);
        if (status == SPIPE_E_AGAIN) {
            spipe_pipe_wait(pipe, SPIPE_PIPE_WRITABLE, -1, PATIENCE_MS, &events);
        } else if (status != SPIPE_OK) {
            return false;
        }
        bytes += written;
        len -= written;
    }
    return true;
}

/* Waits for the configuration, sends in pieces, and stays until the host has closed. */
static void *run_agent(void *argument)
{
    struct agent *agent = argument;
    struct spipe_endpoint endpoint;
    struct spipe_pipe pipe = SPIPE_PIPE_NONE;
    uint8_t bytes[256];
    size_t len = 0;
    uint32_t events = 0;
    agent->has_failed = spipe_endpoint_parse(agent->flow->endpoint, NULL, &endpoint, NULL) != SPIPE_OK ||
                        spipe_pipe_connect(&endpoint, PATIENCE_MS, &pipe) != SPIPE_OK ||
                        spipe_pipe_wait(&pipe, SPIPE_PIPE_READABLE, -1, PATIENCE_MS, &events) != SPIPE_OK ||
                        spipe_pipe_read(&pipe, bytes, sizeof bytes, &len) != SPIPE_OK;
    for (size_t at = 0; at < agent->records.len && !agent->has_failed; at += len) {
        len = agent->records.len - at < agent->piece ? agent->records.len - at : agent->piece;
        agent->has_failed = !write_all(&pipe, agent->records.data + at, len);
    }
    int status = SPIPE_OK;
    while (!agent->has_failed && (status == SPIPE_OK || status == SPIPE_E_AGAIN)) {
        spipe_pipe_wait(&pipe, SPIPE_PIPE_READABLE, -1, PATIENCE_MS, &events);
        status = events != 0 ? spipe_pipe_read(&pipe, bytes, sizeof bytes, &len) : SPIPE_E_TIME_OUT;
    }
    agent->has_failed |= status == SPIPE_E_TIME_OUT;
    spipe_pipe_close(&pipe);
    return NULL;
}

static void prepare(struct agent *agent, const struct flow *flow, uint8_t number)
{
    records_init(&agent->records);
    records_begin(&agent->records, number);
    records_define(&agent->records);
    for (uint32_t i = 0; i < SAMPLES * number; i++) {
        records_sample(&agent->records, 1, 1 + i % 3, i);
    }
    records_goodbye(&agent->records, SPIPE_GOODBYE_TARGET_EXITS);
    agent->flow = flow;
    agent->piece = number == 1 ? 7 : 1000 * number;
}

static int set_up(void **state)
{
    static const struct spipe_host_callbacks callbacks = {
        .connected = on_connected, .bytes = on_bytes, .record = on_record, .disconnected = on_disconnected};
    struct flow *flow = calloc(1, sizeof *flow);
    strcpy(flow->folder, "/tmp/spipe-test-XXXXXX");
    if (mkdtemp(flow->folder) == NULL || spipe_host_new(NULL, &callbacks, flow, &flow->host) != SPIPE_OK) {
        return 1;
    }
    snprintf(flow->endpoint, sizeof flow->endpoint, "unix:%s/socket", flow->folder);
    *state = flow;
    return spipe_host_listen(flow->host, flow->endpoint, NULL);
}

static int tear_down(void **state)
{
    struct flow *flow = *state;
    spipe_host_free(flow->host);
    for (size_t i = 0; i < AGENTS; i++) {
        spipe_store_free(flow->arrival[i].store);
        free(flow->arrival[i].bytes);
    }
    rmdir(flow->folder);
    free(flow);
    return 0;
}

static void test_each_agent_arrives_whole_and_apart_from_the_others(void **state)
{
    struct flow *flow = *state;
    static struct agent agent[AGENTS];
    for (uint8_t i = 0; i < AGENTS; i++) {
        prepare(&agent[i], flow, (uint8_t)(i + 1));
        assert_int_equal(pthread_create(&agent[i].thread, NULL, run_agent, &agent[i]), 0);
    }
    assert_int_equal(spipe_host_run(flow->host), SPIPE_OK);
    for (size_t i = 0; i < AGENTS; i++) {
        pthread_join(agent[i].thread, NULL);
        assert_false(agent[i].has_failed);
    }
    for (size_t i = 0; i < AGENTS; i++) {
        const struct arrival *arrival = &flow->arrival[i];
        assert_in_range(arrival->number, 1, AGENTS);
        const struct records *sent = &agent[arrival->number - 1].records;
        assert_int_equal(arrival->reason, SPIPE_HOST_END_GOODBYE);
        assert_int_equal(arrival->len, sent->len);
        assert_memory_equal(arrival->bytes, sent->data, sent->len);
        assert_int_equal(spipe_store_sample_count(arrival->store), SAMPLES * arrival->number);
    }
    for (size_t i = 0; i < AGENTS; i++) {
        records_done(&agent[i].records);
    }
}

static void *stop_host(void *argument)
{
    spipe_host_stop(argument);
    return NULL;
}

static void test_a_host_that_waits_can_be_stopped_by_another_thread(void **state)
{
    struct flow *flow = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_host, flow->host), 0);
    assert_int_equal(spipe_host_run(flow->host), SPIPE_OK);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_agent_arrives_whole_and_apart_from_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_host_that_waits_can_be_stopped_by_another_thread, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
