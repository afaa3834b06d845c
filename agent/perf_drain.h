/* SPDX-License-Identifier: MIT */
/*
 * From perf's rings to weave: takes samples out of the rings in the order of time, copies their stacks, and hands them
 * on thread by thread, so that a message has few and long runs.
 *
 * A copied sample waits here for as long as the outbox has no room; meanwhile the rings fill up, and the kernel counts
 * what it loses. Without rings all of this does nothing. Pump only.
 */
#ifndef SPIPE_AGENT_PERF_DRAIN_H
#define SPIPE_AGENT_PERF_DRAIN_H

#include "session.h"

enum spipe_perf_drain_result {
    SPIPE_PERF_DRAINED = 0,
    SPIPE_PERF_DRAIN_LATER = 1,     /* something has to be known first: look again soon */
    SPIPE_PERF_DRAIN_FULL = 2       /* the outbox has no room */
};

/* Samples that no thread is known for, in periods. */
struct spipe_perf_drain_losses {
    uint64_t ring_full;
    uint64_t pipe_full;
    uint64_t no_slot;
};

/* Takes memory, when a session's samples are to come through rings. False when there is none. */
bool spipe_perf_drain_begin(uint64_t period_ns, uint32_t stretch);

/* Gives it back. */
void spipe_perf_drain_end(void);

/* In a forked child, where that memory is not. */
void spipe_perf_drain_fork(void);

/* Hands on what is settled at that time; once sampling is off, all. */
enum spipe_perf_drain_result spipe_perf_drain(struct spipe_session *session, uint64_t now_ns);

/* All samples of before this time have been handed on. UINT64_MAX without rings. */
uint64_t spipe_perf_drain_reached_ns(void);

/* Copies what is in the rings, so that they have room while the pump is busy with something long. */
void spipe_perf_drain_relieve(void);

/* What a thread that has ended is owed beside its samples, in periods: asked for once, when it has been handed on. */
uint32_t spipe_perf_drain_owed(struct spipe_session *session, struct spipe_slot *slot);

/* Brings the losses up to now; what was lost since the last time was lost for the pipe's sake or not. */
void spipe_perf_drain_note_lost(bool is_pipe_full);

struct spipe_perf_drain_losses spipe_perf_drain_losses(void);

/* Drops what is left, counting it. */
void spipe_perf_drain_discard(struct spipe_session *session);

#endif
