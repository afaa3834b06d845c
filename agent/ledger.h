/* SPDX-License-Identifier: MIT */
/*
 * The account of all samples: for each thread attempted = sent + pending + the drops by cause. Pump only.
 *
 * CPU time for which a thread had no source of samples (sampling paused, no timer to be had, our signal blocked) is
 * counted in periods as attempted and dropped with its cause, so that nothing is missing in silence.
 */
#ifndef SPIPE_AGENT_LEDGER_H
#define SPIPE_AGENT_LEDGER_H

#include "session.h"

/* Starts the account anew for a session: counters of all slots restart. */
void spipe_ledger_begin(struct spipe_session *session);

/* Brings the slot's CPU time up to now and turns CPU time without a source into drops. */
void spipe_ledger_look(struct spipe_session *session, struct spipe_slot *slot);

/* Puts a Ledger with the totals and the threads that changed since the last one. */
void spipe_ledger_put(struct spipe_session *session);

/* Keeps the account of a slot that is given back: its last entry goes out with the next Ledger. */
void spipe_ledger_end_slot(struct spipe_session *session, struct spipe_slot *slot);

/* How much of the process's CPU time was its own code's, in 1/1024. */
uint32_t spipe_ledger_user_share(struct spipe_session *session);

/* All samples dropped in this session, in periods. */
uint64_t spipe_ledger_dropped(const struct spipe_session *session);

/* All periods that were asked for in it, of all threads. */
uint64_t spipe_ledger_attempted(struct spipe_session *session);

/* What the session has cost the program's threads so far, and the program's CPU time beside it. */
struct spipe_ledger_cost {
    uint64_t handler_ns;
    uint64_t program_us;
};
struct spipe_ledger_cost spipe_ledger_cost(struct spipe_session *session);

/* The process's CPU time since it began, without the agent's own threads, as far as the session knows it. */
uint64_t spipe_ledger_process_cpu_us(struct spipe_session *session);

#endif
