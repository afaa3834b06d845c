/* SPDX-License-Identifier: MIT */
/*
 * The sessions of followed processes. Many run at the same time and a capture holds one behind the other, so each goes
 * to a file of its own while it runs; in the end all of them are put behind the program's.
 */
#ifndef SPIPE_TOOL_FOLLOWED_H
#define SPIPE_TOOL_FOLLOWED_H

#include "recorder.h"
#include "tally.h"

#include "viewer-stub/host/stackpipe-host.h"

struct spipe_followed_session;

struct spipe_followed {
    const char *folder;                   /* the caller's: where the files are until the end */
    struct spipe_followed_session *first; /* in the order in which they connected */
    struct spipe_followed_session *last;
    uint32_t begun;   /* sessions that have said Hello */
    uint32_t running; /* whose connection is open */
    uint32_t failed;  /* that could not be kept, or not to their end */
    uint64_t samples; /* of all of them, and what they have lost */
    uint64_t lost;
    char text[160]; /* what failed first, in words */
};

void spipe_followed_init(struct spipe_followed *followed, const char *folder);

/* A process has connected. NULL: there is no memory for it. */
struct spipe_followed_session *spipe_followed_begin(struct spipe_followed *followed,
                                                    struct spipe_connection *connection);

/* What its agent sends: a unit as it came, and the record in it. SPIPE_OK, or why the session cannot be kept. */
int spipe_followed_add(struct spipe_followed *followed, struct spipe_followed_session *session,
                       struct spipe_bytes unit);
void spipe_followed_note(struct spipe_followed *followed, struct spipe_followed_session *session,
                         const struct spipe_record *record);

/* The connection is over. */
void spipe_followed_end(struct spipe_followed *followed, struct spipe_followed_session *session);

/* Asks all that run to say Goodbye. */
void spipe_followed_stop(struct spipe_followed *followed, const char *text);

/* Puts the sessions behind what `recorder` has. When none runs any more. */
void spipe_followed_append(struct spipe_followed *followed, struct spipe_recorder *recorder);

void spipe_followed_done(struct spipe_followed *followed);

#endif
