/* SPDX-License-Identifier: MIT */
/*
 * The wall clock: where the elapsed time of each thread goes, without waking those that sleep.
 *
 * Once a period the pump looks at each thread. One whose CPU time has not moved since it was seen asleep still waits
 * there: that costs a clock and nothing else. Of the others the kernel says how much of the time they ran and how much
 * they waited for a CPU; the rest they slept. Where they sleep is read from outside (waiting.h) and walked by the
 * tables. Time becomes whole periods, the remainder is carried: the weights of a thread add up to its life.
 *
 * Running and runnable time is shown at the thread's last CPU sample. Waiting time is gathered, and sent when the
 * thread moves on or with the next Ledger. Looks take at most a small part of the pump's time; who was not looked at is
 * so at the next. Pump only.
 */
#ifndef SPIPE_AGENT_WALL_H
#define SPIPE_AGENT_WALL_H

#include "session.h"

/* Forgets all accounts: a new session. */
void spipe_wall_begin(struct spipe_session *session);

/* From now on the living threads' time is accounted for, when the session has a wall period. What passed since a stop
 * was a pause. */
void spipe_wall_start(struct spipe_session *session);

/* Puts all that was gathered until now; what the outbox has no room for is lost, and counted. */
void spipe_wall_stop(struct spipe_session *session);

/* Takes the looks that are due. */
void spipe_wall_round(struct spipe_session *session);

/* Until a look is due; UINT32_MAX when none will be. */
uint32_t spipe_wall_wait_ms(void);

/* A CPU sample of the thread was taken, with that stack. */
void spipe_wall_note_sample(struct spipe_session *session, struct spipe_slot *slot, uint32_t stack_id,
                            const uint64_t *address, uint32_t depth);

/* All stack ids restart: those that were remembered mean nothing any more. */
void spipe_wall_forget_stacks(void);

/* Puts the waiting time that was gathered so far, so that the accounts hold at this place of the stream. */
void spipe_wall_settle(struct spipe_session *session);

/* The thread's account, if it has changed since it was last asked for. */
bool spipe_wall_account(struct spipe_session *session, struct spipe_slot *slot, struct spipe_thread_ledger *ret_account);

/* Accounts for the rest of an ended thread's life. */
void spipe_wall_end_slot(struct spipe_session *session, struct spipe_slot *slot);

/* Frees the account of a slot that is given back. */
void spipe_wall_release(const struct spipe_slot *slot);

/* Periods lost in this session. */
uint64_t spipe_wall_dropped(void);

#endif
