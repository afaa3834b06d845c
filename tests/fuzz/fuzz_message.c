/* SPDX-License-Identifier: MIT */
/* Any bytes as a stream: the messages that come out do not depend on the pieces that it came in. */
#include "protocol/message.h"
#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT 300u
#define CAPACITY (LIMIT + 10u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a reader made of a stream. */
struct outcome {
    int status;
    uint64_t offset;
    uint64_t messages;
    uint64_t sessions;
    uint64_t digest;
    bool is_cut;
};

static uint64_t mix(uint64_t digest, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001B3);
    }
    return digest;
}

/* Takes all that can be taken. */
static void take(struct spipe_message_reader *reader, struct outcome *outcome)
{
    for (;;) {
        struct spipe_bytes message = {NULL, 0};
        uint8_t major = 0;
        if (spipe_message_reader_at_preface(reader)) {
            outcome->sessions++;
            spipe_message_reader_preface(reader, &major);
            continue;
        }
        outcome->status = spipe_message_reader_next(reader, &message);
        if (outcome->status != SPIPE_OK) {
            return;
        }
        if (message.len > LIMIT) {
            abort();
        }
        outcome->messages++;
        outcome->digest = mix(outcome->digest, message.data, message.len);
    }
}

static struct outcome read_stream(const uint8_t *data, size_t size, size_t piece)
{
    struct outcome outcome = {0};
    struct spipe_message_reader reader;
    uint8_t *memory = malloc(CAPACITY);
    spipe_message_reader_init(&reader, memory, CAPACITY, LIMIT);
    outcome.status = SPIPE_E_AGAIN;
    for (size_t fed = 0; fed < size && outcome.status == SPIPE_E_AGAIN;) {
        size_t room = 0;
        void *space = spipe_message_reader_space(&reader, &room);
        size_t len = piece < room ? piece : room;
        len = len < size - fed ? len : size - fed;
        if (len == 0) {
            abort();
        }
        memcpy(space, data + fed, len);
        spipe_message_reader_fed(&reader, len);
        fed += len;
        take(&reader, &outcome);
    }
    outcome.offset = reader.offset;
    outcome.is_cut = spipe_message_reader_is_cut(&reader);
    free(memory);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct outcome whole = read_stream(data + 1, size - 1, CAPACITY);
    struct outcome pieces = read_stream(data + 1, size - 1, 1u + data[0] % 40u);
    if (whole.status != pieces.status || whole.offset != pieces.offset || whole.messages != pieces.messages ||
        whole.sessions != pieces.sessions || whole.digest != pieces.digest || whole.is_cut != pieces.is_cut) {
        abort();
    }
    return 0;
}
