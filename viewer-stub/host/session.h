/* SPDX-License-Identifier: MIT */
/*
 * One connection of the host: the opening, what comes in, what goes out, and how it ends.
 *
 * host.c owns connections and tells them when their handles are ready; nothing here waits.
 */
#ifndef SPIPE_HOST_SESSION_H
#define SPIPE_HOST_SESSION_H

#include "viewer-stub/host/host_loop.h"
#include "viewer-stub/host/stackpipe-host.h"

#include "protocol/arena.h"
#include "protocol/encode.h"
#include "protocol/message.h"

/* What all connections of a host share. */
struct spipe_session_context {
    struct spipe_host_options options; /* without zeros */
    struct spipe_host_callbacks callbacks;
    void *user;
    struct spipe_host_loop loop;
    struct spipe_arena arena; /* for one message at a time */
};

struct spipe_connection {
    struct spipe_connection *next;
    struct spipe_session_context *context;
    uint64_t number;
    struct spipe_pipe pipe;
    struct spipe_peer peer;
    struct spipe_host_watch read_watch;
    struct spipe_host_watch write_watch; /* used when the two directions have two handles */
    void *data;

    struct spipe_message_reader reader;
    uint8_t *input;
    struct spipe_buffer output; /* from output_start on it waits to be written */
    size_t output_start;
    uint32_t last_command_id;
    uint32_t unknown_count;
    uint64_t bytes;

    bool is_announced; /* its callbacks have begun */
    bool is_configured;
    bool has_preface;
    bool has_hello;
    bool is_other_major;
    bool cannot_write;
    bool is_over; /* `end` says why; no more callbacks but disconnected */
    struct spipe_host_end end;
    char text[256];
};

/* Takes over the pipe, also when it fails. */
int spipe_session_new(struct spipe_session_context *context, struct spipe_pipe *pipe, uint64_t number,
                      struct spipe_connection **ret_connection);

/* Runs the first callbacks and waits for the agent. */
void spipe_session_announce(struct spipe_connection *connection);
void spipe_session_handle_ready(struct spipe_connection *connection, uint32_t events);

/* The first reason counts. */
void spipe_session_end(struct spipe_connection *connection, enum spipe_host_end_reason reason, int status,
                       const char *text);

/* Runs the disconnected callback, closes and frees. */
void spipe_session_free(struct spipe_connection *connection);

#endif
