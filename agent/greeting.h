/* SPDX-License-Identifier: MIT */
/*
 * Hello and Applied: who the agent's process is, and what became of the host's wishes. Pump only, but for what names the
 * process, which happens on the program's thread before there is a pump.
 */
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

/* The process id (16 bytes), that of the process it was followed from (NULL: none), and the number of its last session:
 * what the process's next program goes on from. */
const uint8_t *spipe_greeting_process_id(void);
const uint8_t *spipe_greeting_parent_id(void);
uint32_t spipe_greeting_session_number(void);

/* What its children name as their parent: the process, or, as long as it has had no session, the one that it was followed
 * from. NULL: none. */
const uint8_t *spipe_greeting_id_for_children(void);

/* An earlier program of this process had that id, and so many sessions. */
void spipe_greeting_continue(const uint8_t *process_id, uint32_t session_number);

/* This process was followed from that one. */
void spipe_greeting_descend(const uint8_t *parent_id);

/* Gives the process an id, unless it has one. Once, before the pump starts. */
void spipe_greeting_name_process(void);

/* In a forked child: it has an id of its own, and no session yet. */
void spipe_greeting_fork(void);

#endif
