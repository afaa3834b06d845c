/* SPDX-License-Identifier: MIT */
/*
 * What one session of the process leaves to the next: its id, and its account to the very end, of which the host may
 * have seen less. Pump only, except where said.
 */
#ifndef SPIPE_AGENT_PAST_H
#define SPIPE_AGENT_PAST_H

#include <stdbool.h>
#include <stdint.h>

#define SPIPE_SESSION_ID_LEN 16u

struct spipe_session;

struct spipe_past {
    uint8_t session_id[SPIPE_SESSION_ID_LEN];
    bool has_session;           /* there was one */
    bool has_account;           /* what follows is known: not after an exec */
    uint64_t attempted;         /* ticks of all threads */
    uint64_t process_cpu_us;    /* at its end, without the agent's own threads */
};

/* Says what came before this program: before the pump runs. */
void spipe_past_continue(const uint8_t session_id[SPIPE_SESSION_ID_LEN]);

/* Tells a session that is to begin what was before it. */
void spipe_past_tell(struct spipe_session *session);

/* The session has begun, or has ended. */
void spipe_past_note_begin(const struct spipe_session *session);
void spipe_past_note_end(struct spipe_session *session);

/* The id of the running session, or else of the last one; NULL when there was none. Also for a thread that executes
 * another program. */
const uint8_t *spipe_past_session_id(void);

/* In a forked child, on the thread that forked: it has no past. */
void spipe_past_fork(void);

#endif
