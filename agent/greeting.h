/* SPDX-License-Identifier: MIT */
/* Hello and Applied: who the agent's process is, and what became of the host's wishes. Pump only. */
#ifndef SPIPE_AGENT_GREETING_H
#define SPIPE_AGENT_GREETING_H

#include "session.h"

/* Fills what is the same for the whole life of the process. Once. */
void spipe_greeting_init(void);

/* A new session of this process: origin, id and number. */
void spipe_greeting_begin(struct spipe_session *session);

void spipe_greeting_put_hello(struct spipe_session *session);
void spipe_greeting_put_applied(struct spipe_session *session);

/* The process's facts for the text dialect. */
const char *spipe_greeting_executable(void);

/* For an exec: the process id (16 bytes) and the number of its last session, which the next image goes on from. */
const uint8_t *spipe_greeting_process_id(void);
uint32_t spipe_greeting_session_number(void);
void spipe_greeting_continue(const uint8_t *process_id, uint32_t session_number);

#endif
