/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/session.h"

#include "protocol/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read at one go, so that one talkative agent does not keep the others waiting. */
#define READS_AT_ONCE 8
#define PREFIX_MAX    10u
#define WINDOW_EXTRA  (64u * 1024u)

/* ----------------------------------------------------------------------------------------------------------------
 * output */

static size_t waiting_output(const struct spipe_connection *connection)
{
    return connection->output.len - connection->output_start;
}

static void wait_for_events(struct spipe_connection *connection)
{
    struct spipe_host_loop *loop = &connection->context->loop;
    bool has_output = waiting_output(connection) > 0 && !connection->cannot_write;
    uint32_t write_events = has_output ? SPIPE_HOST_LOOP_WRITABLE : 0;
    int status;
    if (connection->pipe.read_handle == connection->pipe.write_handle) {
        status = spipe_host_loop_set(loop, &connection->read_watch, SPIPE_HOST_LOOP_READABLE | write_events);
    } else {
        status = spipe_host_loop_set(loop, &connection->read_watch, SPIPE_HOST_LOOP_READABLE);
        status = status != 0 ? status : spipe_host_loop_set(loop, &connection->write_watch, write_events);
    }
    if (status != SPIPE_OK) {
        spipe_session_end(connection, SPIPE_HOST_END_CLOSED, status, spipe_status_message(status));
    }
}

/* An agent that does not read any more may still have much to say: only the output ends. */
static void stop_writing(struct spipe_connection *connection)
{
    connection->cannot_write = true;
    connection->output_start = 0;
    connection->output.len = 0;
}

static void write_output(struct spipe_connection *connection)
{
    while (waiting_output(connection) > 0 && !connection->cannot_write) {
        size_t written = 0;
        int status = spipe_pipe_write(&connection->pipe, connection->output.data + connection->output_start,
                                      waiting_output(connection), &written);
        if (status == SPIPE_E_AGAIN || (status == SPIPE_OK && written == 0)) {
            break;
        }
        if (status != SPIPE_OK) {
            stop_writing(connection);
        }
        connection->output_start += written;
    }
    if (waiting_output(connection) == 0) {
        connection->output_start = 0;
        connection->output.len = 0;
    }
    wait_for_events(connection);
}

static void make_room(struct spipe_connection *connection)
{
    memmove(connection->output.data, connection->output.data + connection->output_start, waiting_output(connection));
    connection->output.len -= connection->output_start;
    connection->output_start = 0;
}

static int put_record(struct spipe_connection *connection, const struct spipe_host_record *record)
{
    if (connection->is_over || connection->cannot_write) {
        return SPIPE_E_CLOSED;
    }
    _Alignas(16) uint8_t scratch[8192];
    struct spipe_arena arena;
    spipe_arena_init(&arena, scratch, sizeof scratch);
    make_room(connection);
    int status = spipe_encode_host_record(record, &arena, &connection->output);
    if (status == SPIPE_OK) {
        write_output(connection);
    }
    return status;
}

/* -----------------------------------------------------------------------------------------------------------------
 * input */

static void give_bytes(struct spipe_connection *connection, struct spipe_bytes raw)
{
    connection->bytes += raw.len;
    if (connection->context->callbacks.bytes != NULL) {
        connection->context->callbacks.bytes(connection->context->user, connection, raw);
    }
}

static void end_for_protocol(struct spipe_connection *connection, int status, const char *what)
{
    char text[sizeof connection->text];
    snprintf(text, sizeof text, "%s at byte %llu: %s", what, (unsigned long long)connection->reader.offset,
             spipe_status_message(status));
    spipe_session_end(connection, status == SPIPE_E_LIMIT ? SPIPE_HOST_END_LIMIT : SPIPE_HOST_END_PROTOCOL, status,
                      text);
}

/* True when a whole preface was taken. */
static bool take_preface(struct spipe_connection *connection)
{
    uint8_t major = 0;
    int status = spipe_message_reader_preface(&connection->reader, &major);
    if (status == SPIPE_E_AGAIN) {
        return false;
    }
    if (status != SPIPE_OK && status != SPIPE_E_VERSION) {
        end_for_protocol(connection, status, "this is no agent");
        return false;
    }
    connection->has_preface = true;
    connection->is_other_major = status == SPIPE_E_VERSION;
    give_bytes(connection,
               (struct spipe_bytes){connection->reader.memory + connection->reader.start - SPIPE_PREFACE_LEN,
                                    SPIPE_PREFACE_LEN});
    return true;
}

/* Whether the record may come at this point; ends the connection when not. */
static bool is_in_place(struct spipe_connection *connection, const struct spipe_record *record)
{
    bool is_first = !connection->has_hello;
    if (connection->is_other_major && record->kind != SPIPE_RECORD_REFUSAL) {
        end_for_protocol(connection, SPIPE_E_VERSION, "another major version goes on");
        return false;
    }
    if (is_first && record->kind != SPIPE_RECORD_HELLO && record->kind != SPIPE_RECORD_REFUSAL) {
        end_for_protocol(connection, SPIPE_E_FORMAT, "the first message is no hello");
        return false;
    }
    connection->has_hello = true;
    if (record->kind == SPIPE_RECORD_UNKNOWN &&
        ++connection->unknown_count > connection->context->options.unknown_max) {
        spipe_session_end(connection, SPIPE_HOST_END_LIMIT, SPIPE_E_LIMIT, "too many messages of unknown kinds");
        return false;
    }
    return true;
}

/* The agent's last words end the session: the host closes as soon as it has them. */
static void note_last_words(struct spipe_connection *connection, const struct spipe_record *record)
{
    if (record->kind == SPIPE_RECORD_GOODBYE) {
        connection->end.goodbye = record->goodbye.reason;
        spipe_session_end(connection, SPIPE_HOST_END_GOODBYE, SPIPE_OK, record->goodbye.text);
    } else if (record->kind == SPIPE_RECORD_REFUSAL) {
        spipe_session_end(connection, SPIPE_HOST_END_REFUSED, SPIPE_E_UNSUPPORTED, record->refusal.text);
    }
}

static void take_message(struct spipe_connection *connection, struct spipe_bytes message, size_t raw_len)
{
    struct spipe_session_context *context = connection->context;
    struct spipe_record record;
    uint64_t max = context->options.session_bytes_max;
    int status = spipe_decode_record(message, &context->arena, &record);
    if (status != SPIPE_OK) {
        end_for_protocol(connection, status, "damaged message");
        return;
    }
    if (max != 0 && connection->bytes + raw_len > max) {
        spipe_session_end(connection, SPIPE_HOST_END_LIMIT, SPIPE_E_LIMIT, "the session is longer than allowed");
        return;
    }
    if (!is_in_place(connection, &record)) {
        return;
    }
    give_bytes(connection, (struct spipe_bytes){message.data + message.len - raw_len, raw_len});
    if (!connection->is_over && context->callbacks.record != NULL) {
        context->callbacks.record(context->user, connection, &record, raw_len);
    }
    note_last_words(connection, &record);
}

static void take_messages(struct spipe_connection *connection)
{
    if (!connection->has_preface && !take_preface(connection)) {
        return;
    }
    while (!connection->is_over) {
        struct spipe_bytes message = {NULL, 0};
        uint64_t offset = connection->reader.offset;
        int status = spipe_message_reader_next(&connection->reader, &message);
        if (status == SPIPE_E_AGAIN) {
            return;
        }
        if (status != SPIPE_OK) {
            end_for_protocol(connection, status, "no message");
            return;
        }
        take_message(connection, message, (size_t)(connection->reader.offset - offset));
    }
}

static void end_for_input(struct spipe_connection *connection, int status)
{
    const char *text = spipe_message_reader_is_cut(&connection->reader) ? "it ended in the middle of a message"
                       : connection->has_hello                          ? "it ended without a goodbye"
                                                                        : "it ended before a hello";
    spipe_session_end(connection, SPIPE_HOST_END_CUT, status == SPIPE_E_END ? SPIPE_OK : status, text);
}

static void read_input(struct spipe_connection *connection)
{
    for (int i = 0; i < READS_AT_ONCE && !connection->is_over; i++) {
        size_t room = 0;
        size_t len = 0;
        void *space = spipe_message_reader_space(&connection->reader, &room);
        int status = spipe_pipe_read(&connection->pipe, space, room, &len);
        if (status == SPIPE_E_AGAIN) {
            return;
        }
        if (status != SPIPE_OK) {
            end_for_input(connection, status);
            return;
        }
        spipe_message_reader_fed(&connection->reader, len);
        take_messages(connection);
    }
}

/* ------------------------------------------------------------------------------------------------------------------
 * life */

static void free_memory(struct spipe_connection *connection)
{
    free(connection->input);
    free(connection->output.data);
    free(connection);
}

int spipe_session_new(struct spipe_session_context *context, struct spipe_pipe *pipe, uint64_t number,
                      struct spipe_connection **ret_connection)
{
    size_t input_len = context->options.message_max + PREFIX_MAX + WINDOW_EXTRA;
    struct spipe_connection *connection = calloc(1, sizeof *connection);
    uint8_t *input = malloc(input_len);
    uint8_t *output = malloc(context->options.output_max);
    if (connection == NULL || input == NULL || output == NULL) {
        free(connection);
        free(input);
        free(output);
        spipe_pipe_close(pipe);
        return SPIPE_E_NO_MEMORY;
    }
    connection->context = context;
    connection->number = number;
    connection->pipe = *pipe;
    connection->input = input;
    connection->output = (struct spipe_buffer){output, 0, context->options.output_max};
    connection->cannot_write = pipe->write_handle < 0;
    connection->read_watch = (struct spipe_host_watch){.handle = pipe->read_handle, .owner = connection};
    connection->write_watch = (struct spipe_host_watch){.handle = pipe->write_handle, .owner = connection};
    spipe_message_reader_init(&connection->reader, input, input_len, context->options.message_max);
    spipe_pipe_peer(&connection->pipe, &connection->peer);
    *ret_connection = connection;
    return SPIPE_OK;
}

void spipe_session_announce(struct spipe_connection *connection)
{
    struct spipe_session_context *context = connection->context;
    struct spipe_configuration configuration = {.token = ""};
    connection->is_announced = true;
    if (context->callbacks.connected != NULL) {
        context->callbacks.connected(context->user, connection, &connection->peer);
    }
    if (!connection->is_over && !connection->cannot_write && !connection->is_configured) {
        if (context->callbacks.configuration_wanted == NULL ||
            context->callbacks.configuration_wanted(context->user, connection, &configuration)) {
            int status = connection->is_over ? SPIPE_OK : spipe_connection_configure(connection, &configuration);
            if (status != SPIPE_OK && status != SPIPE_E_BUSY && status != SPIPE_E_CLOSED) {
                spipe_session_end(connection, SPIPE_HOST_END_CLOSED, status, "the configuration cannot be sent");
            }
        }
    }
    if (!connection->is_over) {
        wait_for_events(connection);
    }
}

void spipe_session_handle_ready(struct spipe_connection *connection, uint32_t events)
{
    if ((events & SPIPE_HOST_LOOP_WRITABLE) != 0 && !connection->is_over) {
        write_output(connection);
    }
    if ((events & SPIPE_HOST_LOOP_READABLE) != 0) {
        read_input(connection);
    }
}

void spipe_session_end(struct spipe_connection *connection, enum spipe_host_end_reason reason, int status,
                       const char *text)
{
    if (connection->is_over) {
        return;
    }
    connection->is_over = true;
    snprintf(connection->text, sizeof connection->text, "%s", text != NULL ? text : "");
    connection->end.reason = reason;
    connection->end.status = status;
}

void spipe_session_free(struct spipe_connection *connection)
{
    struct spipe_session_context *context = connection->context;
    spipe_host_loop_set(&context->loop, &connection->read_watch, 0);
    spipe_host_loop_set(&context->loop, &connection->write_watch, 0);
    spipe_pipe_close(&connection->pipe);
    connection->end.text = connection->text;
    connection->end.bytes = connection->bytes;
    if (connection->is_announced && context->callbacks.disconnected != NULL) {
        context->callbacks.disconnected(context->user, connection, &connection->end);
    }
    free_memory(connection);
}

int spipe_connection_configure(struct spipe_connection *connection, const struct spipe_configuration *configuration)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_CONFIGURATION, .configuration = *configuration};
    if (connection->is_configured) {
        return SPIPE_E_BUSY;
    }
    if (connection->is_over || connection->cannot_write) {
        return SPIPE_E_CLOSED;
    }
    if (record.configuration.token == NULL) {
        record.configuration.token = "";
    }
    memcpy(connection->output.data, spipe_preface, SPIPE_PREFACE_LEN);
    connection->output.len = SPIPE_PREFACE_LEN;
    int status = put_record(connection, &record);
    if (status != SPIPE_OK) {
        connection->output.len = 0;
        return status;
    }
    connection->is_configured = true;
    return SPIPE_OK;
}

int spipe_connection_command(struct spipe_connection *connection, const struct spipe_command *command,
                             uint32_t *ret_command_id)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_COMMAND, .command = *command};
    if (!connection->is_configured) {
        return connection->cannot_write || connection->is_over ? SPIPE_E_CLOSED : SPIPE_E_ARGUMENT;
    }
    record.command.command_id = connection->last_command_id + 1;
    record.command.text = command->text != NULL ? command->text : "";
    if (record.command.configure.token == NULL) {
        record.command.configure.token = "";
    }
    int status = put_record(connection, &record);
    if (status == SPIPE_OK) {
        connection->last_command_id++;
        if (ret_command_id != NULL) {
            *ret_command_id = connection->last_command_id;
        }
    }
    return status;
}

int spipe_connection_stop(struct spipe_connection *connection, const char *text)
{
    struct spipe_command command = {.action = SPIPE_ACTION_STOP, .text = text};
    return spipe_connection_command(connection, &command, NULL);
}

int spipe_connection_mark(struct spipe_connection *connection, const char *text)
{
    struct spipe_command command = {.action = SPIPE_ACTION_MARK, .text = text};
    return spipe_connection_command(connection, &command, NULL);
}

void spipe_connection_close(struct spipe_connection *connection, const char *text)
{
    spipe_session_end(connection, SPIPE_HOST_END_CLOSED, SPIPE_OK, text);
    spipe_host_loop_wake(&connection->context->loop);
}

uint64_t spipe_connection_number(const struct spipe_connection *connection)
{
    return connection->number;
}

const struct spipe_peer *spipe_connection_peer(const struct spipe_connection *connection)
{
    return &connection->peer;
}

void spipe_connection_set_data(struct spipe_connection *connection, void *data)
{
    connection->data = data;
}

void *spipe_connection_data(const struct spipe_connection *connection)
{
    return connection->data;
}
