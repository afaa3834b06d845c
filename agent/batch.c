/* SPDX-License-Identifier: MIT */
#include "batch.h"

void spipe_batch_begin(struct spipe_batch *batch, uint32_t source_id)
{
    batch->source_id = source_id;
    batch->run_count = 0;
    batch->sample_count = 0;
    batch->has_weights = false;
    batch->has_states = false;
}

bool spipe_batch_is_full(const struct spipe_batch *batch)
{
    return batch->sample_count == SPIPE_BATCH_SAMPLES_MAX || batch->run_count == SPIPE_BATCH_RUNS_MAX;
}

/* A run goes on for as long as its thread does, and its time fits the column. */
static void add_time(struct spipe_batch *batch, uint32_t thread_id, uint64_t time)
{
    uint32_t run = batch->run_count;
    if (run > 0 && batch->run_thread_id[run - 1] == thread_id && time - batch->last_time <= UINT32_MAX) {
        batch->time_delta[batch->sample_count] = (uint32_t)(time - batch->last_time);
        batch->run_length[run - 1]++;
    } else {
        batch->run_thread_id[run] = thread_id;
        batch->run_length[run] = 1;
        batch->run_time[run] = time;
        batch->run_count++;
    }
    batch->last_time = time;
}

void spipe_batch_add(struct spipe_batch *batch, const struct spipe_batch_sample *sample)
{
    uint32_t at = batch->sample_count;
    add_time(batch, sample->thread_id, sample->time);
    batch->stack_id[at] = sample->stack_id;
    batch->weight[at] = sample->weight;
    batch->state[at] = (uint32_t)sample->state;
    batch->has_weights = batch->has_weights || sample->weight != 1;
    batch->has_states = batch->has_states || sample->state != SPIPE_STATE_RUNNING;
    batch->sample_count++;
}

static uint64_t earliest_run(const struct spipe_batch *batch)
{
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < batch->run_count; i++) {
        if (batch->run_time[i] < earliest)
            earliest = batch->run_time[i];
    }
    return earliest;
}

void spipe_batch_put(struct spipe_session *session, struct spipe_batch *batch)
{
    if (batch->sample_count == 0)
        return;
    struct spipe_samples samples = {0};
    samples.source_id = batch->source_id;
    samples.start_time = earliest_run(batch);
    uint32_t first = 0;
    for (uint32_t i = 0; i < batch->run_count; i++) {
        batch->time_delta[first] = (uint32_t)(batch->run_time[i] - samples.start_time);
        first += batch->run_length[i];
    }
    samples.run_thread_id = batch->run_thread_id;
    samples.run_length = batch->run_length;
    samples.run_count = batch->run_count;
    samples.time_delta = batch->time_delta;
    samples.stack_id = batch->stack_id;
    samples.weight = batch->has_weights ? batch->weight : NULL;
    samples.state = batch->has_states ? batch->state : NULL;
    samples.sample_count = batch->sample_count;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES, .samples = samples};
    spipe_session_put(session, &record);
    session->samples_sent += batch->sample_count;
    spipe_batch_begin(batch, batch->source_id);
}
