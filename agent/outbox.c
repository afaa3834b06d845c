/* SPDX-License-Identifier: MIT */
#include "outbox.h"

#include "pages.h"
#include "protocol/encode.h"
#include "protocol/status.h"

#include <string.h>

#define SCRATCH_SIZE (512u * 1024u)
#define MESSAGE_SIZE (SPIPE_AGENT_MESSAGE_MAX + 16u)

struct spipe_outbox {
    size_t capacity;
    uint64_t put;           /* bytes ever put in */
    uint64_t taken;         /* bytes ever written */
    struct spipe_arena scratch;
    uint8_t scratch_memory[SCRATCH_SIZE];
    uint8_t message[MESSAGE_SIZE];
    uint8_t bytes[];        /* a circle of `capacity` */
};

struct spipe_outbox *spipe_outbox_new(size_t capacity)
{
    struct spipe_outbox *outbox = spipe_pages_new(sizeof *outbox + capacity);
    if (outbox == NULL)
        return NULL;
    outbox->capacity = capacity;
    spipe_arena_init(&outbox->scratch, outbox->scratch_memory, sizeof outbox->scratch_memory);
    return outbox;
}

void spipe_outbox_free(struct spipe_outbox *outbox)
{
    if (outbox != NULL)
        spipe_pages_free(outbox, sizeof *outbox + outbox->capacity);
}

size_t spipe_outbox_fill(const struct spipe_outbox *outbox)
{
    return (size_t)(outbox->put - outbox->taken);
}

size_t spipe_outbox_room(const struct spipe_outbox *outbox)
{
    return outbox->capacity - spipe_outbox_fill(outbox);
}

uint64_t spipe_outbox_sent(const struct spipe_outbox *outbox)
{
    return outbox->taken;
}

int spipe_outbox_put(struct spipe_outbox *outbox, const void *bytes, size_t len)
{
    if (len > spipe_outbox_room(outbox))
        return SPIPE_E_NO_ROOM;
    size_t at = (size_t)(outbox->put % outbox->capacity);
    size_t first = outbox->capacity - at;
    if (first > len)
        first = len;
    memcpy(outbox->bytes + at, bytes, first);
    memcpy(outbox->bytes, (const uint8_t *)bytes + first, len - first);
    outbox->put += len;
    return 0;
}

int spipe_outbox_put_record(struct spipe_outbox *outbox, const struct spipe_record *record)
{
    struct spipe_buffer buffer = {outbox->message, 0, sizeof outbox->message};
    int status = spipe_encode_record(record, &outbox->scratch, &buffer);
    if (status < 0)
        return status;
    return spipe_outbox_put(outbox, buffer.data, buffer.len);
}

int spipe_outbox_write(struct spipe_outbox *outbox, struct spipe_pipe *pipe)
{
    while (spipe_outbox_fill(outbox) > 0) {
        size_t at = (size_t)(outbox->taken % outbox->capacity);
        size_t len = outbox->capacity - at;
        size_t written = 0;
        if (len > spipe_outbox_fill(outbox))
            len = spipe_outbox_fill(outbox);
        int status = spipe_pipe_write(pipe, outbox->bytes + at, len, &written);
        if (status == SPIPE_E_AGAIN)
            return 0;
        if (status < 0)
            return status;
        outbox->taken += written;
    }
    return 0;
}
