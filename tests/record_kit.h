/* SPDX-License-Identifier: MIT */
/*
 * Records for tests: made at random from a seed, compared field by field, and bytes put together by hand.
 */
#ifndef SPIPE_TESTS_RECORD_KIT_H
#define SPIPE_TESTS_RECORD_KIT_H

#include "protocol/arena.h"
#include "protocol/encode.h"
#include "protocol/record.h"

/* A generator of numbers: the same seed gives the same numbers everywhere. The seed must not be 0. */
struct record_kit_random {
    uint64_t state;
};

uint64_t record_kit_next(struct record_kit_random *random);

/* Makes a valid record of a kind from SPIPE_RECORD_REFUSAL to SPIPE_RECORD_GOODBYE. What it points to lies in the
 * arena. */
struct spipe_record record_kit_record(struct record_kit_random *random, enum spipe_record_kind kind,
                                      struct spipe_arena *arena);

/* Makes a configuration, or a command with the action. */
struct spipe_host_record record_kit_configuration(struct record_kit_random *random, struct spipe_arena *arena);
struct spipe_host_record record_kit_command(struct record_kit_random *random, enum spipe_action action,
                                            struct spipe_arena *arena);

/* Fail the test when any field differs. */
void record_kit_assert_equal(const struct spipe_record *a, const struct spipe_record *b);
void record_kit_assert_host_equal(const struct spipe_host_record *a, const struct spipe_host_record *b);

/* Bytes by hand, for what the encoder would never write. */
void record_kit_put(struct spipe_buffer *buffer, const void *bytes, size_t len);
void record_kit_put_varint(struct spipe_buffer *buffer, uint64_t value);
/* A varint field. */
void record_kit_put_number(struct spipe_buffer *buffer, uint32_t field, uint64_t value);
/* A field with a length: a text, bytes, a message or a packed column. */
void record_kit_put_block(struct spipe_buffer *buffer, uint32_t field, const void *bytes, size_t len);
void record_kit_put_column(struct spipe_buffer *buffer, uint32_t field, const uint32_t *column, size_t count);

#endif
