/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/message.h"
#include "protocol/status.h"
#include "record_kit.h"

#define SIZE (1u << 20)
#define ARENA_SIZE SPIPE_DECODE_ARENA_FOR(SPIPE_AGENT_MESSAGE_MAX)

struct fixture {
    struct spipe_arena made;        /* of records that are encoded */
    struct spipe_arena scratch;
    struct spipe_arena arena;       /* of decoding */
    struct spipe_buffer kind;       /* the bytes of one kind, put together by hand */
    struct spipe_buffer message;
    struct spipe_record record;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    spipe_arena_init(&fixture->made, malloc(SIZE), SIZE);
    spipe_arena_init(&fixture->scratch, malloc(SIZE), SIZE);
    spipe_arena_init(&fixture->arena, malloc(ARENA_SIZE), ARENA_SIZE);
    fixture->kind = (struct spipe_buffer){malloc(SIZE), 0, SIZE};
    fixture->message = (struct spipe_buffer){malloc(SIZE), 0, SIZE};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->made.memory);
    free(fixture->scratch.memory);
    free(fixture->arena.memory);
    free(fixture->kind.data);
    free(fixture->message.data);
    free(fixture);
    return 0;
}

/* The single message of a buffer, without its length. */
static struct spipe_bytes strip(const struct spipe_buffer *buffer)
{
    size_t prefix = 1;
    while ((buffer->data[prefix - 1] & 0x80) != 0) {
        prefix++;
    }
    return (struct spipe_bytes){buffer->data + prefix, buffer->len - prefix};
}

static int decode(struct fixture *fixture, const struct spipe_buffer *message)
{
    return spipe_decode_record((struct spipe_bytes){message->data, message->len}, &fixture->arena, &fixture->record);
}

/* Decodes what stands in fixture->kind as a message of that kind, and empties it. */
static int decode_kind(struct fixture *fixture, enum spipe_record_kind kind)
{
    fixture->message.len = 0;
    record_kit_put_block(&fixture->message, (uint32_t)kind, fixture->kind.data, fixture->kind.len);
    fixture->kind.len = 0;
    return decode(fixture, &fixture->message);
}

/* ------------------------------------------------------------------------------------------------------ round trips */

static void test_every_record_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct record_kit_random random = {0x5EED};
    for (int round = 0; round < 3000; round++) {
        enum spipe_record_kind kind = (enum spipe_record_kind)(1 + round % SPIPE_RECORD_AUDITS);
        struct spipe_record decoded;
        spipe_arena_reset(&fixture->made);
        struct spipe_record made = record_kit_record(&random, kind, &fixture->made);
        fixture->message.len = 0;
        assert_int_equal(spipe_encode_record(&made, &fixture->scratch, &fixture->message), SPIPE_OK);
        assert_int_equal(spipe_decode_record(strip(&fixture->message), &fixture->arena, &decoded), SPIPE_OK);
        record_kit_assert_equal(&made, &decoded);
    }
}

static void test_every_host_record_comes_back_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct record_kit_random random = {0xC0FFEE};
    for (int round = 0; round < 1000; round++) {
        enum spipe_action action = (enum spipe_action)(1 + round % SPIPE_ACTION_STOP);
        struct spipe_host_record decoded;
        spipe_arena_reset(&fixture->made);
        struct spipe_host_record made = action < SPIPE_ACTION_CONFIGURE
                                            ? record_kit_configuration(&random, &fixture->made)
                                            : record_kit_command(&random, action, &fixture->made);
        fixture->message.len = 0;
        assert_int_equal(spipe_encode_host_record(&made, &fixture->scratch, &fixture->message), SPIPE_OK);
        assert_int_equal(spipe_decode_host_record(strip(&fixture->message), &fixture->arena, &decoded), SPIPE_OK);
        record_kit_assert_host_equal(&made, &decoded);
    }
}

static void test_an_empty_record_of_each_kind_comes_back_empty(void **state)
{
    struct fixture *fixture = *state;
    for (int kind = SPIPE_RECORD_REFUSAL; kind <= SPIPE_RECORD_AUDITS; kind++) {
        if (kind == SPIPE_RECORD_SAMPLES) {
            record_kit_put_number(&fixture->kind, 1, 1);
        }
        assert_int_equal(decode_kind(fixture, (enum spipe_record_kind)kind), SPIPE_OK);
        assert_int_equal(fixture->record.kind, kind);
    }
}

static void test_texts_that_were_not_given_are_empty_and_never_null(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_HELLO), SPIPE_OK);
    assert_string_equal(fixture->record.hello.executable, "");
    assert_string_equal(fixture->record.hello.cpu_model, "");
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_APPLIED), SPIPE_OK);
    assert_string_equal(fixture->record.applied.configuration.token, "");
}

/* ------------------------------------------------------------------------------------------------ what is not known */

static void test_an_unknown_kind_is_no_error(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_block(&fixture->message, 33, "whatever", 8);
    assert_int_equal(decode(fixture, &fixture->message), SPIPE_OK);
    assert_int_equal(fixture->record.kind, SPIPE_RECORD_UNKNOWN);
}

static void test_an_empty_message_is_of_an_unknown_kind(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode(fixture, &fixture->message), SPIPE_OK);
    assert_int_equal(fixture->record.kind, SPIPE_RECORD_UNKNOWN);
}

static void test_unknown_fields_are_stepped_over(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_number(&fixture->kind, 50, 7);
    record_kit_put_number(&fixture->kind, 1, SPIPE_GOODBYE_TIME_IS_UP);
    record_kit_put_block(&fixture->kind, 51, "new", 3);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_GOODBYE), SPIPE_OK);
    assert_int_equal(fixture->record.goodbye.reason, SPIPE_GOODBYE_TIME_IS_UP);
}

static void test_enumerators_of_later_versions_are_kept_as_numbers(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_number(&fixture->kind, 1, 77);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_GOODBYE), SPIPE_OK);
    assert_int_equal(fixture->record.goodbye.reason, 77);
}

static void test_of_several_kinds_in_one_message_the_last_counts(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_block(&fixture->message, SPIPE_RECORD_STACKS, "\x08\x01", 2);
    record_kit_put_block(&fixture->message, SPIPE_RECORD_GOODBYE, "\x08\x01", 2);
    record_kit_put_block(&fixture->message, SPIPE_RECORD_GOODBYE, "\x18\x05", 2);
    assert_int_equal(decode(fixture, &fixture->message), SPIPE_OK);
    assert_int_equal(fixture->record.kind, SPIPE_RECORD_GOODBYE);
    assert_int_equal(fixture->record.goodbye.samples_sent, 5);
    assert_int_equal(fixture->record.goodbye.reason, SPIPE_GOODBYE_UNKNOWN);
}

static void test_columns_may_come_unpacked(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_number(&fixture->kind, 1, 1);
    record_kit_put_number(&fixture->kind, 2, 0);
    record_kit_put_number(&fixture->kind, 3, 9);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_STACKS), SPIPE_OK);
    assert_int_equal(fixture->record.stacks.count, 1);
    assert_int_equal(fixture->record.stacks.frame_id[0], 9);
}

static void test_unknown_host_kinds_and_actions_are_no_error(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_host_record host;
    record_kit_put_block(&fixture->message, 9, "x", 1);
    struct spipe_bytes bytes = {fixture->message.data, fixture->message.len};
    assert_int_equal(spipe_decode_host_record(bytes, &fixture->arena, &host), SPIPE_OK);
    assert_int_equal(host.kind, SPIPE_HOST_RECORD_UNKNOWN);
    fixture->message.len = 0;
    record_kit_put_block(&fixture->message, 2, "\x08\x07\x6A\x00", 4);
    bytes.len = fixture->message.len;
    assert_int_equal(spipe_decode_host_record(bytes, &fixture->arena, &host), SPIPE_OK);
    assert_int_equal(host.kind, SPIPE_HOST_RECORD_COMMAND);
    assert_int_equal(host.command.command_id, 7);
    assert_int_equal(host.command.action, SPIPE_ACTION_NONE);
    assert_string_equal(host.command.text, "");
    assert_string_equal(host.command.configure.token, "");
}

/* ------------------------------------------------------------------------------------------------ what is malformed */

static void test_bytes_that_are_no_protobuf_are_malformed(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put(&fixture->message, "STKPIPE\x01", 8);
    assert_int_equal(decode(fixture, &fixture->message), SPIPE_E_FORMAT);
}

static void test_a_message_cut_within_a_field_is_malformed(void **state)
{
    struct fixture *fixture = *state;
    struct record_kit_random random = {99};
    struct spipe_record made = record_kit_record(&random, SPIPE_RECORD_HELLO, &fixture->made);
    assert_int_equal(spipe_encode_record(&made, &fixture->scratch, &fixture->message), SPIPE_OK);
    struct spipe_bytes bytes = strip(&fixture->message);
    for (bytes.len--; bytes.len > 0; bytes.len--) {
        assert_int_equal(spipe_decode_record(bytes, &fixture->arena, &fixture->record), SPIPE_E_FORMAT);
    }
}

static void test_a_refused_message_leaves_the_record_alone(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record before;
    memset(&fixture->record, 0x5A, sizeof(fixture->record));
    before = fixture->record;
    record_kit_put_number(&fixture->kind, 2, 0);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_STACKS), SPIPE_E_FORMAT);
    assert_memory_equal(&fixture->record, &before, sizeof(before));
}

/* Puts Samples of source 1 with the columns given; a count of 0 leaves a column out. */
static int decode_samples(struct fixture *fixture, const size_t *counts, const uint32_t *run_length)
{
    const uint32_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1};
    record_kit_put_number(&fixture->kind, 1, 1);
    for (uint32_t field = 3; field <= 8; field++) {
        if (counts[field - 3] > 0) {
            record_kit_put_column(&fixture->kind, field, field == 4 ? run_length : ones, counts[field - 3]);
        }
    }
    return decode_kind(fixture, SPIPE_RECORD_SAMPLES);
}

static void test_sample_columns_must_have_equal_lengths(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t runs[] = {1, 2};
    assert_int_equal(decode_samples(fixture, (const size_t[]){2, 2, 3, 3, 3, 3}, runs), SPIPE_OK);
    assert_int_equal(decode_samples(fixture, (const size_t[]){2, 2, 3, 3, 0, 0}, runs), SPIPE_OK);
    assert_null(fixture->record.samples.weight);
    assert_null(fixture->record.samples.state);
    const size_t wrong[][6] = {
        {1, 2, 3, 3, 3, 3}, {2, 1, 3, 3, 3, 3}, {0, 2, 3, 3, 3, 3}, {2, 2, 2, 3, 3, 3}, {2, 2, 3, 2, 3, 3},
        {2, 2, 3, 4, 3, 3}, {2, 2, 3, 3, 2, 3}, {2, 2, 3, 3, 3, 4}, {2, 2, 0, 3, 0, 0}, {2, 2, 3, 0, 0, 0},
        {0, 0, 3, 3, 3, 3}, {2, 2, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(decode_samples(fixture, wrong[i], runs), SPIPE_E_FORMAT);
    }
}

static void test_runs_must_cover_the_samples_exactly(void **state)
{
    struct fixture *fixture = *state;
    const size_t counts[] = {2, 2, 3, 3, 3, 3};
    assert_int_equal(decode_samples(fixture, counts, (const uint32_t[]){3, 0}), SPIPE_OK);
    assert_int_equal(decode_samples(fixture, counts, (const uint32_t[]){1, 1}), SPIPE_E_FORMAT);
    assert_int_equal(decode_samples(fixture, counts, (const uint32_t[]){2, 2}), SPIPE_E_FORMAT);
}

static void test_runs_that_add_up_only_by_overflow_are_malformed(void **state)
{
    struct fixture *fixture = *state;
    const size_t counts[] = {2, 2, 3, 3, 3, 3};
    assert_int_equal(decode_samples(fixture, counts, (const uint32_t[]){UINT32_MAX, 4}), SPIPE_E_FORMAT);
}

static void test_samples_name_their_source_and_threads(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t zero[] = {0};
    const uint32_t one[] = {1};
    for (int named = 0; named <= 1; named++) {
        record_kit_put_number(&fixture->kind, 1, (uint64_t)named);
        record_kit_put_column(&fixture->kind, 3, named ? zero : one, 1);
        for (uint32_t field = 4; field <= 6; field++) {
            record_kit_put_column(&fixture->kind, field, one, 1);
        }
        assert_int_equal(decode_kind(fixture, SPIPE_RECORD_SAMPLES), SPIPE_E_FORMAT);
    }
}

static void test_times_stay_below_two_to_the_53(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_number(&fixture->kind, 1, 1);
    record_kit_put_number(&fixture->kind, 2, (uint64_t)1 << 53);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_SAMPLES), SPIPE_OK);
    const struct {
        enum spipe_record_kind kind;
        uint32_t field;
    } times[] = {
        {SPIPE_RECORD_SAMPLES, 2}, {SPIPE_RECORD_APPLIED, 6},    {SPIPE_RECORD_LEDGER, 1}, {SPIPE_RECORD_LEDGER, 2},
        {SPIPE_RECORD_MARKERS, 1}, {SPIPE_RECORD_CHECKPOINT, 2}, {SPIPE_RECORD_COMMAND_RESULT, 4},
    };
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i].kind == SPIPE_RECORD_SAMPLES) {
            record_kit_put_number(&fixture->kind, 1, 1);
        }
        record_kit_put_number(&fixture->kind, times[i].field, ((uint64_t)1 << 53) + 1);
        assert_int_equal(decode_kind(fixture, times[i].kind), SPIPE_E_FORMAT);
    }
}

static int decode_stacks(struct fixture *fixture, uint32_t first, const uint32_t *back, size_t backs, size_t frames)
{
    const uint32_t ones[] = {1, 1, 1, 1};
    record_kit_put_number(&fixture->kind, 1, first);
    record_kit_put_column(&fixture->kind, 2, back, backs);
    record_kit_put_column(&fixture->kind, 3, ones, frames);
    return decode_kind(fixture, SPIPE_RECORD_STACKS);
}

static void test_a_stack_node_lies_behind_its_caller(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_stacks(fixture, 1, (const uint32_t[]){0, 1, 2}, 3, 3), SPIPE_OK);
    assert_int_equal(decode_stacks(fixture, 1, (const uint32_t[]){1, 1, 2}, 3, 3), SPIPE_E_FORMAT);
    assert_int_equal(decode_stacks(fixture, 1, (const uint32_t[]){0, 1, 3}, 3, 3), SPIPE_E_FORMAT);
    assert_int_equal(decode_stacks(fixture, 10, (const uint32_t[]){9, 10, 11}, 3, 3), SPIPE_OK);
    assert_int_equal(decode_stacks(fixture, 10, (const uint32_t[]){10}, 1, 1), SPIPE_E_FORMAT);
}

static void test_stack_ids_start_at_one_and_fit(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t back[] = {0, 0};
    assert_int_equal(decode_stacks(fixture, 0, back, 2, 2), SPIPE_E_FORMAT);
    assert_int_equal(decode_stacks(fixture, UINT32_MAX - 1, back, 2, 2), SPIPE_OK);
    assert_int_equal(decode_stacks(fixture, UINT32_MAX, back, 2, 2), SPIPE_E_FORMAT);
    assert_int_equal(decode_stacks(fixture, 1, back, 2, 1), SPIPE_E_FORMAT);
    assert_int_equal(decode_stacks(fixture, 1, back, 0, 1), SPIPE_E_FORMAT);
}

static void test_a_stack_node_has_a_frame(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t zero[] = {0};
    record_kit_put_number(&fixture->kind, 1, 1);
    record_kit_put_column(&fixture->kind, 2, zero, 1);
    record_kit_put_column(&fixture->kind, 3, zero, 1);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_STACKS), SPIPE_E_FORMAT);
}

static int decode_frames(struct fixture *fixture, uint32_t first, const uint32_t *image, const uint32_t *method,
                         size_t methods)
{
    const uint32_t ones[] = {1, 1};
    record_kit_put_number(&fixture->kind, 1, first);
    record_kit_put_column(&fixture->kind, 2, image, 2);
    record_kit_put_column(&fixture->kind, 3, ones, 2);
    record_kit_put_column(&fixture->kind, 4, method, methods);
    return decode_kind(fixture, SPIPE_RECORD_FRAMES);
}

static void test_a_frame_lies_in_an_image_or_in_a_method(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t image[] = {0, 4};
    assert_int_equal(decode_frames(fixture, 1, image, (const uint32_t[]){7, 0}, 2), SPIPE_OK);
    assert_int_equal(fixture->record.frames.method_id[0], 7);
    assert_int_equal(decode_frames(fixture, 1, image, NULL, 0), SPIPE_OK);
    assert_null(fixture->record.frames.method_id);
    assert_int_equal(decode_frames(fixture, 1, image, (const uint32_t[]){0, 7}, 2), SPIPE_E_FORMAT);
    assert_int_equal(decode_frames(fixture, 1, image, (const uint32_t[]){7}, 1), SPIPE_E_FORMAT);
    assert_int_equal(decode_frames(fixture, 0, image, NULL, 0), SPIPE_E_FORMAT);
    assert_int_equal(decode_frames(fixture, UINT32_MAX, image, NULL, 0), SPIPE_E_FORMAT);
}

static void test_marker_columns_must_have_equal_lengths(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t ones[] = {1, 1, 1};
    for (size_t odd = 1; odd <= 6; odd++) {
        for (uint32_t field = 2; field <= 6; field++) {
            record_kit_put_column(&fixture->kind, field, ones, field == odd ? 3 : 2);
        }
        assert_int_equal(decode_kind(fixture, SPIPE_RECORD_MARKERS), odd == 1 ? SPIPE_OK : SPIPE_E_FORMAT);
    }
}

static void test_bytes_of_a_fixed_size_have_that_size_or_none(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        enum spipe_record_kind kind;
        uint32_t field;
        size_t size;
    } fixed[] = {
        {SPIPE_RECORD_HELLO, 3, 16},
        {SPIPE_RECORD_HELLO, 4, 16},
        {SPIPE_RECORD_APPLIED, 3, 8},
        {SPIPE_RECORD_CHECKPOINT, 15, 24},
    };
    const uint8_t bytes[32] = {0};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        for (size_t size = 0; size <= sizeof(bytes); size++) {
            record_kit_put_block(&fixture->kind, fixed[i].field, bytes, size);
            int expected = size == 0 || size == fixed[i].size ? SPIPE_OK : SPIPE_E_FORMAT;
            assert_int_equal(decode_kind(fixture, fixed[i].kind), expected);
        }
    }
}

static void test_definitions_have_ids_from_one(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        enum spipe_record_kind kind;
        uint32_t field;
    } lists[] = {
        {SPIPE_RECORD_IMAGES, 1}, {SPIPE_RECORD_THREADS, 1}, {SPIPE_RECORD_METHODS, 1}, {SPIPE_RECORD_APPLIED, 4},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        record_kit_put_block(&fixture->kind, lists[i].field, "\x08\x01", 2);
        assert_int_equal(decode_kind(fixture, lists[i].kind), SPIPE_OK);
        record_kit_put_block(&fixture->kind, lists[i].field, "\x08\x00", 2);
        assert_int_equal(decode_kind(fixture, lists[i].kind), SPIPE_E_FORMAT);
    }
    record_kit_put_column(&fixture->kind, 2, (const uint32_t[]){1, 0}, 2);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_IMAGES), SPIPE_E_FORMAT);
    record_kit_put_column(&fixture->kind, 2, (const uint32_t[]){1, 0}, 2);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_THREADS), SPIPE_E_FORMAT);
    record_kit_put_block(&fixture->kind, 2, "a", 1);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_STRINGS), SPIPE_E_FORMAT);
}

/* ----------------------------------------------------------------------------------------------------------- limits */

static void test_a_message_that_grows_too_much_is_refused(void **state)
{
    struct fixture *fixture = *state;
    while (fixture->kind.len + 4 < SPIPE_AGENT_MESSAGE_MAX) {
        record_kit_put_block(&fixture->kind, 1, "\x08\x01", 2);
    }
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_IMAGES), SPIPE_E_LIMIT);
}

static void test_a_flood_of_unknown_fields_is_refused(void **state)
{
    struct fixture *fixture = *state;
    while (fixture->kind.len + 4 < SPIPE_AGENT_MESSAGE_MAX) {
        record_kit_put_number(&fixture->kind, 10, 1);
    }
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_GOODBYE), SPIPE_E_LIMIT);
}

static void test_a_repeated_single_message_ends_soon(void **state)
{
    struct fixture *fixture = *state;
    while (fixture->kind.len + 4 < SPIPE_AGENT_MESSAGE_MAX) {
        record_kit_put_block(&fixture->kind, 1, "\x18\x05", 2);
    }
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_APPLIED), SPIPE_E_LIMIT);
    for (int i = 0; i < 30; i++) {
        record_kit_put_block(&fixture->kind, 1, "\x18\x05", 2);
    }
    record_kit_put_block(&fixture->kind, 1, "\x20\x06", 2);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_APPLIED), SPIPE_OK);
    assert_int_equal(fixture->record.applied.configuration.wall_period_us, 6);
}

static void test_the_arena_bounds_decoding_below_the_limit(void **state)
{
    struct fixture *fixture = *state;
    struct record_kit_random random = {7};
    struct spipe_record made = record_kit_record(&random, SPIPE_RECORD_HELLO, &fixture->made);
    assert_int_equal(spipe_encode_record(&made, &fixture->scratch, &fixture->message), SPIPE_OK);
    fixture->arena.capacity = 64;
    assert_int_equal(spipe_decode_record(strip(&fixture->message), &fixture->arena, &fixture->record), SPIPE_E_LIMIT);
}

static void test_no_more_than_the_named_arena_is_used(void **state)
{
    struct fixture *fixture = *state;
    while (fixture->kind.len < 1000) {
        record_kit_put_block(&fixture->kind, 1, "", 0);
    }
    decode_kind(fixture, SPIPE_RECORD_THREADS);
    assert_true(fixture->arena.used <= SPIPE_DECODE_ARENA_FOR(fixture->message.len));
}

static void test_the_largest_column_decodes(void **state)
{
    struct fixture *fixture = *state;
    record_kit_put_number(&fixture->kind, 1, 1);
    size_t count = SPIPE_AGENT_MESSAGE_MAX / 2 - 20;
    uint8_t *ones = malloc(count);
    memset(ones, 1, count);
    record_kit_put_block(&fixture->kind, 2, memset(ones, 0, count), count);
    record_kit_put_block(&fixture->kind, 3, memset(ones, 1, count), count);
    free(ones);
    assert_int_equal(decode_kind(fixture, SPIPE_RECORD_STACKS), SPIPE_OK);
    assert_int_equal(fixture->record.stacks.count, count);
    assert_int_equal(fixture->record.stacks.frame_id[count - 1], 1);
}

static void test_a_ledger_of_thousands_of_short_threads_decodes(void **state)
{
    struct fixture *fixture = *state;
    enum { THREADS = 5000 };
    struct spipe_thread_ledger *thread = calloc(THREADS, sizeof(*thread));
    for (uint32_t i = 0; i < THREADS; i++) {
        thread[i] = (struct spipe_thread_ledger){.thread_id = i + 1, .cpu_us = 1 + i % 100};
    }
    struct spipe_record made = {.kind = SPIPE_RECORD_LEDGER, .ledger = {.thread = thread, .thread_count = THREADS}};
    assert_int_equal(spipe_encode_record(&made, &fixture->scratch, &fixture->message), SPIPE_OK);
    assert_int_equal(spipe_decode_record(strip(&fixture->message), &fixture->arena, &fixture->record), SPIPE_OK);
    record_kit_assert_equal(&made, &fixture->record);
    free(thread);
}

static void test_a_host_message_is_bounded_too(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_host_record host;
    while (fixture->message.len + 2 < SPIPE_HOST_MESSAGE_MAX) {
        record_kit_put_block(&fixture->message, 1, "", 0);
    }
    struct spipe_bytes bytes = {fixture->message.data, fixture->message.len};
    assert_int_equal(spipe_decode_host_record(bytes, &fixture->arena, &host), SPIPE_E_LIMIT);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_record_comes_back_as_it_was),
        TEST(test_every_host_record_comes_back_as_it_was),
        TEST(test_an_empty_record_of_each_kind_comes_back_empty),
        TEST(test_texts_that_were_not_given_are_empty_and_never_null),
        TEST(test_an_unknown_kind_is_no_error),
        TEST(test_an_empty_message_is_of_an_unknown_kind),
        TEST(test_unknown_fields_are_stepped_over),
        TEST(test_enumerators_of_later_versions_are_kept_as_numbers),
        TEST(test_of_several_kinds_in_one_message_the_last_counts),
        TEST(test_columns_may_come_unpacked),
        TEST(test_unknown_host_kinds_and_actions_are_no_error),
        TEST(test_bytes_that_are_no_protobuf_are_malformed),
        TEST(test_a_message_cut_within_a_field_is_malformed),
        TEST(test_a_refused_message_leaves_the_record_alone),
        TEST(test_sample_columns_must_have_equal_lengths),
        TEST(test_runs_must_cover_the_samples_exactly),
        TEST(test_runs_that_add_up_only_by_overflow_are_malformed),
        TEST(test_samples_name_their_source_and_threads),
        TEST(test_times_stay_below_two_to_the_53),
        TEST(test_a_stack_node_lies_behind_its_caller),
        TEST(test_stack_ids_start_at_one_and_fit),
        TEST(test_a_stack_node_has_a_frame),
        TEST(test_a_frame_lies_in_an_image_or_in_a_method),
        TEST(test_marker_columns_must_have_equal_lengths),
        TEST(test_bytes_of_a_fixed_size_have_that_size_or_none),
        TEST(test_definitions_have_ids_from_one),
        TEST(test_a_message_that_grows_too_much_is_refused),
        TEST(test_a_flood_of_unknown_fields_is_refused),
        TEST(test_a_repeated_single_message_ends_soon),
        TEST(test_the_arena_bounds_decoding_below_the_limit),
        TEST(test_no_more_than_the_named_arena_is_used),
        TEST(test_the_largest_column_decodes),
        TEST(test_a_ledger_of_thousands_of_short_threads_decodes),
        TEST(test_a_host_message_is_bounded_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
