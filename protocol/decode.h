/* SPDX-License-Identifier: MIT */
/*
 * Bytes to records. Input is not trusted.
 *
 * A message is given without its length prefix. At most SPIPE_DECODE_ARENA_FOR(its length) is taken from the arena,
 * which each call resets; a message that needs more is refused with SPIPE_E_LIMIT. Columns whose lengths disagree, and
 * ids or lengths that cannot be, give SPIPE_E_FORMAT. A kind that is not known is no error: the record's kind is then
 * SPIPE_RECORD_UNKNOWN.
 */
#ifndef SPIPE_PROTOCOL_DECODE_H
#define SPIPE_PROTOCOL_DECODE_H

#include "arena.h"
#include "record.h"

/* How much arena a message of `message_len` bytes may need; an arena of this capacity never makes decoding fail early.
 * What agents send stays below it: a column needs 4 bytes for each, and the ledger of a thread that hardly ran 200
 * bytes for 7. */
#define SPIPE_DECODE_ARENA_FOR(message_len) ((size_t)(message_len) * 32u + 4096u)

/* Decodes an AgentMessage. What the record points to lies in the arena or in `message`; it is valid until either
 * goes. */
int spipe_decode_record(struct spipe_bytes message, struct spipe_arena *arena, struct spipe_record *ret_record);

/* Decodes a HostMessage. */
int spipe_decode_host_record(struct spipe_bytes message, struct spipe_arena *arena,
                             struct spipe_host_record *ret_record);

#endif
