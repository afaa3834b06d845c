/* SPDX-License-Identifier: MIT */
/*
 * One session, from configuration to goodbye: what the files of the pump side share. There is one at a time, and only
 * the pump touches it.
 */
#ifndef SPIPE_AGENT_SESSION_H
#define SPIPE_AGENT_SESSION_H

#include "budget.h"
#include "intern.h"
#include "outbox.h"
#include "past.h"
#include "sampler.h"
#include "settings.h"
#include "slot.h"

#define SPIPE_TIME_QUANTUM_NS 1000u
/* Source.source_id of each kind. */
#define SPIPE_SOURCE_ID_CPU 1u
#define SPIPE_SOURCE_ID_WALL 2u
/* Room that is kept in the outbox for definitions, ledgers and the goodbye: with less, nothing is taken from the
 * rings. */
#define SPIPE_OUTBOX_RESERVE (384u * 1024u)
/* What a Checkpoint leaves of it, for the batch that follows: images and threads beyond that wait for their next use. */
#define SPIPE_OUTBOX_LEFT (256u * 1024u)

/* Totals of slots that were given back. */
struct spipe_ended_totals {
    uint64_t cpu_ns;
    uint64_t sent;
    uint64_t dropped;
    uint64_t sleeps_cut_short;
    uint64_t unwind_faults;
    uint64_t latency[SPIPE_LATENCY_BUCKETS];
    uint32_t latency_max_ns;
    uint64_t handler_ns;
};

struct spipe_stack_ids;
struct spipe_weave;
struct spipe_text_dialect;

struct spipe_session {
    struct spipe_pipe pipe;
    struct spipe_outbox *outbox;
    struct spipe_intern *intern;
    struct spipe_stack_ids *stack_ids;
    struct spipe_weave *weave;
    struct spipe_settings settings;
    enum spipe_mechanism mechanism;
    uint64_t period_ns;                 /* that a sample of weight 1 stands for */
    uint64_t wall_period_ns;            /* the same of the wall clock; 0: not sampled */
    bool is_text;                       /* the text dialect */
    bool is_paused;
    bool is_held;                       /* waits for a `configure` */
    int failure;                        /* a status that ended the session, or 0 */

    uint8_t session_id[SPIPE_SESSION_ID_LEN];
    uint32_t session_number;
    uint32_t checkpoint_number;
    uint64_t origin_ns;
    uint64_t origin_unix_us;
    uint64_t start_user_us;             /* the process's CPU time at the session's start */
    uint64_t start_system_us;
    uint64_t start_agent_us;
    struct spipe_past previous;         /* the process's session before this one */
    uint64_t lost_between_us;           /* CPU time of the process between the two */

    uint32_t last_thread_id;
    uint32_t last_image_id;
    uint64_t samples_sent;
    uint64_t complete_until;            /* quanta */
    uint64_t unknown_cpu_reported;      /* periods, see ledger.c */
    uint32_t audits_skipped_before;     /* running total at the session's start, see audit.c */
    uint32_t audits_skipped;            /* since then, as the host was told */
    struct spipe_ended_totals ended;
    struct spipe_budget budget;
};

/* Quanta since the session's origin. */
static inline uint64_t spipe_session_time(const struct spipe_session *session, uint64_t monotonic_ns)
{
    return monotonic_ns <= session->origin_ns ? 0 : (monotonic_ns - session->origin_ns) / SPIPE_TIME_QUANTUM_NS;
}

/* Puts a record into the outbox; a failure ends the session. */
void spipe_session_put(struct spipe_session *session, const struct spipe_record *record);

#endif
