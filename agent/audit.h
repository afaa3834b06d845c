/* SPDX-License-Identifier: MIT */
/*
 * Stacks that were copied for the host to walk again, as Audits. Pump only.
 */
#ifndef SPIPE_AGENT_AUDIT_H
#define SPIPE_AGENT_AUDIT_H

#include "batch.h"
#include "slice.h"

/* A new session counts anew. */
void spipe_audit_begin(struct spipe_session *session);

/* Puts the copy of a sample's stack into the outbox. The sample, and the definitions that it needs, must have gone
 * before. */
void spipe_audit_put(struct spipe_session *session, const struct spipe_batch_sample *sample,
                     const struct spipe_slice *slice);

/* Tells the host of audits that there was no room for, when they have become more. */
void spipe_audit_put_skipped(struct spipe_session *session);

#endif
