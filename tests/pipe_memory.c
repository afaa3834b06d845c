/* SPDX-License-Identifier: MIT */
#include "pipe_memory.h"

#include "protocol/status.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_MAX 64
#define OFFER_MAX 64

/* Bytes on their way in one direction. */
struct stream {
    uint8_t *data;
    size_t len;                 /* written in all */
    size_t taken;               /* read in all */
    bool ended;                 /* nothing more will be written */
    bool abandoned;             /* nobody will read */
};

struct end {
    struct stream *in;
    struct stream *out;
    struct pipe_memory_faults faults;
    struct spipe_peer peer;
    uint32_t again_read;        /* how many SPIPE_E_AGAIN were given since the last success */
    uint32_t again_write;
    bool closed;
};

struct offers {
    struct spipe_pipe pipe[OFFER_MAX];
    size_t given;
    size_t count;
};

static struct end ends[END_MAX];
static struct stream streams[2 * END_MAX];
static size_t end_count;
static size_t stream_count;
static struct offers connections;
static struct offers clients;
static bool woken;

static struct end *get_end(const struct spipe_pipe *pipe)
{
    int64_t handle = pipe->read_handle >= 0 ? pipe->read_handle : pipe->write_handle;
    assert(handle >= 0 && (size_t)handle < end_count);
    return &ends[handle];
}

static void put(struct stream *stream, const void *bytes, size_t len)
{
    stream->data = realloc(stream->data, stream->len + len + 1);
    assert(stream->data != NULL);
    memcpy(stream->data + stream->len, bytes, len);
    stream->len += len;
}

static struct stream *new_stream(void)
{
    assert(stream_count < 2 * END_MAX);
    return &streams[stream_count++];
}

static struct spipe_pipe new_end(struct stream *in, struct stream *out)
{
    assert(end_count < END_MAX);
    ends[end_count] = (struct end){
        .in = in,
        .out = out,
        .peer = {.pid = (uint32_t)getpid(), .user_id = (uint32_t)geteuid(), .known = true},
    };
    int64_t handle = (int64_t)end_count++;
    return (struct spipe_pipe){handle, handle, true};
}

static void offer(struct offers *offers, struct spipe_pipe pipe)
{
    assert(offers->count < OFFER_MAX);
    offers->pipe[offers->count++] = pipe;
}

static bool take_offer(struct offers *offers, struct spipe_pipe *ret_pipe)
{
    if (offers->given == offers->count) {
        return false;
    }
    *ret_pipe = offers->pipe[offers->given++];
    return true;
}

/* True as long as the scripted storm of SPIPE_E_AGAIN lasts. */
static bool is_stormy(const struct end *end, uint32_t *again)
{
    if (*again < end->faults.again_count) {
        (*again)++;
        return true;
    }
    *again = 0;
    return false;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many of `len` bytes the pipe would take now. */
static size_t writable(const struct end *end, size_t len)
{
    size_t waiting = end->out->len - end->out->taken;
    size_t room = end->faults.room == 0 ? len : end->faults.room - least(waiting, end->faults.room);
    size_t break_after = end->faults.break_after;
    size_t left = break_after == 0 ? len : break_after - least(end->out->len, break_after);
    size_t most = end->faults.write_max == 0 ? len : end->faults.write_max;
    return least(least(len, room), least(left, most));
}

static bool is_broken(const struct end *end)
{
    return end->out->abandoned || end->out->ended ||
           (end->faults.break_after != 0 && end->out->len >= end->faults.break_after);
}

/* -------------------------------------------------------------------------------------------------- the test's side */

struct spipe_pipe pipe_memory_new(void)
{
    struct stream *in = new_stream();
    return new_end(in, new_stream());
}

void pipe_memory_new_pair(struct spipe_pipe *ret_a, struct spipe_pipe *ret_b)
{
    struct stream *forth = new_stream();
    struct stream *back = new_stream();
    *ret_a = new_end(back, forth);
    *ret_b = new_end(forth, back);
}

void pipe_memory_set_faults(const struct spipe_pipe *pipe, struct pipe_memory_faults faults)
{
    get_end(pipe)->faults = faults;
}

void pipe_memory_feed(const struct spipe_pipe *pipe, const void *bytes, size_t len)
{
    put(get_end(pipe)->in, bytes, len);
}

void pipe_memory_feed_end(const struct spipe_pipe *pipe)
{
    get_end(pipe)->in->ended = true;
}

struct spipe_bytes pipe_memory_written(const struct spipe_pipe *pipe)
{
    const struct stream *out = get_end(pipe)->out;
    return (struct spipe_bytes){out->data, out->len};
}

void pipe_memory_drain(const struct spipe_pipe *pipe)
{
    get_end(pipe)->out->taken = get_end(pipe)->out->len;
}

bool pipe_memory_is_shut(const struct spipe_pipe *pipe)
{
    return get_end(pipe)->out->ended;
}

bool pipe_memory_is_closed(const struct spipe_pipe *pipe)
{
    return get_end(pipe)->closed;
}

void pipe_memory_set_peer(const struct spipe_pipe *pipe, struct spipe_peer peer)
{
    get_end(pipe)->peer = peer;
}

void pipe_memory_offer_connection(struct spipe_pipe pipe)
{
    offer(&connections, pipe);
}

void pipe_memory_offer_client(struct spipe_pipe pipe)
{
    offer(&clients, pipe);
}

void pipe_memory_wake(void)
{
    woken = true;
}

void pipe_memory_reset(void)
{
    for (size_t i = 0; i < stream_count; i++) {
        free(streams[i].data);
    }
    memset(streams, 0, sizeof(streams));
    memset(ends, 0, sizeof(ends));
    memset(&connections, 0, sizeof(connections));
    memset(&clients, 0, sizeof(clients));
    end_count = 0;
    stream_count = 0;
    woken = false;
}

/* ---------------------------------------------------------------------------------- the side of the code under test */

int spipe_pipe_connect(const struct spipe_endpoint *endpoint, uint32_t timeout_ms, struct spipe_pipe *ret_pipe)
{
    (void)endpoint;
    (void)timeout_ms;
    return take_offer(&connections, ret_pipe) ? SPIPE_OK : SPIPE_E_NOT_FOUND;
}

int spipe_pipe_read(struct spipe_pipe *pipe, void *bytes, size_t len, size_t *ret_len)
{
    if (pipe->read_handle < 0) {
        return SPIPE_E_END;
    }
    struct end *end = get_end(pipe);
    size_t available = end->in->len - end->in->taken;
    if (available == 0 && end->in->ended) {
        return end->faults.resets ? SPIPE_E_CLOSED : SPIPE_E_END;
    }
    if (available == 0 || is_stormy(end, &end->again_read)) {
        return SPIPE_E_AGAIN;
    }
    size_t given = least(least(len, available), end->faults.read_max == 0 ? len : end->faults.read_max);
    memcpy(bytes, end->in->data + end->in->taken, given);
    end->in->taken += given;
    *ret_len = given;
    return SPIPE_OK;
}

int spipe_pipe_write(struct spipe_pipe *pipe, const void *bytes, size_t len, size_t *ret_len)
{
    if (pipe->write_handle < 0) {
        return SPIPE_E_CLOSED;
    }
    struct end *end = get_end(pipe);
    if (is_broken(end)) {
        return SPIPE_E_CLOSED;
    }
    size_t taken = writable(end, len);
    if ((taken == 0 && len > 0) || is_stormy(end, &end->again_write)) {
        return SPIPE_E_AGAIN;
    }
    put(end->out, bytes, taken);
    *ret_len = taken;
    return SPIPE_OK;
}

int spipe_pipe_wait(const struct spipe_pipe *pipe, uint32_t events, int64_t wake_handle, uint32_t timeout_ms,
                    uint32_t *ret_events)
{
    (void)wake_handle;
    (void)timeout_ms;
    uint32_t found = woken ? SPIPE_PIPE_WOKEN : 0;
    woken = false;
    *ret_events = found;
    if (pipe->read_handle < 0 && pipe->write_handle < 0) {
        return SPIPE_OK;
    }
    const struct end *end = get_end(pipe);
    bool readable = end->in->len > end->in->taken || end->in->ended;
    bool writes = is_broken(end) || writable(end, 1) > 0;
    found |= readable ? events & SPIPE_PIPE_READABLE : 0;
    found |= writes ? events & SPIPE_PIPE_WRITABLE : 0;
    found |= is_broken(end) && end->in->ended ? SPIPE_PIPE_HUNG_UP : 0;
    *ret_events = found;
    return SPIPE_OK;
}

void spipe_pipe_shut_write(struct spipe_pipe *pipe)
{
    get_end(pipe)->out->ended = true;
    pipe->write_handle = -1;
}

int spipe_pipe_peer(const struct spipe_pipe *pipe, struct spipe_peer *ret_peer)
{
    *ret_peer = get_end(pipe)->peer;
    return SPIPE_OK;
}

void spipe_pipe_close(struct spipe_pipe *pipe)
{
    if (pipe->read_handle >= 0 || pipe->write_handle >= 0) {
        struct end *end = get_end(pipe);
        end->closed = true;
        end->out->ended = true;
        end->in->abandoned = true;
    }
    *pipe = (struct spipe_pipe)SPIPE_PIPE_NONE;
}

int spipe_listener_open(const struct spipe_endpoint *endpoint, struct spipe_listener *ret_listener)
{
    *ret_listener = (struct spipe_listener){.handle = END_MAX};
    memcpy(ret_listener->path, endpoint->path, sizeof(ret_listener->path));
    return SPIPE_OK;
}

int spipe_listener_accept(struct spipe_listener *listener, struct spipe_pipe *ret_pipe)
{
    (void)listener;
    return take_offer(&clients, ret_pipe) ? SPIPE_OK : SPIPE_E_AGAIN;
}

void spipe_listener_close(struct spipe_listener *listener)
{
    *listener = (struct spipe_listener){.handle = -1};
}
