/* SPDX-License-Identifier: MIT */
/*
 * What the program reports through stackpipe.h, on its way to the pump: a bounded queue with many producers and one
 * consumer. When it is full, marks are dropped and counted.
 */
#ifndef SPIPE_AGENT_MARKS_H
#define SPIPE_AGENT_MARKS_H

#include "session.h"

#define SPIPE_MARK_NAME_MAX 96u

/* Adds a mark of the calling thread. Lock-free, no allocation, any thread. False when the queue is full. */
bool spipe_marks_push(const char *name, enum spipe_phase phase, int32_t value);

/* Puts all that wait into the outbox, as Strings and Markers. Pump only. */
void spipe_marks_drain(struct spipe_session *session);

/* Puts a mark of the host's own. Pump only. */
void spipe_marks_put_host(struct spipe_session *session, const char *text);

/* Ids of strings restart: at a session's start and at a Checkpoint. Pump only. */
void spipe_marks_reset(void);

/* In a forked child: what waits is the parent's. */
void spipe_marks_fork(void);

#endif
