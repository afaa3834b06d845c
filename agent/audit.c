/* SPDX-License-Identifier: MIT */
#include "audit.h"

#include "handler.h"
#include "stack_ids.h"

/* A message stays below 64 KiB. */
#define STACK_MAX (63u * 1024u)

static uint32_t skipped_total(void)
{
    return atomic_load_explicit(&spipe_handler_shared.audits_skipped, memory_order_relaxed);
}

static void put(struct spipe_session *session, const struct spipe_audit *audit, size_t count)
{
    session->audits_skipped = skipped_total() - session->audits_skipped_before;
    struct spipe_record record = {
        .kind = SPIPE_RECORD_AUDITS,
        .audits = {audit, count, spipe_stack_ids_own_image(session), session->audits_skipped}};
    spipe_session_put(session, &record);
}

void spipe_audit_begin(struct spipe_session *session)
{
    session->audits_skipped_before = skipped_total();
    session->audits_skipped = 0;
}

void spipe_audit_put(struct spipe_session *session, const struct spipe_batch_sample *sample,
                     const struct spipe_slice *slice)
{
    size_t len = slice->len < STACK_MAX ? slice->len : STACK_MAX;
    struct spipe_audit audit = {
        .thread_id = sample->thread_id,
        .time = sample->time,
        .stack_id = sample->stack_id,
        .registers = {(const uint8_t *)slice->registers.value, sizeof slice->registers.value},
        .stack_address = slice->low,
        .stack = {slice->bytes, len},
        .is_cut = slice->is_cut || len < slice->len,
    };
    put(session, &audit, 1);
}

void spipe_audit_put_skipped(struct spipe_session *session)
{
    if (!session->is_text && skipped_total() - session->audits_skipped_before != session->audits_skipped)
        put(session, NULL, 0);
}
