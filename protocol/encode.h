/* SPDX-License-Identifier: MIT */
/*
 * Records to bytes: each call appends one whole message, its length as a varint first.
 *
 * No memory is allocated: temporary structs come from the caller's scratch arena, which each call resets. Usable on
 * agent threads (calls memcpy, memset and strlen, nothing else of libc).
 */
#ifndef SPIPE_PROTOCOL_ENCODE_H
#define SPIPE_PROTOCOL_ENCODE_H

#include "arena.h"
#include "record.h"

/* How much scratch arena a record with `count` images, threads, ledgers, methods or strings needs; columns need none,
 * and a text only when it is no well-formed UTF-8: then a copy is made in which `?` stands for each byte that is
 * not. */
#define SPIPE_ENCODE_SCRATCH_FOR(count) ((size_t)(count) * 160u + 1024u)

/* Bytes being gathered. The memory is the caller's. */
struct spipe_buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

/* Appends the record as an AgentMessage. Returns SPIPE_E_NO_ROOM, with the buffer as it was, when it does not fit;
 * SPIPE_E_LIMIT when it would exceed SPIPE_AGENT_MESSAGE_MAX; SPIPE_E_NO_MEMORY when the scratch arena is too small;
 * SPIPE_E_ARGUMENT for a kind that cannot be encoded. */
int spipe_encode_record(const struct spipe_record *record, struct spipe_arena *scratch, struct spipe_buffer *buffer);

/* The same for a HostMessage, with SPIPE_HOST_MESSAGE_MAX. */
int spipe_encode_host_record(const struct spipe_host_record *record, struct spipe_arena *scratch,
                             struct spipe_buffer *buffer);

#endif
