/* SPDX-License-Identifier: MIT */
/*
 * A pipe that goes wrong as told: a relay between an agent and a host, at a socket of its own.
 *
 * It passes on what each side says until the agent has sent so many bytes, and then does one thing. It is a process of
 * its own, so that it can stand still, be killed and come back; a second process watches over it.
 */
#ifndef SPIPE_TESTS_FAULT_PIPE_H
#define SPIPE_TESTS_FAULT_PIPE_H

#include <stdint.h>

enum fault {
    FAULT_NONE = 0,
    FAULT_STALL,        /* passes nothing on for a while; the agent's pipe fills up */
    FAULT_STOP,         /* is stopped by SIGSTOP, and goes on after a while */
    FAULT_KILL,         /* is killed by SIGKILL; after a while another one listens at the same socket */
    FAULT_RESET,        /* closes the connection with bytes of the agent's unread; the host sees its end */
    FAULT_SHUT_WORDS,   /* half-closes: the agent hears no more */
    FAULT_SHUT_STREAM,  /* half-closes: the agent can send no more */
    FAULT_NEVER_READ,   /* takes nothing more from the agent */
    FAULT_NEVER_ANSWER, /* accepts, and passes on nothing at all */
    FAULT_HANG_UP       /* accepts, and closes */
};

struct fault_plan {
    enum fault fault;
    uint64_t after;  /* bytes of the agent's, in a connection; without meaning for the last two */
    uint32_t for_ms; /* how long the first three last; 0: for ever */
    uint32_t times;  /* to so many connections, the first ones; 0: to all */
    uint32_t chunk;  /* passes on so many bytes at a time, both ways; 0: as they come */
};

struct fault_pipe;

/* Starts a relay at a new socket in `folder`, in front of the host that listens at `host_path`. */
struct fault_pipe *fault_pipe_start(const char *folder, const char *host_path, struct fault_plan plan);

/* Its endpoint, as for STACKPIPE_ENDPOINT. */
const char *fault_pipe_endpoint(const struct fault_pipe *pipe);

/* How many connections it has accepted so far, and to how many the fault has happened. */
uint32_t fault_pipe_connections(const struct fault_pipe *pipe);
uint32_t fault_pipe_faults(const struct fault_pipe *pipe);

/* Ends both processes and frees it; NULL is fine. */
void fault_pipe_free(struct fault_pipe *pipe);

#endif
