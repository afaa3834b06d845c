/* SPDX-License-Identifier: MIT */
/*
 * The pipe itself, on both sides: connect, listen, read and write without ever waiting longer than told.
 *
 * One header, a file for each system (pipe_posix.c), and tests/pipe_memory.c for tests. On Unix a
 * "named pipe" is a stream socket. Writing never raises SIGPIPE. All descriptors are close-on-exec. A pipe belongs to
 * one thread at a time; spipe_pipe_wait() may be woken by another through `wake_handle`. Usable on agent threads:
 * system calls only, no allocation, no libc state but memory functions.
 */
#ifndef SPIPE_PROTOCOL_PIPE_H
#define SPIPE_PROTOCOL_PIPE_H

#include "endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_pipe {
    int64_t read_handle;    /* -1: cannot be read */
    int64_t write_handle;   /* -1: cannot be written */
    bool is_socket;
};

/* Who is at the other end, by the kernel's word. */
struct spipe_peer {
    uint32_t pid;           /* 0 when it is not known (anonymous pipes) */
    uint32_t user_id;
    bool known;
};

#define SPIPE_PIPE_READABLE 1u   /* bytes or the end of input */
#define SPIPE_PIPE_WRITABLE 2u
#define SPIPE_PIPE_HUNG_UP 4u    /* the other side is gone for both directions */
#define SPIPE_PIPE_WOKEN 8u

/* A pipe that is not open. */
#define SPIPE_PIPE_NONE { -1, -1, false }

/* Connects to a server, waiting at most `timeout_ms` for a full backlog. Descriptors of an fd: endpoint are used as
 * they are, set close-on-exec. SPIPE_E_NOT_FOUND: nothing there, or a socket file that nobody listens on;
 * SPIPE_E_NOT_A_PIPE: a plain file, or a descriptor that is neither a pipe nor a socket; SPIPE_E_PERMISSION;
 * SPIPE_E_TIME_OUT; SPIPE_E_SYSTEM. */
int spipe_pipe_connect(const struct spipe_endpoint *endpoint, uint32_t timeout_ms, struct spipe_pipe *ret_pipe);

/* Reads what is there, at most `len` bytes. SPIPE_E_AGAIN: nothing yet. SPIPE_E_END: end of input. SPIPE_E_CLOSED:
 * reset. */
int spipe_pipe_read(struct spipe_pipe *pipe, void *bytes, size_t len, size_t *ret_len);

/* Writes what the pipe takes without waiting. SPIPE_E_AGAIN: nothing; SPIPE_E_CLOSED: nobody will read it. */
int spipe_pipe_write(struct spipe_pipe *pipe, const void *bytes, size_t len, size_t *ret_len);

/* Waits until one of `events` (READABLE, WRITABLE) holds, `wake_handle` (-1: none) is readable, or `timeout_ms` have
 * passed (UINT32_MAX: for ever). Returns 0 with the events that hold, which are none after the time; HUNG_UP is always
 * reported. */
int spipe_pipe_wait(const struct spipe_pipe *pipe, uint32_t events, int64_t wake_handle, uint32_t timeout_ms,
                    uint32_t *ret_events);

/* Says that nothing more will be written, where the pipe can say so; with two descriptors the writing one is closed. */
void spipe_pipe_shut_write(struct spipe_pipe *pipe);

/* Who the other end is. On a socket the credentials as the kernel has them; else `known` is false. */
int spipe_pipe_peer(const struct spipe_pipe *pipe, struct spipe_peer *ret_peer);

/* Closes what is open. The pipe is then SPIPE_PIPE_NONE. */
void spipe_pipe_close(struct spipe_pipe *pipe);

/* ----------------------------------------------------------------------------------------------------------- server */

struct spipe_listener {
    int64_t handle;
    char path[SPIPE_ENDPOINT_TEXT_MAX];     /* removed by spipe_listener_close() */
    uint64_t device;                        /* of the socket file that we made: nothing else is ever removed */
    uint64_t inode;
};

/* Listens on a socket endpoint, mode 0600 before the name appears. A socket that nobody listens on and that is our
 * user's is replaced. SPIPE_E_EXISTS: somebody listens there; SPIPE_E_NOT_A_PIPE: there is another kind of file. */
int spipe_listener_open(const struct spipe_endpoint *endpoint, struct spipe_listener *ret_listener);

/* Accepts one waiting connection. SPIPE_E_AGAIN: none waits. SPIPE_E_FOREIGN: one of another user was there; it is
 * closed. */
int spipe_listener_accept(struct spipe_listener *listener, struct spipe_pipe *ret_pipe);

/* Stops listening and removes the socket's file when it is still ours. */
void spipe_listener_close(struct spipe_listener *listener);

#endif
