/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/capture.h"

#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_LEN     (1024u * 1024u)
#define SESSION_ID_LEN 16u

/* One reading: where bytes come from, the window on them, and what is known of the present session. */
struct reading {
    FILE *stream; /* NULL: from memory */
    const uint8_t *bytes;
    size_t left;
    bool at_end; /* no more bytes will come */
    int read_status;

    struct spipe_message_reader reader;
    struct spipe_arena arena;
    struct spipe_record record;

    uint8_t session_id[SESSION_ID_LEN];
    bool has_session_id;
    bool wants_preface; /* nothing else may come: at the beginning, and after Goodbye */
    bool said_goodbye;
    bool resumed; /* the next unit is the first after a damaged place */
    bool stopped;

    spipe_capture_callback callback;
    void *user;
    struct spipe_capture_end *end;
};

/* Brings more bytes into the window. False when there are none, or no room before a message is taken. */
static bool fill(struct reading *reading)
{
    size_t room = 0;
    size_t len = 0;
    void *space = spipe_message_reader_space(&reading->reader, &room);
    if (room == 0) {
        return false;
    }
    if (reading->stream != NULL) {
        len = fread(space, 1, room, reading->stream);
        reading->read_status = ferror(reading->stream) != 0 ? SPIPE_E_SYSTEM : SPIPE_OK;
    } else {
        len = reading->left < room ? reading->left : room;
        if (len != 0) {
            memcpy(space, reading->bytes, len);
            reading->bytes += len;
            reading->left -= len;
        }
    }
    spipe_message_reader_fed(&reading->reader, len);
    reading->end->length += len;
    reading->at_end = len == 0;
    return len != 0;
}

static size_t waiting(const struct reading *reading)
{
    return reading->reader.end - reading->reader.start;
}

/* Tries to have `len` bytes in the window. */
static void look_ahead(struct reading *reading, size_t len)
{
    while (waiting(reading) < len && !reading->at_end && fill(reading)) {
    }
}

static void step_over(struct reading *reading, size_t len)
{
    reading->reader.start += len;
    reading->reader.offset += len;
}

static void note_damage(struct reading *reading, uint64_t offset, int status, const char *what)
{
    struct spipe_capture_end *end = reading->end;
    if (end->reason != SPIPE_CAPTURE_DAMAGED) {
        end->reason = SPIPE_CAPTURE_DAMAGED;
        end->offset = offset;
        end->status = status;
        snprintf(end->text, sizeof end->text, "%s at byte %llu: %s", what, (unsigned long long)offset,
                 spipe_status_message(status));
    }
}

static void give(struct reading *reading, uint64_t offset, struct spipe_bytes raw, const struct spipe_record *record)
{
    struct spipe_capture_item item = {offset, raw, record, reading->resumed};
    reading->resumed = false;
    if (record == NULL) {
        reading->end->prefaces++;
    } else {
        reading->end->messages++;
    }
    reading->stopped = reading->callback != NULL && reading->callback(reading->user, &item) != 0;
}

/* ------------------------------------------------------------------------------------------------ after a damaged
 * place */

static bool is_sync(const struct reading *reading)
{
    const uint8_t *at = reading->reader.memory + reading->reader.start;
    return reading->has_session_id && waiting(reading) >= SPIPE_SYNC_LEN &&
           memcmp(at + SPIPE_PREFACE_LEN, reading->session_id, SESSION_ID_LEN) == 0;
}

/* True when a session begins here: the preface, and a Hello or a Refusal. */
static bool is_session(struct reading *reading)
{
    struct spipe_message_reader ahead = reading->reader;
    struct spipe_bytes message = {NULL, 0};
    uint8_t major = 0;
    ahead.message_max = SPIPE_AGENT_MESSAGE_USUAL_MAX;
    return spipe_message_reader_preface(&ahead, &major) == SPIPE_OK &&
           spipe_message_reader_next(&ahead, &message) == SPIPE_OK &&
           spipe_decode_record(message, &reading->arena, &reading->record) == SPIPE_OK &&
           (reading->record.kind == SPIPE_RECORD_HELLO || reading->record.kind == SPIPE_RECORD_REFUSAL);
}

/* Moves to the next place that begins like a preface, which is then in the window. */
static bool find_preface(struct reading *reading)
{
    for (;;) {
        look_ahead(reading, SPIPE_PREFACE_LEN);
        if (waiting(reading) < SPIPE_PREFACE_LEN) {
            step_over(reading, waiting(reading));
            return false;
        }
        const uint8_t *from = reading->reader.memory + reading->reader.start;
        size_t last = waiting(reading) - SPIPE_PREFACE_LEN;
        size_t at = 0;
        while (at <= last && memcmp(from + at, spipe_preface, SPIPE_PREFACE_LEN) != 0) {
            const uint8_t *next = memchr(from + at + 1, spipe_preface[0], last - at);
            at = next != NULL ? (size_t)(next - from) : last + 1;
        }
        step_over(reading, at);
        if (at <= last) {
            return true;
        }
    }
}

/* Looks for a place from which reading can go on, beginning behind the damaged one. False when there is none. */
static bool resume(struct reading *reading, uint64_t damaged)
{
    reading->reader.status = SPIPE_OK;
    look_ahead(reading, 1);
    step_over(reading, waiting(reading) > 0 ? 1 : 0);
    while (find_preface(reading)) {
        look_ahead(reading, SPIPE_AGENT_MESSAGE_USUAL_MAX + 64);
        if (is_sync(reading)) {
            step_over(reading, SPIPE_SYNC_LEN);
            reading->wants_preface = false;
            reading->said_goodbye = false;
            break;
        }
        if (is_session(reading)) {
            reading->wants_preface = true;
            break;
        }
        step_over(reading, 1);
    }
    reading->end->skipped_bytes += reading->reader.offset - damaged;
    if (waiting(reading) == 0 && reading->at_end) {
        return false;
    }
    reading->resumed = true;
    reading->end->resumed++;
    return true;
}

/* ------------------------------------------------------------------------------------------------------- unit after
 * unit */

static void keep_session_id(struct reading *reading, const struct spipe_record *record)
{
    if (record->kind == SPIPE_RECORD_HELLO && record->hello.session_id.len == SESSION_ID_LEN) {
        memcpy(reading->session_id, record->hello.session_id.data, SESSION_ID_LEN);
        reading->has_session_id = true;
    }
}

static int read_preface(struct reading *reading)
{
    uint64_t offset = reading->reader.offset;
    uint8_t major = 0;
    int status = spipe_message_reader_preface(&reading->reader, &major);
    if (status == SPIPE_OK) {
        struct spipe_bytes raw = {reading->reader.memory + reading->reader.start - SPIPE_PREFACE_LEN,
                                  SPIPE_PREFACE_LEN};
        reading->wants_preface = false;
        reading->said_goodbye = false;
        reading->has_session_id = false;
        give(reading, offset, raw, NULL);
    }
    return status;
}

static int read_message(struct reading *reading)
{
    struct spipe_bytes message = {NULL, 0};
    uint64_t offset = reading->reader.offset;
    int status = spipe_message_reader_next(&reading->reader, &message);
    if (status != SPIPE_OK) {
        return status;
    }
    size_t raw_len = (size_t)(reading->reader.offset - offset);
    status = spipe_decode_record(message, &reading->arena, &reading->record);
    if (status != SPIPE_OK) {
        reading->reader.start -= raw_len; /* the search for a sound place begins inside it */
        reading->reader.offset = offset;
        return status;
    }
    keep_session_id(reading, &reading->record);
    if (reading->record.kind == SPIPE_RECORD_GOODBYE || reading->record.kind == SPIPE_RECORD_REFUSAL) {
        reading->wants_preface = true;
        reading->said_goodbye = true;
    }
    struct spipe_bytes raw = {message.data + message.len - raw_len, raw_len};
    give(reading, offset, raw, &reading->record);
    return SPIPE_OK;
}

static void note_end(struct reading *reading)
{
    struct spipe_capture_end *end = reading->end;
    uint64_t offset = reading->reader.offset;
    if (end->reason == SPIPE_CAPTURE_DAMAGED) {
        end->skipped_bytes += waiting(reading);
        return;
    }
    end->offset = offset;
    if (waiting(reading) > 0) {
        end->reason = SPIPE_CAPTURE_CUT;
        end->skipped_bytes = waiting(reading);
        end->status = SPIPE_E_TRUNCATED;
        snprintf(end->text, sizeof end->text, "it ends in the middle of the message at byte %llu",
                 (unsigned long long)offset);
    } else if (!reading->said_goodbye) {
        end->reason = SPIPE_CAPTURE_CUT;
        snprintf(end->text, sizeof end->text, end->length == 0 ? "it is empty" : "it ends without a goodbye");
    } else {
        end->reason = SPIPE_CAPTURE_ENDED;
        snprintf(end->text, sizeof end->text, "it is complete");
    }
}

static const char *name_place(const struct reading *reading, bool is_preface)
{
    if (!is_preface) {
        return "damaged message";
    }
    return reading->end->prefaces == 0 ? "no capture" : "bytes after the goodbye";
}

static void read_units(struct reading *reading)
{
    while (!reading->stopped) {
        look_ahead(reading, SPIPE_PREFACE_LEN);
        if (waiting(reading) == 0) {
            break;
        }
        bool is_preface = reading->wants_preface || spipe_message_reader_at_preface(&reading->reader);
        uint64_t offset = reading->reader.offset;
        int status = is_preface ? read_preface(reading) : read_message(reading);
        if (status == SPIPE_E_AGAIN) {
            if (!fill(reading)) {
                break;
            }
        } else if (status != SPIPE_OK) {
            note_damage(reading, offset, status, name_place(reading, is_preface));
            if (!resume(reading, offset)) {
                break;
            }
        }
    }
}

static int read_all(struct reading *reading, struct spipe_capture_end *ret_end)
{
    size_t arena_len = SPIPE_DECODE_ARENA_FOR(SPIPE_AGENT_MESSAGE_MAX);
    uint8_t *window = malloc(WINDOW_LEN);
    void *arena = malloc(arena_len);
    struct spipe_capture_end end = {0};
    int status = SPIPE_E_NO_MEMORY;
    if (window != NULL && arena != NULL) {
        spipe_message_reader_init(&reading->reader, window, WINDOW_LEN, SPIPE_AGENT_MESSAGE_MAX);
        spipe_arena_init(&reading->arena, arena, arena_len);
        reading->wants_preface = true;
        reading->end = &end;
        read_units(reading);
        if (reading->stopped) {
            end.reason = SPIPE_CAPTURE_STOPPED;
            end.offset = reading->reader.offset;
        } else {
            note_end(reading);
        }
        status = reading->read_status;
        *ret_end = end;
    }
    free(arena);
    free(window);
    return status;
}

static int open_status(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return SPIPE_E_NOT_FOUND;
    case EACCES:
    case EPERM:
        return SPIPE_E_PERMISSION;
    case ENOMEM:
        return SPIPE_E_NO_MEMORY;
    default:
        return SPIPE_E_SYSTEM;
    }
}

void spipe_capture_feed(struct spipe_store *store, const struct spipe_capture_item *item)
{
    if (item->record == NULL) {
        spipe_store_end_session(store);
        return;
    }
    if (item->resumed) {
        spipe_store_restart_tables(store);
    }
    spipe_store_add(store, item->record, item->raw.len);
}

static int load_item(void *user, const struct spipe_capture_item *item)
{
    spipe_capture_feed(user, item);
    return 0;
}

int spipe_capture_read_file(const char *path, spipe_capture_callback callback, void *user,
                            struct spipe_capture_end *ret_end)
{
    struct reading reading = {.callback = callback, .user = user};
    bool is_standard_input = strcmp(path, "-") == 0;
    reading.stream = is_standard_input ? stdin : fopen(path, "rb");
    if (reading.stream == NULL) {
        return open_status();
    }
    if (!is_standard_input) {
        setvbuf(reading.stream, NULL, _IONBF, 0);
    }
    int status = read_all(&reading, ret_end);
    if (!is_standard_input) {
        fclose(reading.stream);
    }
    return status;
}

int spipe_capture_read_memory(const void *bytes, size_t len, spipe_capture_callback callback, void *user,
                              struct spipe_capture_end *ret_end)
{
    struct reading reading = {.bytes = bytes, .left = len, .callback = callback, .user = user};
    return read_all(&reading, ret_end);
}

int spipe_capture_load_file(const char *path, struct spipe_store *store, struct spipe_capture_end *ret_end)
{
    int status = spipe_capture_read_file(path, load_item, store, ret_end);
    spipe_store_end_session(store);
    return status;
}

int spipe_capture_load_memory(const void *bytes, size_t len, struct spipe_store *store,
                              struct spipe_capture_end *ret_end)
{
    int status = spipe_capture_read_memory(bytes, len, load_item, store, ret_end);
    spipe_store_end_session(store);
    return status;
}

const char *spipe_capture_reason_name(enum spipe_capture_reason reason)
{
    switch (reason) {
    case SPIPE_CAPTURE_ENDED:
        return "goodbye";
    case SPIPE_CAPTURE_CUT:
        return "cut";
    case SPIPE_CAPTURE_DAMAGED:
        return "damaged";
    case SPIPE_CAPTURE_STOPPED:
        return "stopped";
    }
    return "unknown";
}
