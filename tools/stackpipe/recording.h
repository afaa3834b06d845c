/* SPDX-License-Identifier: MIT */
/*
 * The host's side of one recording: takes the agents' connections and hands what comes through them to the recorder.
 *
 * The program itself may connect, told by the process id that the kernel gives. It may do so again, after it has
 * executed another program in its own place: that session follows in the same capture. The second connection is not
 * answered before the first one has ended, so that their bytes never mix. Other processes may connect only when the
 * configuration follows children; their sessions come behind the program's in the end.
 *
 * All of it belongs to one thread: the one that calls spipe_recording_dispatch().
 */
#ifndef SPIPE_TOOL_RECORDING_H
#define SPIPE_TOOL_RECORDING_H

#include "followed.h"
#include "recorder.h"
#include "tally.h"

#include "viewer-stub/host/stackpipe-host.h"

#include <stdbool.h>
#include <stdint.h>

struct spipe_recording {
    struct spipe_host *host;
    struct spipe_recorder *recorder; /* the caller's */
    struct spipe_tally tally;
    struct spipe_configuration configuration; /* its token is the caller's */
    uint32_t pid;                             /* of the program; 0: not started yet */
    struct spipe_connection *active;          /* whose bytes are recorded; NULL: none */
    struct spipe_connection *waiting;         /* not answered yet; NULL: none */
    uint32_t hellos;                          /* sessions that have begun for certain */
    bool has_hello;                           /* the active one has */
    uint32_t turned_away;                     /* connections of other processes */
    struct spipe_followed followed;           /* sessions of the program's children */
    bool is_stopping;                         /* no new sessions */
    bool is_program_over;                     /* no new sessions of its children */
    struct spipe_host_end last_end;           /* of the last session; its text is `end_text` */
    char end_text[256];
    char unmet_text[512]; /* what the agent could not do as asked, one sentence; "" when there is nothing */
};

/* Makes a host that listens at `endpoint`. Sessions of children wait for the end in `folder`, which is the caller's.
 * `ret_message` gets a static sentence about what is wrong with the endpoint, or NULL. */
int spipe_recording_open(struct spipe_recording *recording, const char *endpoint,
                         const struct spipe_configuration *configuration, struct spipe_recorder *recorder,
                         const char *folder, const char **ret_message);

/* Readable when there is something to do. */
int spipe_recording_descriptor(const struct spipe_recording *recording);

/* Does what can be done without waiting. */
int spipe_recording_dispatch(struct spipe_recording *recording);

/* Has the recorder write out what it holds, unless that may still be forgotten: a session counts from its Hello on. */
void spipe_recording_flush(struct spipe_recording *recording);

/* Asks all agents to say Goodbye, and takes no new session. */
void spipe_recording_stop(struct spipe_recording *recording);

/* Says that the program has ended: children that it has left behind are asked to say Goodbye. */
void spipe_recording_end_program(struct spipe_recording *recording);

/* True while a connection is open. */
bool spipe_recording_is_connected(const struct spipe_recording *recording);

/* How far it has come, all processes together: samples that have arrived, those that were lost, sessions. */
uint64_t spipe_recording_samples(const struct spipe_recording *recording);
uint64_t spipe_recording_lost(const struct spipe_recording *recording);
uint32_t spipe_recording_sessions(const struct spipe_recording *recording);

/* Ends all connections and stops listening. The recorder then holds whole sessions, or as much of them as came. */
void spipe_recording_close(struct spipe_recording *recording);

#endif
