/* SPDX-License-Identifier: MIT */
/*
 * A host for tests: listens on a socket, sends a configuration, and keeps what agents send. Or does worse, as told.
 *
 * It runs on a thread of its own, or, to be of another user or to stand still, in a process of its own, which keeps
 * nothing.
 */
#ifndef SPIPE_TESTS_CAPTURE_HOST_H
#define SPIPE_TESTS_CAPTURE_HOST_H

#include "capture_session.h"

#include <sys/types.h>

#define CAPTURE_SESSIONS_MAX 64u
#define CAPTURE_TOKEN        "a token of ours"

enum capture_manner {
    CAPTURE_READS = 0,    /* as a host should */
    CAPTURE_NEVER_READS,  /* sends the configuration and holds the connection */
    CAPTURE_CLOSES,       /* closes as soon as it has read some samples */
    CAPTURE_STANDS_STILL, /* stops itself with SIGSTOP when it has read a little; for a process of its own */
    CAPTURE_NEVER_ACCEPTS,
    CAPTURE_SILENT,   /* accepts and says nothing */
    CAPTURE_HANGS_UP, /* accepts and closes */
    CAPTURE_GARBAGE,  /* bytes that are neither messages nor text */
    CAPTURE_OTHER_MAJOR,
    CAPTURE_WRONG_TOKEN,
    CAPTURE_LATER_GARBAGE /* a good configuration, then a message that cannot be */
};

struct capture_settings {
    enum capture_manner manner;
    uint32_t cpu_period_us; /* 0: the agent's choice */
    uint32_t buffer_kib;    /* 0: the agent's choice */
    uint32_t reconnect_ms;  /* 0: an agent that loses the connection is not to come back */
};

struct capture_host;

/* Starts a host on a thread, at a new socket in `folder`. */
struct capture_host *capture_host_start(const char *folder, struct capture_settings settings);

/* Starts a host in a process of user `user_id`, at a new socket in `folder`, which that user must be able to write to.
 */
struct capture_host *capture_host_start_process(const char *folder, struct capture_settings settings, uid_t user_id);

/* Its endpoint, as for STACKPIPE_ENDPOINT, and its socket's path. */
const char *capture_host_endpoint(const struct capture_host *host);
const char *capture_host_path(const struct capture_host *host);

/* Waits until all connections have come to their end, two seconds at most, and reads the sessions. Returns how many
 * there were: connections on which the agent said anything. */
size_t capture_host_finish(struct capture_host *host);

/* How many connections there were, those without a word included. */
size_t capture_host_connections(const struct capture_host *host);

/* After capture_host_finish(), in the order of the connections. */
struct capture_session *capture_host_session(struct capture_host *host, size_t index);

/* Ends and frees it; finishes it when it is not. */
void capture_host_free(struct capture_host *host);

#endif
