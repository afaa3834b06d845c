/* SPDX-License-Identifier: MIT */
/*
 * Captures put together record by record, in memory.
 *
 * Nothing is returned: what cannot be encoded ends the program, since only a test itself can be wrong about it.
 */
#ifndef SPIPE_TESTS_RECORDS_H
#define SPIPE_TESTS_RECORDS_H

#include "protocol/record.h"

#include <stdio.h>

/* One sample of the usual source stands for so much CPU time. */
#define RECORDS_PERIOD_NS 1000000u
/* One of the wall-clock source for so much time. */
#define RECORDS_WALL_NS 20000000u

struct records {
    uint8_t *data;
    size_t len;
    size_t capacity;
    void *scratch;
    size_t last; /* where the last unit begins */
    uint8_t session_id[16];
    uint8_t previous_session_id[16];
    bool has_previous;
};

void records_init(struct records *records);
void records_done(struct records *records);

/* Forgets what was gathered; for writing in pieces. */
void records_clear(struct records *records);

void records_add(struct records *records, const struct spipe_record *record);
void records_add_raw(struct records *records, const void *bytes, size_t len);

/* Preface, Hello and Applied of session `number`: its id bytes are all `number`, and its origin is `number` seconds. */
void records_begin(struct records *records, uint8_t number);
/* The same, for a session that names the one of another number as the one before it. */
void records_begin_after(struct records *records, uint8_t number, uint8_t previous_number);
void records_hello(struct records *records);
void records_applied(struct records *records, uint32_t weight_quantum);

void records_thread(struct records *records, uint32_t thread_id, uint32_t tid, const char *name);
void records_thread_gone(struct records *records, uint32_t thread_id);
void records_image(struct records *records, uint32_t image_id, const char *path, uint8_t build_id);
void records_frame(struct records *records, uint32_t frame_id, uint32_t image_id, uint32_t offset);
/* `parent_id` 0: outermost. */
void records_stack(struct records *records, uint32_t stack_id, uint32_t parent_id, uint32_t frame_id);
/* One sample of one period. */
void records_sample(struct records *records, uint32_t thread_id, uint32_t stack_id, uint64_t time);
void records_ledger(struct records *records, uint32_t thread_id, uint64_t sent, uint64_t dropped, uint64_t time);
/* Another Applied, with a wall-clock source (id 2) of RECORDS_WALL_NS beside the usual one; its samples; and its
 * account of a thread. */
void records_applied_wall(struct records *records);
void records_wall_sample(struct records *records, uint32_t thread_id, uint32_t stack_id, uint32_t weight,
                         enum spipe_state state, uint64_t time);
void records_wall_ledger(struct records *records, uint32_t thread_id, uint64_t sent, uint64_t time);
void records_checkpoint(struct records *records, uint64_t time);
void records_goodbye(struct records *records, enum spipe_goodbye_reason reason);

/* One thread "main" (tid 100), an image "/bin/demo", frames 1 to 3 at 0x10, 0x20, 0x30, stacks 1: frame 1, 2: 1 and
 * frame 2, 3: 2 and frame 3. */
void records_define(struct records *records);

#endif
