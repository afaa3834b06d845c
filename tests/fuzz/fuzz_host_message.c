/* SPDX-License-Identifier: MIT */
/* Any bytes as a host's message, as an agent meets them: what decodes can be encoded, and then comes back the same. */
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (SPIPE_HOST_MESSAGE_MAX + 16u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(struct spipe_bytes message, void **ret_memory, struct spipe_host_record *ret_record)
{
    struct spipe_arena arena;
    size_t capacity = SPIPE_DECODE_ARENA_FOR(message.len);
    *ret_memory = malloc(capacity);
    spipe_arena_init(&arena, *ret_memory, capacity);
    return spipe_decode_host_record(message, &arena, ret_record);
}

static size_t encode(const struct spipe_host_record *record, uint8_t *bytes)
{
    static _Alignas(max_align_t) unsigned char memory[SPIPE_HOST_MESSAGE_MAX * 2];
    struct spipe_arena scratch;
    struct spipe_buffer buffer = {bytes, 0, BUFFER_SIZE};
    spipe_arena_init(&scratch, memory, sizeof(memory));
    return spipe_encode_host_record(record, &scratch, &buffer) == SPIPE_OK ? buffer.len : 0;
}

static struct spipe_bytes strip(const uint8_t *bytes, size_t len)
{
    size_t prefix = 1;
    while ((bytes[prefix - 1] & 0x80) != 0) {
        prefix++;
    }
    return (struct spipe_bytes){bytes + prefix, len - prefix};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[BUFFER_SIZE];
    static uint8_t second[BUFFER_SIZE];
    struct spipe_host_record record;
    size_t len = 0;
    void *memory = NULL;
    void *again = NULL;
    if (size <= SPIPE_HOST_MESSAGE_MAX && decode((struct spipe_bytes){data, size}, &memory, &record) == SPIPE_OK) {
        len = encode(&record, first);
    }
    if (len > 0) {
        if (decode(strip(first, len), &again, &record) != SPIPE_OK || encode(&record, second) != len ||
            memcmp(first, second, len) != 0) {
            abort();
        }
    }
    free(again);
    free(memory);
    return 0;
}
