/* SPDX-License-Identifier: MIT */
#include "recording.h"

#include <stdio.h>
#include <string.h>

/* From now on the connection's bytes are recorded, behind those of the sessions before it. */
static void begin_session(struct spipe_recording *recording, struct spipe_connection *connection)
{
    spipe_recorder_flush(recording->recorder);
    spipe_tally_begin_session(&recording->tally);
    recording->active = connection;
    recording->has_hello = false;
}

/* A process that the program has started, as far as one can know. */
static void take_followed(struct spipe_recording *recording, struct spipe_connection *connection)
{
    struct spipe_followed_session *session = NULL;
    if (recording->is_stopping || recording->is_program_over || recording->recorder->status != 0) {
        spipe_connection_close(connection, "the recording is over");
        return;
    }
    session = spipe_followed_begin(&recording->followed, connection);
    if (session == NULL) {
        spipe_connection_close(connection, "out of memory");
    }
    spipe_connection_set_data(connection, session);
}

static void on_connected(void *user, struct spipe_connection *connection, const struct spipe_peer *peer)
{
    struct spipe_recording *recording = user;
    if (peer->known && peer->pid != recording->pid && recording->configuration.follow_children) {
        take_followed(recording, connection);
    } else if (!peer->known || peer->pid != recording->pid) {
        recording->turned_away++;
        spipe_connection_close(connection, "only the program itself is recorded");
    } else if (recording->is_stopping || recording->recorder->status != 0) {
        spipe_connection_close(connection, "the recording is over");
    } else if (recording->waiting != NULL) {
        spipe_connection_close(connection, "another connection of this process waits already");
    } else if (recording->active != NULL) {
        recording->waiting = connection;
    } else {
        begin_session(recording, connection);
    }
}

static bool on_configuration_wanted(void *user, struct spipe_connection *connection,
                                    struct spipe_configuration *configuration)
{
    const struct spipe_recording *recording = user;
    if (connection != recording->active && spipe_connection_data(connection) == NULL) {
        return false;
    }
    *configuration = recording->configuration;
    return true;
}

static void on_bytes(void *user, struct spipe_connection *connection, struct spipe_bytes raw)
{
    struct spipe_recording *recording = user;
    struct spipe_followed_session *session = spipe_connection_data(connection);
    if (session != NULL) {
        if (spipe_followed_add(&recording->followed, session, raw) != 0) {
            spipe_connection_close(connection, "the session cannot be kept");
        }
        return;
    }
    if (connection != recording->active) {
        return;
    }
    if (spipe_recorder_add(recording->recorder, raw) != 0) {
        spipe_connection_close(connection, "the capture cannot be written");
    }
}

/* Joins what the agent could not do as asked into one line. */
static void note_unmet(struct spipe_recording *recording, const struct spipe_applied *applied)
{
    recording->unmet_text[0] = '\0';
    size_t len = 0;
    for (size_t i = 0; i < applied->unmet_count && len < sizeof recording->unmet_text; i++) {
        len += (size_t)snprintf(recording->unmet_text + len, sizeof recording->unmet_text - len, "%s%s",
                                i > 0 ? "; " : "", applied->unmet[i].text);
    }
}

static void on_record(void *user, struct spipe_connection *connection, const struct spipe_record *record,
                      size_t message_len)
{
    (void)message_len;
    struct spipe_recording *recording = user;
    struct spipe_followed_session *session = spipe_connection_data(connection);
    if (session != NULL) {
        spipe_followed_note(&recording->followed, session, record);
        return;
    }
    if (connection != recording->active) {
        return;
    }
    switch (record->kind) {
    case SPIPE_RECORD_HELLO:
        /* A Checkpoint brings another one. */
        recording->hellos += recording->has_hello ? 0 : 1;
        recording->has_hello = true;
        break;
    case SPIPE_RECORD_APPLIED:
        note_unmet(recording, &record->applied);
        break;
    default:
        break;
    }
    spipe_tally_add(&recording->tally, record);
}

/* Answers the connection that has waited for its predecessor's end. */
static void let_next_in(struct spipe_recording *recording)
{
    struct spipe_connection *next = recording->waiting;
    recording->waiting = NULL;
    recording->active = NULL;
    if (next == NULL) {
        return;
    }
    begin_session(recording, next);
    if (recording->is_stopping || recording->recorder->status != 0 ||
        spipe_connection_configure(next, &recording->configuration) != 0) {
        spipe_connection_close(next, "the recording is over");
    }
}

static void on_disconnected(void *user, struct spipe_connection *connection, const struct spipe_host_end *end)
{
    struct spipe_recording *recording = user;
    struct spipe_followed_session *session = spipe_connection_data(connection);
    if (session != NULL) {
        spipe_followed_end(&recording->followed, session);
        return;
    }
    if (connection == recording->waiting) {
        recording->waiting = NULL;
        return;
    }
    if (connection != recording->active) {
        return;
    }
    recording->last_end = *end;
    snprintf(recording->end_text, sizeof recording->end_text, "%s", end->text != NULL ? end->text : "");
    recording->last_end.text = recording->end_text;
    if (!recording->has_hello) {
        /* A preface, or a refusal: not worth a file. */
        spipe_recorder_discard(recording->recorder);
    }
    let_next_in(recording);
}

int spipe_recording_open(struct spipe_recording *recording, const char *endpoint,
                         const struct spipe_configuration *configuration, struct spipe_recorder *recorder,
                         const char *folder, const char **ret_message)
{
    static const struct spipe_host_callbacks callbacks = {
        .connected = on_connected,
        .configuration_wanted = on_configuration_wanted,
        .bytes = on_bytes,
        .record = on_record,
        .disconnected = on_disconnected,
    };
    *recording = (struct spipe_recording){.configuration = *configuration, .recorder = recorder};
    *ret_message = NULL;
    spipe_tally_init(&recording->tally);
    spipe_followed_init(&recording->followed, folder);
    int status = spipe_host_new(NULL, &callbacks, recording, &recording->host);
    if (status != 0) {
        recording->host = NULL;
        return status;
    }
    status = spipe_host_listen(recording->host, endpoint, ret_message);
    if (status != 0) {
        spipe_recording_close(recording);
    }
    return status;
}

int spipe_recording_descriptor(const struct spipe_recording *recording)
{
    return spipe_host_descriptor(recording->host);
}

int spipe_recording_dispatch(struct spipe_recording *recording)
{
    return spipe_host_dispatch(recording->host, 0);
}

void spipe_recording_flush(struct spipe_recording *recording)
{
    if (recording->active == NULL || recording->has_hello) {
        spipe_recorder_flush(recording->recorder);
    }
}

void spipe_recording_stop(struct spipe_recording *recording)
{
    recording->is_stopping = true;
    if (recording->active != NULL) {
        spipe_connection_stop(recording->active, "the recording was stopped");
    }
    spipe_followed_stop(&recording->followed, "the recording was stopped");
}

void spipe_recording_end_program(struct spipe_recording *recording)
{
    recording->is_program_over = true;
    spipe_followed_stop(&recording->followed, "the program that started it has ended");
}

bool spipe_recording_is_connected(const struct spipe_recording *recording)
{
    return recording->active != NULL || recording->waiting != NULL || recording->followed.running > 0;
}

uint64_t spipe_recording_samples(const struct spipe_recording *recording)
{
    return recording->tally.samples + recording->followed.samples;
}

uint64_t spipe_recording_lost(const struct spipe_recording *recording)
{
    return recording->tally.lost + recording->followed.lost;
}

uint32_t spipe_recording_sessions(const struct spipe_recording *recording)
{
    return recording->hellos + recording->followed.begun;
}

void spipe_recording_close(struct spipe_recording *recording)
{
    recording->is_stopping = true;
    spipe_host_free(recording->host);
    recording->host = NULL;
    spipe_tally_done(&recording->tally);
    spipe_followed_append(&recording->followed, recording->recorder);
    spipe_followed_done(&recording->followed);
}
