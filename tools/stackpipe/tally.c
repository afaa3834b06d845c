/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

/* Accounts beyond this are not counted here. */
#define ACCOUNTS_MAX (1u << 21)

void spipe_tally_init(struct spipe_tally *tally)
{
    *tally = (struct spipe_tally){0};
}

void spipe_tally_done(struct spipe_tally *tally)
{
    free(tally->account_lost);
    spipe_tally_init(tally);
}

static bool make_room(struct spipe_tally *tally, uint64_t account)
{
    if (account < tally->account_count) {
        return true;
    }
    if (account >= ACCOUNTS_MAX) {
        return false;
    }
    size_t count = tally->account_count == 0 ? 64 : tally->account_count;
    while (count <= account) {
        count *= 2;
    }
    uint64_t *grown = realloc(tally->account_lost, count * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    memset(grown + tally->account_count, 0, (count - tally->account_count) * sizeof *grown);
    tally->account_lost = grown;
    tally->account_count = count;
    return true;
}

static void forget_accounts(struct spipe_tally *tally)
{
    if (tally->account_count > 0) {
        memset(tally->account_lost, 0, tally->account_count * sizeof *tally->account_lost);
    }
}

static uint64_t sum_accounts(const struct spipe_tally *tally)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < tally->account_count; i++) {
        lost += tally->account_lost[i];
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
        /* A thread has up to two accounts: the CPU source's, which is told by 0 or its id, 1, and another's. */
        uint64_t account = (uint64_t)ledger->thread[i].thread_id * 2 + (ledger->thread[i].source_id > 1);
        if (make_room(tally, account)) {
            tally->account_lost[account] = sum_causes(&ledger->thread[i]);
        }
    }
    uint64_t lost = tally->lost_before + sum_accounts(tally);
    if (lost > tally->lost) {
        tally->lost = lost;
    }
}

void spipe_tally_begin_session(struct spipe_tally *tally)
{
    tally->sessions++;
    tally->lost_before = tally->lost;
    forget_accounts(tally);
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
        forget_accounts(tally);
        break;
    default:
        break;
    }
}
