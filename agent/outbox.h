/* SPDX-License-Identifier: MIT */
/*
 * Whole messages on their way to the pipe: one bounded queue, in order. What is put in is never dropped; who puts in
 * asks for room first. One thread.
 */
#ifndef SPIPE_AGENT_OUTBOX_H
#define SPIPE_AGENT_OUTBOX_H

#include "protocol/pipe.h"
#include "protocol/record.h"

struct spipe_outbox;

/* `capacity` in bytes. NULL when there is no memory. */
struct spipe_outbox *spipe_outbox_new(size_t capacity);
void spipe_outbox_free(struct spipe_outbox *outbox);

/* Bytes that fit. */
size_t spipe_outbox_room(const struct spipe_outbox *outbox);

/* Bytes that wait. */
size_t spipe_outbox_fill(const struct spipe_outbox *outbox);

/* Bytes that the pipe has taken since the outbox was made. */
uint64_t spipe_outbox_sent(const struct spipe_outbox *outbox);

/* Appends bytes as they are. SPIPE_E_NO_ROOM leaves the queue as it was. */
int spipe_outbox_put(struct spipe_outbox *outbox, const void *bytes, size_t len);

/* Appends a record as a message. SPIPE_E_NO_ROOM leaves the queue as it was; other errors are those of
 * spipe_encode_record(). */
int spipe_outbox_put_record(struct spipe_outbox *outbox, const struct spipe_record *record);

/* Writes what the pipe takes without waiting. 0 also when the pipe takes nothing now; else an error that ends the
 * session. */
int spipe_outbox_write(struct spipe_outbox *outbox, struct spipe_pipe *pipe);

#endif
