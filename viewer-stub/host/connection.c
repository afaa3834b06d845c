/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/message.h"

#include <stdlib.h>
#include <string.h>

#define READS_AT_ONCE 16u
#define READER_SIZE (64u * 1024u)
#define SCRATCH_SIZE (64u * 1024u)
#define TEXT_MAX 256u

struct spipe_connection {
    const struct spipe_connection_rules *rules;
    struct spipe_connection *next;
    struct spipe_pipe pipe;
    struct spipe_peer peer;
    uint64_t number;
    void *data;

    struct spipe_message_reader reader;
    struct spipe_arena arena;
    void *reader_memory;
    void *arena_memory;
    bool has_preface;

    uint8_t *output;            /* of options.output_max bytes */
    size_t output_start;
    size_t output_end;
    bool is_configured;
    uint32_t last_command_id;

    uint64_t bytes;
    uint32_t unknown_count;
    bool is_over;
    struct spipe_host_end end;
    char end_text[TEXT_MAX];
};

/* The first reason counts. */
static void end_with(struct spipe_connection *connection, enum spipe_host_end_reason reason, int status, const char *text)
{
    if (connection->is_over)
        return;
    connection->is_over = true;
    connection->end.reason = reason;
    connection->end.status = status;
    if (text != NULL)
        strncpy(connection->end_text, text, TEXT_MAX - 1);
}

struct spipe_connection *spipe_connection_new(const struct spipe_connection_rules *rules, struct spipe_pipe *pipe,
                                              uint64_t number)
{
    size_t reader_size = rules->options.message_max + READER_SIZE;
    struct spipe_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        goto fail;
    connection->reader_memory = malloc(reader_size);
    connection->arena_memory = malloc(SPIPE_DECODE_ARENA_FOR(rules->options.message_max));
    connection->output = malloc(rules->options.output_max);
    if (connection->reader_memory == NULL || connection->arena_memory == NULL || connection->output == NULL)
        goto fail;
    connection->rules = rules;
    connection->pipe = *pipe;
    connection->number = number;
    spipe_message_reader_init(&connection->reader, connection->reader_memory, reader_size, rules->options.message_max);
    spipe_arena_init(&connection->arena, connection->arena_memory, SPIPE_DECODE_ARENA_FOR(rules->options.message_max));
    (void)spipe_pipe_peer(&connection->pipe, &connection->peer);
    return connection;
fail:
    spipe_pipe_close(pipe);
    if (connection != NULL) {
        free(connection->reader_memory);
        free(connection->arena_memory);
        free(connection->output);
    }
    free(connection);
    return NULL;
}

void spipe_connection_begin(struct spipe_connection *connection)
{
    const struct spipe_host_callbacks *callbacks = &connection->rules->callbacks;
    struct spipe_configuration configuration = {.token = ""};
    if (callbacks->connected != NULL)
        callbacks->connected(connection->rules->user, connection, &connection->peer);
    if (connection->is_over)
        return;
    bool is_wanted = callbacks->configuration_wanted == NULL ||
                     callbacks->configuration_wanted(connection->rules->user, connection, &configuration);
    if (is_wanted && !connection->is_configured)
        (void)spipe_connection_configure(connection, &configuration);
}

/* ---------------------------------------------------------------------------------------------------------------- input */

static void give_bytes(struct spipe_connection *connection, const uint8_t *data, size_t len)
{
    const struct spipe_host_callbacks *callbacks = &connection->rules->callbacks;
    struct spipe_bytes raw = {data, len};
    connection->bytes += len;
    if (callbacks->bytes != NULL)
        callbacks->bytes(connection->rules->user, connection, raw);
}

static void take_preface(struct spipe_connection *connection)
{
    uint8_t major;
    int status = spipe_message_reader_preface(&connection->reader, &major);
    if (status == SPIPE_E_AGAIN)
        return;
    if (status == SPIPE_E_VERSION) {
        /* What follows is a Refusal, which is the same in every major version. */
        connection->has_preface = true;
        return;
    }
    if (status < 0) {
        end_with(connection, SPIPE_HOST_END_PROTOCOL, status, "what connected is no agent");
        return;
    }
    connection->has_preface = true;
    give_bytes(connection, spipe_preface, SPIPE_PREFACE_LEN);
}

/* The message with its length in front, where both were read to. Lengths are written in their shortest form, else this is no agent. */
static bool find_length(struct spipe_bytes message, struct spipe_bytes *ret_raw)
{
    uint8_t length[10];
    size_t length_len = spipe_varint_write(message.len, length);
    *ret_raw = (struct spipe_bytes){message.data - length_len, message.len + length_len};
    return memcmp(ret_raw->data, length, length_len) == 0;
}

static void note_end(struct spipe_connection *connection, const struct spipe_record *record)
{
    if (record->kind == SPIPE_RECORD_GOODBYE) {
        connection->end.goodbye = record->goodbye.reason;
        end_with(connection, SPIPE_HOST_END_GOODBYE, SPIPE_OK, record->goodbye.text);
    } else if (record->kind == SPIPE_RECORD_REFUSAL) {
        end_with(connection, SPIPE_HOST_END_REFUSED, SPIPE_OK, record->refusal.text);
    } else if (record->kind == SPIPE_RECORD_UNKNOWN && ++connection->unknown_count > connection->rules->options.unknown_max) {
        end_with(connection, SPIPE_HOST_END_LIMIT, SPIPE_E_LIMIT, "too many messages of unknown kinds");
    }
}

static void take_message(struct spipe_connection *connection, struct spipe_bytes message)
{
    const struct spipe_host_callbacks *callbacks = &connection->rules->callbacks;
    struct spipe_record record;
    struct spipe_bytes raw;
    uint64_t bytes_max = connection->rules->options.session_bytes_max;
    if (!find_length(message, &raw)) {
        end_with(connection, SPIPE_HOST_END_PROTOCOL, SPIPE_E_FORMAT, "a length is not in its shortest form");
        return;
    }
    if (bytes_max != 0 && connection->bytes + raw.len > bytes_max) {
        end_with(connection, SPIPE_HOST_END_LIMIT, SPIPE_E_LIMIT, "the agent sent more than a session may hold");
        return;
    }
    int status = spipe_decode_record(message, &connection->arena, &record);
    if (status < 0) {
        end_with(connection, SPIPE_HOST_END_PROTOCOL, status, spipe_status_message(status));
        return;
    }
    give_bytes(connection, raw.data, raw.len);
    if (callbacks->record != NULL && !connection->is_over)
        callbacks->record(connection->rules->user, connection, &record, raw.len);
    note_end(connection, &record);
}

static void take_messages(struct spipe_connection *connection)
{
    struct spipe_bytes message;
    if (!connection->has_preface)
        take_preface(connection);
    while (connection->has_preface && !connection->is_over) {
        int status = spipe_message_reader_next(&connection->reader, &message);
        if (status == SPIPE_E_AGAIN)
            return;
        if (status < 0)
            end_with(connection, status == SPIPE_E_LIMIT ? SPIPE_HOST_END_LIMIT : SPIPE_HOST_END_PROTOCOL, status,
                     spipe_status_message(status));
        else
            take_message(connection, message);
    }
}

void spipe_connection_read(struct spipe_connection *connection)
{
    for (unsigned i = 0; i < READS_AT_ONCE && !connection->is_over; i++) {
        size_t room;
        size_t len = 0;
        void *space = spipe_message_reader_space(&connection->reader, &room);
        int status = spipe_pipe_read(&connection->pipe, space, room, &len);
        if (status == SPIPE_E_AGAIN)
            return;
        if (status < 0) {
            end_with(connection, SPIPE_HOST_END_CUT, status, spipe_status_message(status));
            return;
        }
        spipe_message_reader_fed(&connection->reader, len);
        take_messages(connection);
        if (len < room / 2)
            return;
    }
}

/* --------------------------------------------------------------------------------------------------------------- output */

bool spipe_connection_has_output(const struct spipe_connection *connection)
{
    return connection->output_end > connection->output_start;
}

void spipe_connection_write(struct spipe_connection *connection)
{
    while (spipe_connection_has_output(connection)) {
        size_t written = 0;
        int status = spipe_pipe_write(&connection->pipe, connection->output + connection->output_start,
                                      connection->output_end - connection->output_start, &written);
        if (status == SPIPE_E_AGAIN)
            return;
        if (status < 0) {
            /* An agent that no longer listens may still have something to say: reading tells when it is over. */
            connection->output_start = connection->output_end;
            return;
        }
        connection->output_start += written;
    }
    connection->output_start = 0;
    connection->output_end = 0;
}

static int put_host_record(struct spipe_connection *connection, const struct spipe_host_record *record)
{
    struct spipe_arena scratch;
    _Alignas(16) unsigned char memory[SCRATCH_SIZE];
    struct spipe_buffer buffer = {connection->output, connection->output_end, connection->rules->options.output_max};
    if (connection->is_over || connection->pipe.write_handle < 0)
        return SPIPE_E_CLOSED;
    spipe_arena_init(&scratch, memory, sizeof memory);
    int status = spipe_encode_host_record(record, &scratch, &buffer);
    if (status < 0)
        return status;
    connection->output_end = buffer.len;
    spipe_connection_write(connection);
    return 0;
}

int spipe_connection_configure(struct spipe_connection *connection, const struct spipe_configuration *configuration)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_CONFIGURATION, .configuration = *configuration};
    if (connection->is_configured)
        return SPIPE_E_BUSY;
    if (connection->is_over || connection->pipe.write_handle < 0)
        return SPIPE_E_CLOSED;
    connection->is_configured = true;
    memcpy(connection->output, spipe_preface, SPIPE_PREFACE_LEN);
    connection->output_end = SPIPE_PREFACE_LEN;
    return put_host_record(connection, &record);
}

int spipe_connection_command(struct spipe_connection *connection, const struct spipe_command *command,
                             uint32_t *ret_command_id)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_COMMAND, .command = *command};
    if (!connection->is_configured)
        return SPIPE_E_BUSY;
    record.command.command_id = connection->last_command_id + 1;
    int status = put_host_record(connection, &record);
    if (status < 0)
        return status;
    connection->last_command_id++;
    if (ret_command_id != NULL)
        *ret_command_id = connection->last_command_id;
    return 0;
}

static int send_text_command(struct spipe_connection *connection, enum spipe_action action, const char *text)
{
    struct spipe_command command = {.action = action, .text = text == NULL ? "" : text};
    command.configure.token = "";
    return spipe_connection_command(connection, &command, NULL);
}

int spipe_connection_stop(struct spipe_connection *connection, const char *text)
{
    return send_text_command(connection, SPIPE_ACTION_STOP, text);
}

int spipe_connection_mark(struct spipe_connection *connection, const char *text)
{
    return send_text_command(connection, SPIPE_ACTION_MARK, text);
}

/* ------------------------------------------------------------------------------------------------------------------ end */

void spipe_connection_close(struct spipe_connection *connection, const char *text)
{
    end_with(connection, SPIPE_HOST_END_CLOSED, SPIPE_E_CANCELLED, text);
}

void spipe_connection_end(struct spipe_connection *connection)
{
    const struct spipe_host_callbacks *callbacks = &connection->rules->callbacks;
    end_with(connection, SPIPE_HOST_END_CLOSED, SPIPE_E_CANCELLED, "the host ends");
    connection->end.text = connection->end_text;
    connection->end.bytes = connection->bytes;
    if (callbacks->disconnected != NULL)
        callbacks->disconnected(connection->rules->user, connection, &connection->end);
    spipe_pipe_close(&connection->pipe);
    free(connection->reader_memory);
    free(connection->arena_memory);
    free(connection->output);
    free(connection);
}

bool spipe_connection_is_over(const struct spipe_connection *connection)
{
    return connection->is_over;
}

const struct spipe_pipe *spipe_connection_pipe(const struct spipe_connection *connection)
{
    return &connection->pipe;
}

struct spipe_connection *spipe_connection_next(const struct spipe_connection *connection)
{
    return connection->next;
}

void spipe_connection_set_next(struct spipe_connection *connection, struct spipe_connection *next)
{
    connection->next = next;
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
