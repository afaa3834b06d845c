/* SPDX-License-Identifier: MIT */
/*
 * Cuts a byte stream into messages, whatever the chunks it arrives in.
 *
 * Feed what was read, then take messages until SPIPE_E_AGAIN. The preface must have been taken off before, with
 * spipe_message_reader_preface(). The reader's memory is the caller's and bounds the largest message; a longer one is
 * SPIPE_E_LIMIT before anything is stored. After an error other than SPIPE_E_AGAIN the reader stays in that error.
 * Calls memcpy and memmove, nothing else of libc. Not for several threads at once.
 */
#ifndef SPIPE_PROTOCOL_MESSAGE_H
#define SPIPE_PROTOCOL_MESSAGE_H

#include "record.h"

struct spipe_message_reader {
    uint8_t *memory;            /* the caller's */
    size_t capacity;
    size_t start;               /* of what was not taken yet */
    size_t end;
    size_t message_max;
    uint64_t offset;            /* bytes of the stream taken so far, preface included: where the next message begins */
    int status;
};

/* `capacity` must be at least `message_max` + 10. */
void spipe_message_reader_init(struct spipe_message_reader *reader, void *memory, size_t capacity, size_t message_max);

/* Where the next bytes may be read to, and how many fit. Moves what was not taken yet; earlier messages are no longer
 * valid. Never empty unless a whole message waits to be taken. */
void *spipe_message_reader_space(struct spipe_message_reader *reader, size_t *ret_len);

/* Says that `len` bytes were put there. */
void spipe_message_reader_fed(struct spipe_message_reader *reader, size_t len);

/* Takes the preface. SPIPE_E_AGAIN: more bytes are needed. SPIPE_E_VERSION: "STKPIPE" and another major, put into
 * `ret_major`; the stream goes on with messages. SPIPE_E_FORMAT: something else. */
int spipe_message_reader_preface(struct spipe_message_reader *reader, uint8_t *ret_major);

/* True when the next bytes are a preface, where a message could stand too: no message begins like it (its length would
 * be 83 and its first field a group, which does not exist). This is how one capture holds several sessions. */
bool spipe_message_reader_at_preface(const struct spipe_message_reader *reader);

/* Takes the next message, without its length. It stays valid until the next call of spipe_message_reader_space().
 * SPIPE_E_AGAIN: it is not complete yet. SPIPE_E_LIMIT: it is over the limit. SPIPE_E_FORMAT: the length is no
 * varint. */
int spipe_message_reader_next(struct spipe_message_reader *reader, struct spipe_bytes *ret_message);

/* After the input's end: true when it ended in the middle of a message. */
bool spipe_message_reader_is_cut(const struct spipe_message_reader *reader);

/* Writes the varint of `value` to `bytes` (room for 10) and returns its length. */
size_t spipe_varint_write(uint64_t value, uint8_t *bytes);

#endif
