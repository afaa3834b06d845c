/* SPDX-License-Identifier: MIT */
#include "message.h"

#include "status.h"

#include <string.h>

#define VARINT_MAX 10u
#define MAGIC_LEN (SPIPE_PREFACE_LEN - 1u)   /* the preface without its version */

static size_t waiting(const struct spipe_message_reader *reader)
{
    return reader->end - reader->start;
}

static void take(struct spipe_message_reader *reader, size_t len)
{
    reader->start += len;
    reader->offset += len;
}

static int fail(struct spipe_message_reader *reader, int status)
{
    reader->status = status;
    return status;
}

/* Reads the length that the next message begins with. It is compared with the limit after every byte, so that a length
 * over the limit is known before all its bytes have come. */
static int read_length(const struct spipe_message_reader *reader, size_t *ret_length, size_t *ret_prefix)
{
    const uint8_t *bytes = reader->memory + reader->start;
    size_t available = waiting(reader);
    uint64_t length = 0;
    for (size_t i = 0; i < available && i < VARINT_MAX; i++) {
        if (i == VARINT_MAX - 1 && bytes[i] > 1) {
            return SPIPE_E_FORMAT;
        }
        length |= (uint64_t)(bytes[i] & 0x7f) << (7 * i);
        if (length > reader->message_max) {
            return SPIPE_E_LIMIT;
        }
        if ((bytes[i] & 0x80) == 0) {
            *ret_length = (size_t)length;
            *ret_prefix = i + 1;
            return SPIPE_OK;
        }
    }
    return SPIPE_E_AGAIN;
}

void spipe_message_reader_init(struct spipe_message_reader *reader, void *memory, size_t capacity, size_t message_max)
{
    *reader = (struct spipe_message_reader){.memory = memory, .capacity = capacity, .message_max = message_max};
}

void *spipe_message_reader_space(struct spipe_message_reader *reader, size_t *ret_len)
{
    if (reader->start > 0) {
        memmove(reader->memory, reader->memory + reader->start, waiting(reader));
        reader->end -= reader->start;
        reader->start = 0;
    }
    *ret_len = reader->capacity - reader->end;
    return reader->memory + reader->end;
}

void spipe_message_reader_fed(struct spipe_message_reader *reader, size_t len)
{
    size_t room = reader->capacity - reader->end;
    reader->end += len < room ? len : room;
}

int spipe_message_reader_preface(struct spipe_message_reader *reader, uint8_t *ret_major)
{
    const uint8_t *bytes = reader->memory + reader->start;
    size_t available = waiting(reader);
    if (reader->status != SPIPE_OK) {
        return reader->status;
    }
    if (memcmp(bytes, spipe_preface, available < MAGIC_LEN ? available : MAGIC_LEN) != 0) {
        return fail(reader, SPIPE_E_FORMAT);
    }
    if (available < SPIPE_PREFACE_LEN) {
        return SPIPE_E_AGAIN;
    }
    *ret_major = bytes[MAGIC_LEN];
    take(reader, SPIPE_PREFACE_LEN);
    return *ret_major == SPIPE_PROTOCOL_MAJOR ? SPIPE_OK : SPIPE_E_VERSION;
}

bool spipe_message_reader_at_preface(const struct spipe_message_reader *reader)
{
    const uint8_t *bytes = reader->memory + reader->start;
    return waiting(reader) >= SPIPE_PREFACE_LEN && memcmp(bytes, spipe_preface, MAGIC_LEN) == 0;
}

int spipe_message_reader_next(struct spipe_message_reader *reader, struct spipe_bytes *ret_message)
{
    size_t length = 0;
    size_t prefix = 0;
    if (reader->status != SPIPE_OK) {
        return reader->status;
    }
    int status = read_length(reader, &length, &prefix);
    if (status != SPIPE_OK) {
        return status == SPIPE_E_AGAIN ? status : fail(reader, status);
    }
    if (length > waiting(reader) - prefix) {
        return SPIPE_E_AGAIN;
    }
    *ret_message = (struct spipe_bytes){reader->memory + reader->start + prefix, length};
    take(reader, prefix + length);
    return SPIPE_OK;
}

bool spipe_message_reader_is_cut(const struct spipe_message_reader *reader)
{
    return waiting(reader) > 0;
}

size_t spipe_varint_write(uint64_t value, uint8_t *bytes)
{
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    return len;
}
