/* SPDX-License-Identifier: MIT */
/*
 * The text dialect: JSON lines for a host that speaks text. Names are those of dynamic symbols, else image+offset. Pump
 * only.
 */
#ifndef SPIPE_AGENT_TEXT_DIALECT_H
#define SPIPE_AGENT_TEXT_DIALECT_H

#include "session.h"

/* {"hello":{...}}: who we are, what was understood of the host's text, and which of its words (parted by blanks) were
 * not. */
void spipe_text_dialect_hello(struct spipe_session *session, const char *ignored);

/* {"sample":{...}}: a line for each. The stack is leaf first. */
void spipe_text_dialect_sample(struct spipe_session *session, const struct spipe_slot *slot,
                               const struct spipe_raw_sample *sample, const uint64_t *address, uint32_t depth);

/* {"goodbye":{...}}. */
void spipe_text_dialect_goodbye(struct spipe_session *session, enum spipe_goodbye_reason reason, uint64_t dropped);

#endif
