/* SPDX-License-Identifier: MIT */
/*
 * Samples of one source, gathered as the columns of a Samples message. Pump only.
 */
#ifndef SPIPE_AGENT_BATCH_H
#define SPIPE_AGENT_BATCH_H

#include "session.h"

/* A message stays below 64 KiB: 14 bytes a sample and 10 a run at the most. */
#define SPIPE_BATCH_SAMPLES_MAX 3072u
#define SPIPE_BATCH_RUNS_MAX 1000u

struct spipe_batch {
    uint32_t source_id;
    uint32_t run_thread_id[SPIPE_BATCH_RUNS_MAX];
    uint32_t run_length[SPIPE_BATCH_RUNS_MAX];
    uint64_t run_time[SPIPE_BATCH_RUNS_MAX];    /* of the run's first sample, in quanta */
    uint32_t run_count;
    uint32_t time_delta[SPIPE_BATCH_SAMPLES_MAX];
    uint32_t stack_id[SPIPE_BATCH_SAMPLES_MAX];
    uint32_t weight[SPIPE_BATCH_SAMPLES_MAX];
    uint32_t state[SPIPE_BATCH_SAMPLES_MAX];
    uint32_t sample_count;
    bool has_weights;                           /* any but 1 */
    bool has_states;                            /* any but SPIPE_STATE_RUNNING */
    uint64_t last_time;                         /* of the last run */
};

struct spipe_batch_sample {
    uint32_t thread_id;
    uint32_t stack_id;
    uint32_t weight;
    enum spipe_state state;
    uint64_t time;                              /* in quanta */
};

/* Empties the batch. */
void spipe_batch_begin(struct spipe_batch *batch, uint32_t source_id);

/* Adds a sample; there must be room. */
void spipe_batch_add(struct spipe_batch *batch, const struct spipe_batch_sample *sample);

/* True when there is no room for one more sample. */
bool spipe_batch_is_full(const struct spipe_batch *batch);

/* Puts what was gathered into the outbox, and empties the batch. The stacks must have been defined before. */
void spipe_batch_put(struct spipe_session *session, struct spipe_batch *batch);

#endif
