/* SPDX-License-Identifier: MIT */
/*
 * The pipe as a test double: pipe_memory.c defines the functions of protocol/pipe.h in place of the system's file.
 *
 * Nothing waits and nothing leaves the process. A test makes an end, scripts what will be read from it, gives it to
 * the code under test (directly, or through the next connect or accept), and looks at what was written. Two ends may
 * also be joined, so that an agent and a host talk in one thread. Faults come when the test says so, the same way
 * every time. For one thread.
 *
 * Link pipe_memory.c into the test program before the library: its functions then take the place of those of
 * pipe_posix.c.
 */
#ifndef SPIPE_TESTS_PIPE_MEMORY_H
#define SPIPE_TESTS_PIPE_MEMORY_H

#include "protocol/pipe.h"
#include "protocol/record.h"

struct pipe_memory_faults {
    size_t read_max;            /* a read gives at most so many bytes; 0: no limit */
    size_t write_max;           /* a write takes at most so many; 0: no limit */
    uint32_t again_count;       /* so many SPIPE_E_AGAIN before each read and each write that does something */
    size_t room;                /* the pipe is full when so many bytes are waiting for the reader; 0: never */
    size_t break_after;         /* writes fail with SPIPE_E_CLOSED when so many bytes were taken in all; 0: never */
    bool resets;                /* the input ends with SPIPE_E_CLOSED instead of SPIPE_E_END */
};

/* Makes an end of which the test is the other side. */
struct spipe_pipe pipe_memory_new(void);

/* Makes two ends: what is written to one is read from the other. */
void pipe_memory_new_pair(struct spipe_pipe *ret_a, struct spipe_pipe *ret_b);

void pipe_memory_set_faults(const struct spipe_pipe *pipe, struct pipe_memory_faults faults);

/* Adds bytes to what the code under test will read, and says that no more will come. */
void pipe_memory_feed(const struct spipe_pipe *pipe, const void *bytes, size_t len);
void pipe_memory_feed_end(const struct spipe_pipe *pipe);

/* What the code under test has written in all; borrowed until the next write. */
struct spipe_bytes pipe_memory_written(const struct spipe_pipe *pipe);

/* Says that the reader has taken everything that was written, which makes room again. */
void pipe_memory_drain(const struct spipe_pipe *pipe);

/* True when the code under test has said that it writes no more, or has closed the pipe. */
bool pipe_memory_is_shut(const struct spipe_pipe *pipe);
bool pipe_memory_is_closed(const struct spipe_pipe *pipe);

/* Who spipe_pipe_peer() names. Without this: this process, known. */
void pipe_memory_set_peer(const struct spipe_pipe *pipe, struct spipe_peer peer);

/* What the next spipe_pipe_connect() and spipe_listener_accept() give; several are given in order. Without any,
 * connecting is SPIPE_E_NOT_FOUND and accepting SPIPE_E_AGAIN. */
void pipe_memory_offer_connection(struct spipe_pipe pipe);
void pipe_memory_offer_client(struct spipe_pipe pipe);

/* Makes the next spipe_pipe_wait() report that it was woken. */
void pipe_memory_wake(void);

/* Forgets all ends and offers. */
void pipe_memory_reset(void);

#endif
