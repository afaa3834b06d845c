/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 256u
#define OUTPUT_DEFAULT (256u * 1024u)
#define UNKNOWN_DEFAULT (64u * 1024u)
#define LISTENERS_MAX 16u
#define EVENTS_AT_ONCE 64

/* What an epoll event belongs to. Each descriptor of a connection has one of its own. */
enum watched_kind { WATCHED_WAKE, WATCHED_LISTENER, WATCHED_INPUT, WATCHED_OUTPUT };

struct watched {
    enum watched_kind kind;
    union {
        struct spipe_listener *listener;
        struct member *member;
    };
};

/* A connection and how it is watched. */
struct member {
    struct spipe_connection *connection;
    struct member *next;
    struct watched input;
    struct watched output;
    bool watches_output;
};

struct spipe_host {
    struct spipe_connection_rules rules;
    int epoll;
    int wake;
    struct watched wake_watched;
    struct spipe_listener listener[LISTENERS_MAX];
    struct watched listener_watched[LISTENERS_MAX];
    size_t listener_count;
    struct member *members;
    uint32_t connection_count;
    uint64_t last_number;
    atomic_bool is_stopped;     /* set by any thread or signal handler */
};

const char *spipe_host_end_reason_name(enum spipe_host_end_reason reason)
{
    static const char *const names[] = {"unknown", "goodbye", "cut", "refused", "protocol error", "limit", "closed"};
    return (unsigned)reason < sizeof names / sizeof names[0] ? names[reason] : names[0];
}

static int watch(struct spipe_host *host, int operation, int64_t descriptor, uint32_t events, struct watched *watched)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watched}};
    if (epoll_ctl(host->epoll, operation, (int)descriptor, &event) == 0)
        return 0;
    return errno == ENOMEM ? SPIPE_E_NO_MEMORY : SPIPE_E_SYSTEM;
}

static void fill_options(struct spipe_host_options *options)
{
    if (options->connections_max == 0)
        options->connections_max = CONNECTIONS_DEFAULT;
    if (options->message_max == 0 || options->message_max > SPIPE_AGENT_MESSAGE_MAX)
        options->message_max = SPIPE_AGENT_MESSAGE_MAX;
    if (options->output_max < SPIPE_HOST_MESSAGE_MAX + 64)
        options->output_max = OUTPUT_DEFAULT;
    if (options->unknown_max == 0)
        options->unknown_max = UNKNOWN_DEFAULT;
}

int spipe_host_new(const struct spipe_host_options *options, const struct spipe_host_callbacks *callbacks, void *user,
                   struct spipe_host **ret_host)
{
    struct spipe_host *host = calloc(1, sizeof *host);
    if (host == NULL)
        return SPIPE_E_NO_MEMORY;
    if (options != NULL)
        host->rules.options = *options;
    fill_options(&host->rules.options);
    host->rules.callbacks = *callbacks;
    host->rules.user = user;
    host->epoll = epoll_create1(EPOLL_CLOEXEC);
    host->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    host->wake_watched.kind = WATCHED_WAKE;
    if (host->epoll < 0 || host->wake < 0 || watch(host, EPOLL_CTL_ADD, host->wake, EPOLLIN, &host->wake_watched) < 0) {
        spipe_host_free(host);
        return SPIPE_E_SYSTEM;
    }
    *ret_host = host;
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- connections */

static void unwatch(struct spipe_host *host, const struct member *member)
{
    const struct spipe_pipe *pipe = spipe_connection_pipe(member->connection);
    if (pipe->read_handle >= 0)
        (void)epoll_ctl(host->epoll, EPOLL_CTL_DEL, (int)pipe->read_handle, NULL);
    if (member->watches_output && pipe->write_handle != pipe->read_handle)
        (void)epoll_ctl(host->epoll, EPOLL_CTL_DEL, (int)pipe->write_handle, NULL);
}

static void end_member(struct spipe_host *host, struct member *member)
{
    unwatch(host, member);
    host->connection_count--;
    spipe_connection_end(member->connection);
    free(member);
}

/* Members are freed only here, when no event that names them is left. */
static void sweep(struct spipe_host *host)
{
    struct member **at = &host->members;
    while (*at != NULL) {
        struct member *member = *at;
        if (spipe_connection_is_over(member->connection)) {
            *at = member->next;
            end_member(host, member);
        } else {
            at = &member->next;
        }
    }
}

/* Output is watched only while something waits to be sent. */
static void watch_output(struct spipe_host *host, struct member *member)
{
    const struct spipe_pipe *pipe = spipe_connection_pipe(member->connection);
    bool wanted = spipe_connection_has_output(member->connection);
    if (wanted == member->watches_output || pipe->write_handle < 0)
        return;
    if (pipe->write_handle == pipe->read_handle)
        (void)watch(host, EPOLL_CTL_MOD, pipe->read_handle, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, &member->input);
    else
        (void)watch(host, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, pipe->write_handle, EPOLLOUT, &member->output);
    member->watches_output = wanted;
}

static int add_connection(struct spipe_host *host, struct spipe_pipe *pipe)
{
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL || host->connection_count >= host->rules.options.connections_max) {
        spipe_pipe_close(pipe);
        free(member);
        return member == NULL ? SPIPE_E_NO_MEMORY : SPIPE_E_LIMIT;
    }
    member->connection = spipe_connection_new(&host->rules, pipe, host->last_number + 1);
    if (member->connection == NULL) {
        free(member);
        return SPIPE_E_NO_MEMORY;
    }
    host->last_number++;
    host->connection_count++;
    member->input = (struct watched){.kind = WATCHED_INPUT, .member = member};
    member->output = (struct watched){.kind = WATCHED_OUTPUT, .member = member};
    member->next = host->members;
    host->members = member;
    const struct spipe_pipe *kept = spipe_connection_pipe(member->connection);
    if (kept->read_handle >= 0 && watch(host, EPOLL_CTL_ADD, kept->read_handle, EPOLLIN, &member->input) < 0)
        spipe_connection_close(member->connection, "cannot be watched");
    spipe_connection_begin(member->connection);
    watch_output(host, member);
    return 0;
}

/* Another user's connection is closed by the pipe already; nothing more is to be done for it. */
static void accept_all(struct spipe_host *host, struct spipe_listener *listener)
{
    struct spipe_pipe pipe;
    int status;
    while ((status = spipe_listener_accept(listener, &pipe)) == 0 || status == SPIPE_E_FOREIGN) {
        if (status == 0)
            (void)add_connection(host, &pipe);
    }
}

int spipe_host_adopt(struct spipe_host *host, int read_fd, int write_fd)
{
    struct spipe_endpoint endpoint = {.kind = SPIPE_ENDPOINT_DESCRIPTORS, .read_handle = read_fd, .write_handle = write_fd};
    struct spipe_pipe pipe;
    int status = spipe_pipe_connect(&endpoint, 0, &pipe);
    return status < 0 ? status : add_connection(host, &pipe);
}

int spipe_host_listen(struct spipe_host *host, const char *text, const char **ret_message)
{
    struct spipe_endpoint endpoint;
    const char *message = NULL;
    int status = spipe_endpoint_parse(text, getenv("TMPDIR"), &endpoint, &message);
    if (ret_message != NULL)
        *ret_message = message;
    if (status < 0)
        return status;
    if (endpoint.kind == SPIPE_ENDPOINT_DESCRIPTORS)
        return spipe_host_adopt(host, (int)endpoint.read_handle, (int)endpoint.write_handle);
    if (host->listener_count == LISTENERS_MAX)
        return SPIPE_E_LIMIT;
    struct spipe_listener *listener = &host->listener[host->listener_count];
    struct watched *watched = &host->listener_watched[host->listener_count];
    status = spipe_listener_open(&endpoint, listener);
    if (status < 0)
        return status;
    *watched = (struct watched){.kind = WATCHED_LISTENER, .listener = listener};
    status = watch(host, EPOLL_CTL_ADD, listener->handle, EPOLLIN, watched);
    if (status < 0)
        spipe_listener_close(listener);
    else
        host->listener_count++;
    return status;
}

void spipe_host_stop_listening(struct spipe_host *host)
{
    for (size_t i = 0; i < host->listener_count; i++) {
        (void)epoll_ctl(host->epoll, EPOLL_CTL_DEL, (int)host->listener[i].handle, NULL);
        spipe_listener_close(&host->listener[i]);
    }
    host->listener_count = 0;
}

/* ----------------------------------------------------------------------------------------------------------------- loop */

static void handle_event(struct spipe_host *host, const struct epoll_event *event)
{
    struct watched *watched = event->data.ptr;
    uint64_t count;
    switch (watched->kind) {
    case WATCHED_WAKE: (void)!read(host->wake, &count, sizeof count); break;
    case WATCHED_LISTENER:
        if (watched->listener->handle >= 0)
            accept_all(host, watched->listener);
        break;
    case WATCHED_INPUT:
        if (event->events & EPOLLOUT)
            spipe_connection_write(watched->member->connection);
        if (event->events & ~(uint32_t)EPOLLOUT)
            spipe_connection_read(watched->member->connection);
        break;
    case WATCHED_OUTPUT: spipe_connection_write(watched->member->connection); break;
    }
}

int spipe_host_dispatch(struct spipe_host *host, uint32_t timeout_ms)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    sweep(host);
    int count = epoll_wait(host->epoll, events, EVENTS_AT_ONCE, timeout_ms > INT32_MAX ? -1 : (int)timeout_ms);
    if (count < 0)
        return errno == EINTR ? 0 : SPIPE_E_SYSTEM;
    for (int i = 0; i < count; i++)
        handle_event(host, &events[i]);
    sweep(host);
    for (struct member *member = host->members; member != NULL; member = member->next)
        watch_output(host, member);
    return 0;
}

int spipe_host_run(struct spipe_host *host)
{
    int status = 0;
    while (status == 0 && !atomic_load(&host->is_stopped))
        status = spipe_host_dispatch(host, UINT32_MAX);
    atomic_store(&host->is_stopped, false);
    return status;
}

void spipe_host_stop(struct spipe_host *host)
{
    int saved = errno;
    uint64_t one = 1;
    atomic_store(&host->is_stopped, true);
    (void)!write(host->wake, &one, sizeof one);
    errno = saved;
}

int spipe_host_descriptor(const struct spipe_host *host)
{
    return host->epoll;
}

uint32_t spipe_host_connection_count(const struct spipe_host *host)
{
    return host->connection_count;
}

void spipe_host_free(struct spipe_host *host)
{
    if (host == NULL)
        return;
    while (host->members != NULL) {
        struct member *member = host->members;
        host->members = member->next;
        end_member(host, member);
    }
    spipe_host_stop_listening(host);
    if (host->wake >= 0)
        (void)close(host->wake);
    if (host->epoll >= 0)
        (void)close(host->epoll);
    free(host);
}
