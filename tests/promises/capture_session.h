/* SPDX-License-Identifier: MIT */
/*
 * What an agent sent in one session, added up: enough to say whether a promise was kept.
 *
 * Bytes are gathered as they arrive and read once, at the end. Not for several threads at once.
 */
#ifndef SPIPE_TESTS_CAPTURE_SESSION_H
#define SPIPE_TESTS_CAPTURE_SESSION_H

#include "protocol/record.h"

#define CAPTURE_STAND_INS 16u

struct capture_thread {
    struct spipe_thread_ledger ledger; /* the last one that names the thread */
    uint64_t weight;                   /* of its samples */
};

struct capture_session {
    uint8_t *bytes;
    size_t len;
    size_t capacity;

    int status; /* SPIPE_E_TRUNCATED when the last message is cut; others when the stream is unsound */
    bool has_hello;
    bool has_refusal;
    bool has_goodbye;
    char refusal[256];
    char mechanism[32];       /* of the last Applied */
    char first_mechanism[32]; /* of the first one */
    char executable[256];
    uint8_t process_id[16];
    uint8_t session_id[16];
    uint8_t previous_session_id[16]; /* all 0: none */
    uint32_t session_number;
    uint32_t pid;
    uint32_t period_us;
    enum spipe_goodbye_reason goodbye;
    uint64_t goodbye_sent;
    uint64_t goodbye_dropped;

    uint64_t sample_count;
    uint64_t weight;                        /* of all samples, in periods */
    uint64_t rooted_weight;                 /* of those whose stack reaches the thread's root */
    uint64_t end_weight[CAPTURE_STAND_INS]; /* of the others, by the stand-in at their end */
    uint64_t stackless_weight;
    uint64_t last_sample_time;  /* quanta */
    uint32_t unannounced_count; /* uses of threads, stacks or frames that were not defined before */
    uint32_t checkpoint_count;

    uint32_t ledger_count;
    uint32_t open_entry_count;     /* ledger entries whose parts do not add up */
    struct spipe_ledger totals;    /* of the last Ledger, without its threads */
    struct capture_thread *thread; /* by thread id */
    uint32_t thread_count;         /* one more than the highest id */
};

/* Sums over all threads, thread 0 included. */
struct capture_sums {
    uint32_t sampled_threads;
    uint64_t attempted;
    uint64_t sent;
    uint64_t pending;
    uint64_t dropped;
    uint64_t dropped_pipe_full;
    uint64_t dropped_no_slot;
    uint64_t dropped_blocked;
    uint64_t cpu_us;
    uint32_t disagreeing_threads; /* whose samples' weights are not what their ledger says was sent */
};

/* Appends bytes as they arrived. */
void capture_session_feed(struct capture_session *session, const void *bytes, size_t len);

/* Reads all of them. */
void capture_session_read(struct capture_session *session);

struct capture_sums capture_session_sums(const struct capture_session *session);

/* True when the stream is sound to its end, all entries of all ledgers add up, nothing was used before it was defined,
 * and after a Goodbye nothing is pending, each thread's samples are what its ledger says was sent, and all of them are
 * as many as it names. */
bool capture_session_is_sound(const struct capture_session *session);

/* The samples' weights beside the CPU time of the process by the system's count, without the agent's: 1 when all of it
 * was seen. */
double capture_session_coverage(const struct capture_session *session);

void capture_session_done(struct capture_session *session);

#endif
