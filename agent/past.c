/* SPDX-License-Identifier: MIT */
#include "past.h"

#include "ledger.h"

#include <string.h>

static struct spipe_past past;

void spipe_past_continue(const uint8_t session_id[SPIPE_SESSION_ID_LEN])
{
    memcpy(past.session_id, session_id, sizeof past.session_id);
    past.has_session = true;
}

void spipe_past_tell(struct spipe_session *session)
{
    session->previous = past;
}

void spipe_past_note_begin(const struct spipe_session *session)
{
    spipe_past_continue(session->session_id);
    past.has_account = false;
}

void spipe_past_note_end(struct spipe_session *session)
{
    past.attempted = spipe_ledger_attempted(session);
    past.process_cpu_us = spipe_ledger_process_cpu_us(session);
    past.has_account = true;
}

const uint8_t *spipe_past_session_id(void)
{
    return past.has_session ? past.session_id : NULL;
}

void spipe_past_fork(void)
{
    memset(&past, 0, sizeof past);
}
