/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

/* Threads beyond this are not counted here. */
#define THREADS_MAX (1u << 20)

void spipe_tally_init(struct spipe_tally *tally)
{
    *tally = (struct spipe_tally){0};
}

void spipe_tally_done(struct spipe_tally *tally)
{
    free(tally->thread_lost);
    spipe_tally_init(tally);
}

static bool make_room(struct spipe_tally *tally, uint32_t thread_id)
{
    if (thread_id < tally->thread_count) {
        return true;
    }
    if (thread_id >= THREADS_MAX) {
        return false;
    }
    size_t count = tally->thread_count == 0 ? 64 : tally->thread_count;
    while (count <= thread_id) {
        count *= 2;
    }
    uint64_t *grown = realloc(tally->thread_lost, count * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    memset(grown + tally->thread_count, 0, (count - tally->thread_count) * sizeof *grown);
    tally->thread_lost = grown;
    tally->thread_count = count;
    return true;
}

static uint64_t sum_threads(const struct spipe_tally *tally)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < tally->thread_count; i++) {
        lost += tally->thread_lost[i];
    }
    return lost;
}

static uint64_t sum_causes(const struct spipe_thread_ledger *thread)
{
    return thread->dropped_ring_full + thread->dropped_pipe_full + thread->dropped_paused + thread->dropped_no_slot +
           thread->dropped_in_agent + thread->dropped_blocked + thread->dropped_other;
}

static void add_ledger(struct spipe_tally *tally, const struct spipe_ledger *ledger)
{
    for (size_t i = 0; i < ledger->thread_count; i++) {
        if (make_room(tally, ledger->thread[i].thread_id)) {
            tally->thread_lost[ledger->thread[i].thread_id] = sum_causes(&ledger->thread[i]);
        }
    }
    uint64_t lost = tally->lost_before + sum_threads(tally);
    if (lost > tally->lost) {
        tally->lost = lost;
    }
}

void spipe_tally_begin_session(struct spipe_tally *tally)
{
    tally->sessions++;
    tally->lost_before = tally->lost;
    if (tally->thread_count > 0) {
        memset(tally->thread_lost, 0, tally->thread_count * sizeof *tally->thread_lost);
    }
}

void spipe_tally_add(struct spipe_tally *tally, const struct spipe_record *record)
{
    switch (record->kind) {
    case SPIPE_RECORD_SAMPLES:
        tally->samples += record->samples.sample_count;
        break;
    case SPIPE_RECORD_LEDGER:
        add_ledger(tally, &record->ledger);
        break;
    case SPIPE_RECORD_CHECKPOINT:
        /* Thread ids restart; the next ledgers give the totals again, under new ids. */
        if (tally->thread_count > 0) {
            memset(tally->thread_lost, 0, tally->thread_count * sizeof *tally->thread_lost);
        }
        break;
    default:
        break;
    }
}
