/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as what an agent sends to a host, in pieces: every connection ends with exactly one reason, and what the
 * host hands on is a capture of what it decoded.
 */
#include "protocol/status.h"
#include "viewer-stub/host/stackpipe-host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS_MAX 64
#define PIECES_MAX 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    unsigned connected;
    unsigned disconnected;
    uint64_t bytes;
    uint64_t bytes_at_end;
    bool stops;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void on_connected(void *user, struct spipe_connection *connection, const struct spipe_peer *peer)
{
    struct seen *seen = user;
    (void)connection;
    (void)peer;
    seen->connected++;
}

static bool on_configuration_wanted(void *user, struct spipe_connection *connection,
                                    struct spipe_configuration *configuration)
{
    (void)user;
    (void)connection;
    configuration->cpu_period_us = 1000;
    return true;
}

static void on_bytes(void *user, struct spipe_connection *connection, struct spipe_bytes raw)
{
    struct seen *seen = user;
    (void)connection;
    require(raw.len > 0 && seen->disconnected == 0);
    seen->bytes += raw.len;
}

static void on_record(void *user, struct spipe_connection *connection, const struct spipe_record *record,
                      size_t message_len)
{
    struct seen *seen = user;
    require(message_len > 0 && seen->disconnected == 0);
    if (seen->stops && record->kind == SPIPE_RECORD_HELLO)
        (void)spipe_connection_stop(connection, "enough");
}

static void on_disconnected(void *user, struct spipe_connection *connection, const struct spipe_host_end *end)
{
    struct seen *seen = user;
    (void)connection;
    seen->disconnected++;
    seen->bytes_at_end = end->bytes;
    require(end->reason >= SPIPE_HOST_END_GOODBYE && end->reason <= SPIPE_HOST_END_CLOSED && end->text != NULL);
}

static void dispatch(struct spipe_host *host)
{
    for (int i = 0; i < 4; i++)
        require(spipe_host_dispatch(host, 0) == SPIPE_OK);
}

/* Sends all of it in a few pieces; the host may close before that. */
static void send_pieces(struct spipe_host *host, int agent, const uint8_t *data, size_t size)
{
    size_t piece = size / PIECES_MAX + 1;
    for (size_t at = 0; at < size;) {
        size_t len = size - at < piece ? size - at : piece;
        ssize_t sent = send(agent, data + at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            break;
        at += (size_t)sent;
        dispatch(host);
    }
    (void)shutdown(agent, SHUT_WR);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct spipe_host_callbacks callbacks = {on_connected, on_configuration_wanted, on_bytes, on_record,
                                                          on_disconnected};
    static const struct spipe_host_options options = {.connections_max = 2, .unknown_max = 100, .session_bytes_max = 60000};
    struct seen seen = {0};
    struct spipe_host *host = NULL;
    int pair[2];
    if (size == 0)
        return 0;
    seen.stops = data[0] & 1;
    require(spipe_host_new(&options, &callbacks, &seen, &host) == SPIPE_OK);
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    require(spipe_host_adopt(host, pair[0], pair[0]) == SPIPE_OK);
    send_pieces(host, pair[1], data + 1, size - 1);
    for (int i = 0; i < ROUNDS_MAX && seen.disconnected == 0; i++)
        dispatch(host);
    spipe_host_free(host);
    close(pair[1]);
    require(seen.connected == 1 && seen.disconnected == 1 && seen.bytes == seen.bytes_at_end);
    require(seen.bytes <= size);
    return 0;
}
