/* SPDX-License-Identifier: MIT */
/*
 * How far a recording has come, counted from its records as they pass: what the progress line shows.
 *
 * The exact account is made from the capture in the end; this one only has to be right while it goes on, in little
 * memory.
 */
#ifndef SPIPE_TOOL_TALLY_H
#define SPIPE_TOOL_TALLY_H

#include "protocol/record.h"

#include <stddef.h>
#include <stdint.h>

struct spipe_tally {
    uint64_t samples;       /* that have arrived, of all sources */
    uint64_t lost;          /* as the ledgers say; never goes down */
    uint32_t sessions;      /* Hellos that begin one */
    uint64_t lost_before;   /* in sessions that are over */
    uint64_t *account_lost; /* of threads and sources, in the present session */
    size_t account_count;
};

void spipe_tally_init(struct spipe_tally *tally);
void spipe_tally_done(struct spipe_tally *tally);

void spipe_tally_add(struct spipe_tally *tally, const struct spipe_record *record);

/* A new connection begins: its ids and totals are its own. */
void spipe_tally_begin_session(struct spipe_tally *tally);

#endif
