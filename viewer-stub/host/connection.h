/* SPDX-License-Identifier: MIT */
/*
 * One agent's connection, as host.c sees it: it reads, decodes and calls back, and keeps what waits to be sent. It knows nothing of
 * loops; host.c tells it when its descriptors are ready and ends it when it says that it is over.
 */
#ifndef SPIPE_HOST_CONNECTION_H
#define SPIPE_HOST_CONNECTION_H

#include "stackpipe-host.h"

/* What the host shares with its connections; outlives them. Options without zeros. */
struct spipe_connection_rules {
    struct spipe_host_options options;
    struct spipe_host_callbacks callbacks;
    void *user;
};

/* Takes the pipe over in any case. NULL when there is no memory. */
struct spipe_connection *spipe_connection_new(const struct spipe_connection_rules *rules, struct spipe_pipe *pipe,
                                              uint64_t number);

/* Tells the application and asks it for a configuration. */
void spipe_connection_begin(struct spipe_connection *connection);

/* Reads what is there, at most about a MiB, so that one agent does not keep the others waiting. */
void spipe_connection_read(struct spipe_connection *connection);

/* Sends what waits. */
void spipe_connection_write(struct spipe_connection *connection);

bool spipe_connection_has_output(const struct spipe_connection *connection);
bool spipe_connection_is_over(const struct spipe_connection *connection);
const struct spipe_pipe *spipe_connection_pipe(const struct spipe_connection *connection);

/* Calls the disconnected callback, closes and frees. */
void spipe_connection_end(struct spipe_connection *connection);

/* A list of a host's connections is made of these. */
struct spipe_connection *spipe_connection_next(const struct spipe_connection *connection);
void spipe_connection_set_next(struct spipe_connection *connection, struct spipe_connection *next);

#endif
