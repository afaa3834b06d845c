/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/session.h"

#include "protocol/decode.h"
#include "protocol/endpoint.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_DEFAULT 256u
#define OUTPUT_DEFAULT      (256u * 1024u)
#define OUTPUT_MIN          (SPIPE_HOST_MESSAGE_MAX + 64u)
#define UNKNOWN_DEFAULT     (64u * 1024u)
#define ACCEPTS_AT_ONCE     16
#define READY_MAX           64
#define RETRY_MS            200u /* after the system has refused to accept */

struct listening {
    struct listening *next;
    struct spipe_listener listener;
    struct spipe_host_watch watch;
    bool is_over;
};

struct spipe_host {
    struct spipe_session_context context;
    struct spipe_connection *connection;
    uint32_t connection_count;
    uint64_t last_number;
    struct listening *listening;
    bool retries_accept;
    atomic_bool stop; /* set by any thread; taken back by the end of spipe_host_run() */
};

/* Which of the two an event is about: listeners have no owner. */
static struct listening *listening_of(struct spipe_host_watch *watch)
{
    return watch->owner == NULL ? (struct listening *)((char *)watch - offsetof(struct listening, watch)) : NULL;
}

static uint32_t or_default(uint32_t value, uint32_t usual)
{
    return value != 0 ? value : usual;
}

static void take_options(const struct spipe_host_options *wanted, struct spipe_host_options *ret)
{
    struct spipe_host_options none = {0};
    const struct spipe_host_options *from = wanted != NULL ? wanted : &none;
    uint32_t output_max = or_default(from->output_max, OUTPUT_DEFAULT);
    *ret = (struct spipe_host_options){
        .connections_max = or_default(from->connections_max, CONNECTIONS_DEFAULT),
        .message_max = from->message_max != 0 && from->message_max < SPIPE_AGENT_MESSAGE_MAX ? from->message_max
                                                                                             : SPIPE_AGENT_MESSAGE_MAX,
        .output_max = output_max > OUTPUT_MIN ? output_max : OUTPUT_MIN,
        .session_bytes_max = from->session_bytes_max,
        .unknown_max = or_default(from->unknown_max, UNKNOWN_DEFAULT),
    };
}

/* A new connection announces itself in the next dispatch, so that no callback runs outside of one. */
static int add_connection(struct spipe_host *host, struct spipe_pipe *pipe)
{
    struct spipe_connection *connection = NULL;
    if (host->connection_count >= host->context.options.connections_max) {
        spipe_pipe_close(pipe);
        return SPIPE_E_LIMIT;
    }
    int status = spipe_session_new(&host->context, pipe, host->last_number + 1, &connection);
    if (status == SPIPE_OK) {
        host->last_number++;
        host->connection_count++;
        connection->next = host->connection;
        host->connection = connection;
        spipe_host_loop_wake(&host->context.loop);
    }
    return status;
}

/* Someone of another user, or one too many, is closed by then and does not concern the others. When the system itself
 * refuses (no more descriptors), the listener would stay ready: it rests for a while. */
static void accept_some(struct spipe_host *host, struct listening *listening)
{
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        struct spipe_pipe pipe;
        int status = spipe_listener_accept(&listening->listener, &pipe);
        if (status == SPIPE_E_AGAIN) {
            return;
        }
        if (status == SPIPE_OK) {
            add_connection(host, &pipe);
        } else if (status != SPIPE_E_FOREIGN) {
            spipe_host_loop_set(&host->context.loop, &listening->watch, 0);
            host->retries_accept = true;
            return;
        }
    }
}

static void accept_again(struct spipe_host *host)
{
    host->retries_accept = false;
    for (struct listening *at = host->listening; at != NULL; at = at->next) {
        if (!at->is_over &&
            spipe_host_loop_set(&host->context.loop, &at->watch, SPIPE_HOST_LOOP_READABLE) != SPIPE_OK) {
            host->retries_accept = true;
        }
    }
}

/* Callbacks may add connections while this runs; those stand in front and are found in the next round. */
static bool announce_new(struct spipe_host *host)
{
    bool has_announced = false;
    for (struct spipe_connection *at = host->connection; at != NULL; at = at->next) {
        if (!at->is_announced && !at->is_over) {
            spipe_session_announce(at);
            has_announced = true;
        }
    }
    return has_announced;
}

static bool remove_ended(struct spipe_host *host)
{
    for (struct spipe_connection **at = &host->connection; *at != NULL; at = &(*at)->next) {
        struct spipe_connection *connection = *at;
        if (connection->is_over) {
            *at = connection->next;
            host->connection_count--;
            spipe_session_free(connection);
            return true; /* its callback may have changed the list */
        }
    }
    return false;
}

static void remove_listeners(struct spipe_host *host)
{
    struct listening **at = &host->listening;
    while (*at != NULL) {
        struct listening *listening = *at;
        if (listening->is_over) {
            *at = listening->next;
            free(listening);
        } else {
            at = &listening->next;
        }
    }
}

static void settle(struct spipe_host *host)
{
    while (announce_new(host) || remove_ended(host)) {
    }
    remove_listeners(host);
}

static void handle_ready(struct spipe_host *host, const struct spipe_host_ready *ready)
{
    struct listening *listening = listening_of(ready->watch);
    if (listening == NULL) {
        spipe_session_handle_ready(ready->watch->owner, ready->events);
    } else if (!listening->is_over) {
        accept_some(host, listening);
    }
}

static int listen_at(struct spipe_host *host, const struct spipe_endpoint *endpoint)
{
    struct listening *listening = calloc(1, sizeof *listening);
    if (listening == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    int status = spipe_listener_open(endpoint, &listening->listener);
    if (status != SPIPE_OK) {
        free(listening);
        return status;
    }
    listening->watch.handle = listening->listener.handle;
    status = spipe_host_loop_set(&host->context.loop, &listening->watch, SPIPE_HOST_LOOP_READABLE);
    if (status != SPIPE_OK) {
        spipe_listener_close(&listening->listener);
        free(listening);
        return status;
    }
    listening->next = host->listening;
    host->listening = listening;
    return SPIPE_OK;
}

static int adopt(struct spipe_host *host, const struct spipe_endpoint *endpoint)
{
    struct spipe_pipe pipe = SPIPE_PIPE_NONE;
    if (endpoint->read_handle < 0) {
        return SPIPE_E_ARGUMENT;
    }
    int status = spipe_pipe_connect(endpoint, 0, &pipe);
    return status != SPIPE_OK ? status : add_connection(host, &pipe);
}

int spipe_host_new(const struct spipe_host_options *options, const struct spipe_host_callbacks *callbacks, void *user,
                   struct spipe_host **ret_host)
{
    struct spipe_host *host = calloc(1, sizeof *host);
    size_t arena_len = SPIPE_DECODE_ARENA_FOR(SPIPE_AGENT_MESSAGE_MAX);
    void *arena = malloc(arena_len);
    int status = host != NULL && arena != NULL ? spipe_host_loop_init(&host->context.loop) : SPIPE_E_NO_MEMORY;
    if (status != SPIPE_OK) {
        free(arena);
        free(host);
        return status;
    }
    take_options(options, &host->context.options);
    host->context.callbacks = *callbacks;
    host->context.user = user;
    spipe_arena_init(&host->context.arena, arena, arena_len);
    *ret_host = host;
    return SPIPE_OK;
}

void spipe_host_free(struct spipe_host *host)
{
    if (host == NULL) {
        return;
    }
    spipe_host_stop_listening(host);
    while (host->connection != NULL) {
        for (struct spipe_connection *at = host->connection; at != NULL; at = at->next) {
            spipe_session_end(at, SPIPE_HOST_END_CLOSED, SPIPE_OK, "the host has ended");
        }
        remove_ended(host);
    }
    remove_listeners(host);
    spipe_host_loop_done(&host->context.loop);
    free(host->context.arena.memory);
    free(host);
}

int spipe_host_listen(struct spipe_host *host, const char *endpoint, const char **ret_message)
{
    struct spipe_endpoint parsed;
    const char *message = NULL;
    int status = spipe_endpoint_parse(endpoint, getenv("TMPDIR"), &parsed, &message);
    if (ret_message != NULL) {
        *ret_message = message;
    }
    if (status != SPIPE_OK) {
        return status;
    }
    switch (parsed.kind) {
    case SPIPE_ENDPOINT_SOCKET:
        return listen_at(host, &parsed);
    case SPIPE_ENDPOINT_DESCRIPTORS:
        return adopt(host, &parsed);
    default:
        return SPIPE_E_UNSUPPORTED;
    }
}

int spipe_host_adopt(struct spipe_host *host, int read_fd, int write_fd)
{
    struct spipe_endpoint endpoint = {
        .kind = SPIPE_ENDPOINT_DESCRIPTORS, .read_handle = read_fd, .write_handle = write_fd};
    return adopt(host, &endpoint);
}

void spipe_host_stop_listening(struct spipe_host *host)
{
    for (struct listening *at = host->listening; at != NULL; at = at->next) {
        if (!at->is_over) {
            spipe_host_loop_set(&host->context.loop, &at->watch, 0);
            spipe_listener_close(&at->listener);
            at->is_over = true;
        }
    }
}

int spipe_host_run(struct spipe_host *host)
{
    int status = SPIPE_OK;
    while (status == SPIPE_OK && !atomic_load(&host->stop)) {
        status = spipe_host_dispatch(host, UINT32_MAX);
    }
    atomic_store(&host->stop, false);
    return status;
}

void spipe_host_stop(struct spipe_host *host)
{
    atomic_store(&host->stop, true);
    spipe_host_loop_wake(&host->context.loop);
}

int spipe_host_descriptor(const struct spipe_host *host)
{
    return host->context.loop.descriptor;
}

int spipe_host_dispatch(struct spipe_host *host, uint32_t timeout_ms)
{
    struct spipe_host_ready ready[READY_MAX];
    size_t count = 0;
    settle(host);
    if (host->retries_accept && timeout_ms > RETRY_MS) {
        timeout_ms = RETRY_MS;
    }
    int status = spipe_host_loop_wait(&host->context.loop, timeout_ms, ready, READY_MAX, &count);
    if (host->retries_accept) {
        accept_again(host);
    }
    for (size_t i = 0; i < count && status == SPIPE_OK; i++) {
        handle_ready(host, &ready[i]);
    }
    settle(host);
    return status;
}

uint32_t spipe_host_connection_count(const struct spipe_host *host)
{
    return host->connection_count;
}

const char *spipe_host_end_reason_name(enum spipe_host_end_reason reason)
{
    switch (reason) {
    case SPIPE_HOST_END_GOODBYE:
        return "goodbye";
    case SPIPE_HOST_END_CUT:
        return "cut";
    case SPIPE_HOST_END_REFUSED:
        return "refused";
    case SPIPE_HOST_END_PROTOCOL:
        return "protocol error";
    case SPIPE_HOST_END_LIMIT:
        return "limit";
    case SPIPE_HOST_END_CLOSED:
        return "closed";
    }
    return "unknown";
}
