/* SPDX-License-Identifier: MIT */
#include "notices.h"

#include "files.h"
#include "marks.h"
#include "pages.h"

#define NOTICE_COUNT 60u
#define NOTICE_SIZE  240u
#define NOT_PROFILED "not profiled: "

enum notice_state { NOTICE_FREE = 0, NOTICE_TAKEN = 1, NOTICE_READY = 2 };

struct notice {
    _Atomic uint32_t state;
    char text[NOTICE_SIZE];
};

struct notices {
    _Atomic uint32_t unheard;       /* for which there was no room */
    struct notice notice[NOTICE_COUNT];
};

static struct notices *notices;
static bool is_own;     /* no longer, or not yet: those of the process that this one was forked from */

void spipe_notices_open(void)
{
    struct notices *shared = is_own ? NULL : spipe_pages_new_shared(sizeof *shared);
    if (shared == NULL)
        return;
    notices = shared;
    is_own = true;
}

void spipe_notices_fork(void)
{
    is_own = false;
}

static struct notice *take_notice(void)
{
    for (uint32_t i = 0; i < NOTICE_COUNT; i++) {
        uint32_t state = NOTICE_FREE;
        if (atomic_compare_exchange_strong(&notices->notice[i].state, &state, NOTICE_TAKEN))
            return &notices->notice[i];
    }
    atomic_fetch_add(&notices->unheard, 1);
    return NULL;
}

void spipe_notices_put(const char *path, const char *obstacle)
{
    struct notice *notice = notices == NULL ? NULL : take_notice();
    if (notice == NULL)
        return;
    struct spipe_text text;
    spipe_text_init(&text, notice->text, sizeof notice->text);
    spipe_text_add(&text, NOT_PROFILED);
    spipe_text_add(&text, obstacle);
    spipe_text_add(&text, ": ");
    spipe_text_add(&text, path);
    atomic_store(&notice->state, NOTICE_READY);
}

void spipe_notices_drain(struct spipe_session *session)
{
    if (!is_own || session->is_text)
        return;
    for (uint32_t i = 0; i < NOTICE_COUNT && spipe_outbox_room(session->outbox) >= SPIPE_OUTBOX_RESERVE; i++) {
        struct notice *notice = &notices->notice[i];
        if (atomic_load(&notice->state) != NOTICE_READY)
            continue;
        notice->text[sizeof notice->text - 1] = '\0';   /* a child may have written anything */
        spipe_marks_put_host(session, notice->text);
        atomic_store(&notice->state, NOTICE_FREE);
    }
    if (atomic_exchange(&notices->unheard, 0) > 0)
        spipe_marks_put_host(session, NOT_PROFILED "more programs than there was room to name");
}
