/* SPDX-License-Identifier: MIT */
/* Any bytes as an agent's message: what decodes can be encoded, and then comes back the same for ever. */
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_SIZE (32u << 20)
#define BUFFER_SIZE (SPIPE_AGENT_MESSAGE_MAX + 16u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t first_bytes[BUFFER_SIZE];
static uint8_t second_bytes[BUFFER_SIZE];

/* Decodes with an arena of exactly the size that the header names, so that a byte too much is seen. */
static int decode(struct spipe_bytes message, void **ret_memory, struct spipe_record *ret_record)
{
    struct spipe_arena arena;
    size_t capacity = SPIPE_DECODE_ARENA_FOR(message.len);
    *ret_memory = malloc(capacity);
    spipe_arena_init(&arena, *ret_memory, capacity);
    return spipe_decode_record(message, &arena, ret_record);
}

static int encode(const struct spipe_record *record, uint8_t *bytes, struct spipe_bytes *ret_message)
{
    static _Alignas(max_align_t) unsigned char memory[SCRATCH_SIZE];
    struct spipe_arena scratch;
    struct spipe_buffer buffer = {bytes, 0, BUFFER_SIZE};
    uint8_t prefix[10];
    spipe_arena_init(&scratch, memory, sizeof(memory));
    int status = spipe_encode_record(record, &scratch, &buffer);
    if (status != SPIPE_OK) {
        return status;
    }
    /* The message's length is what is left behind a prefix of its own length. */
    size_t prefix_len = 1;
    while (spipe_varint_write(buffer.len - prefix_len, prefix) != prefix_len) {
        prefix_len++;
    }
    *ret_message = (struct spipe_bytes){bytes + prefix_len, buffer.len - prefix_len};
    return SPIPE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spipe_record record;
    struct spipe_bytes first = {NULL, 0};
    struct spipe_bytes second = {NULL, 0};
    void *memory = NULL;
    void *again = NULL;
    if (size <= SPIPE_AGENT_MESSAGE_MAX && decode((struct spipe_bytes){data, size}, &memory, &record) == SPIPE_OK &&
        record.kind != SPIPE_RECORD_UNKNOWN && encode(&record, first_bytes, &first) == SPIPE_OK) {
        if (decode(first, &again, &record) != SPIPE_OK || encode(&record, second_bytes, &second) != SPIPE_OK ||
            first.len != second.len || memcmp(first.data, second.data, first.len) != 0) {
            abort();
        }
    }
    free(again);
    free(memory);
    return 0;
}
