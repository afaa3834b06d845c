/* SPDX-License-Identifier: MIT */
#include "followed.h"

#include "viewer-stub/host/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct spipe_followed_session {
    struct spipe_followed_session *next;
    struct spipe_connection *connection; /* NULL when it is over */
    struct spipe_recorder recorder;
    struct spipe_tally tally;
    bool has_hello;
    char path[]; /* of its file */
};

void spipe_followed_init(struct spipe_followed *followed, const char *folder)
{
    *followed = (struct spipe_followed){.folder = folder};
}

static struct spipe_followed_session *new_session(const struct spipe_followed *followed, uint64_t number)
{
    size_t size = strlen(followed->folder) + 40;
    struct spipe_followed_session *session = calloc(1, sizeof *session + size);
    if (session != NULL) {
        snprintf(session->path, size, "%s/session-%" PRIu64 ".spipe", followed->folder, number);
        spipe_tally_init(&session->tally);
        session->recorder.fd = -1;
    }
    return session;
}

struct spipe_followed_session *spipe_followed_begin(struct spipe_followed *followed,
                                                    struct spipe_connection *connection)
{
    struct spipe_followed_session *session = new_session(followed, spipe_connection_number(connection));
    if (session == NULL) {
        return NULL;
    }
    session->connection = connection;
    if (followed->last == NULL) {
        followed->first = session;
    } else {
        followed->last->next = session;
    }
    followed->last = session;
    followed->running++;
    return session;
}

static int note_failure(struct spipe_followed *followed, const struct spipe_followed_session *session)
{
    if (followed->failed++ == 0) {
        snprintf(followed->text, sizeof followed->text, "%s", session->recorder.text);
    }
    return session->recorder.status;
}

int spipe_followed_add(struct spipe_followed *followed, struct spipe_followed_session *session,
                       struct spipe_bytes unit)
{
    if (session->recorder.path == NULL && spipe_recorder_open(&session->recorder, session->path) != 0) {
        return note_failure(followed, session);
    }
    bool was_sound = session->recorder.status == 0;
    if (spipe_recorder_add(&session->recorder, unit) != 0 && was_sound) {
        return note_failure(followed, session);
    }
    return session->recorder.status;
}

void spipe_followed_note(struct spipe_followed *followed, struct spipe_followed_session *session,
                         const struct spipe_record *record)
{
    struct spipe_tally before = session->tally;
    if (record->kind == SPIPE_RECORD_HELLO && !session->has_hello) {
        session->has_hello = true;
        followed->begun++;
    }
    spipe_tally_add(&session->tally, record);
    followed->samples += session->tally.samples - before.samples;
    followed->lost += session->tally.lost - before.lost;
}

void spipe_followed_end(struct spipe_followed *followed, struct spipe_followed_session *session)
{
    bool was_sound = session->recorder.status == 0;
    if (!session->has_hello) {
        /* A preface, or a refusal: not worth a place in the capture. */
        spipe_recorder_discard(&session->recorder);
    }
    if (spipe_recorder_close(&session->recorder) != 0 && was_sound) {
        note_failure(followed, session);
    }
    spipe_tally_done(&session->tally);
    session->connection = NULL;
    followed->running--;
}

void spipe_followed_stop(struct spipe_followed *followed, const char *text)
{
    for (struct spipe_followed_session *session = followed->first; session != NULL; session = session->next) {
        if (session->connection != NULL) {
            spipe_connection_stop(session->connection, text);
        }
    }
}

static int append_unit(void *user, const struct spipe_capture_item *item)
{
    return spipe_recorder_add(user, item->raw);
}

void spipe_followed_append(struct spipe_followed *followed, struct spipe_recorder *recorder)
{
    for (struct spipe_followed_session *session = followed->first; session != NULL; session = session->next) {
        struct spipe_capture_end end;
        if (session->has_hello && recorder->status == 0) {
            spipe_capture_read_file(session->path, append_unit, recorder, &end);
        }
        remove(session->path);
    }
}

void spipe_followed_done(struct spipe_followed *followed)
{
    while (followed->first != NULL) {
        struct spipe_followed_session *next = followed->first->next;
        free(followed->first);
        followed->first = next;
    }
    followed->last = NULL;
}
