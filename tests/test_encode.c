/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/encode.h"
#include "protocol/message.h"
#include "protocol/status.h"
#include "record_kit.h"

#define ARENA_SIZE (1u << 20)

struct fixture {
    struct spipe_arena scratch;
    struct spipe_arena arena;
    struct spipe_buffer buffer;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    spipe_arena_init(&fixture->scratch, malloc(ARENA_SIZE), ARENA_SIZE);
    spipe_arena_init(&fixture->arena, malloc(ARENA_SIZE), ARENA_SIZE);
    fixture->buffer = (struct spipe_buffer){malloc(ARENA_SIZE), 0, ARENA_SIZE};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->scratch.memory);
    free(fixture->arena.memory);
    free(fixture->buffer.data);
    free(fixture);
    return 0;
}

static const struct spipe_record goodbye = {
    .kind = SPIPE_RECORD_GOODBYE,
    .goodbye = {SPIPE_GOODBYE_TARGET_EXITS, "bye", 300, 0},
};

/* Kind 15 as a block; in it the reason 1, the text, and the sent samples: 300 is AC 02. */
static const uint8_t goodbye_bytes[] = {0x0C, 0x7A, 0x0A, 0x08, 0x01, 0x12, 0x03, 'b', 'y', 'e', 0x18, 0xAC, 0x02};

static void test_a_message_stands_behind_its_length(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(spipe_encode_record(&goodbye, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_int_equal(fixture->buffer.len, sizeof(goodbye_bytes));
    assert_memory_equal(fixture->buffer.data, goodbye_bytes, sizeof(goodbye_bytes));
}

static void test_messages_are_appended(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(spipe_encode_record(&goodbye, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_int_equal(spipe_encode_record(&goodbye, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_int_equal(fixture->buffer.len, 2 * sizeof(goodbye_bytes));
    assert_memory_equal(fixture->buffer.data + sizeof(goodbye_bytes), goodbye_bytes, sizeof(goodbye_bytes));
}

static void test_a_buffer_that_is_just_large_enough_is_enough(void **state)
{
    struct fixture *fixture = *state;
    fixture->buffer.capacity = sizeof(goodbye_bytes);
    assert_int_equal(spipe_encode_record(&goodbye, &fixture->scratch, &fixture->buffer), SPIPE_OK);
}

static void test_a_buffer_without_room_stays_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    for (size_t room = 0; room < sizeof(goodbye_bytes); room++) {
        memset(fixture->buffer.data, 0x77, 64);
        fixture->buffer.len = 5;
        fixture->buffer.capacity = 5 + room;
        assert_int_equal(spipe_encode_record(&goodbye, &fixture->scratch, &fixture->buffer), SPIPE_E_NO_ROOM);
        assert_int_equal(fixture->buffer.len, 5);
        assert_int_equal(fixture->buffer.data[5], 0x77);
    }
}

static void test_columns_are_packed(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t back[] = {0, 1};
    const uint32_t frame[] = {5, 300};
    struct spipe_record record = {.kind = SPIPE_RECORD_STACKS, .stacks = {1, back, frame, 2}};
    const uint8_t expected[] = {0x0D, 0x2A, 0x0B, 0x08, 0x01, 0x12, 0x02, 0x00, 0x01, 0x1A, 0x03, 0x05, 0xAC, 0x02};
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_int_equal(fixture->buffer.len, sizeof(expected));
    assert_memory_equal(fixture->buffer.data, expected, sizeof(expected));
}

static void test_negative_values_of_markers_stay_short(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t one[] = {1};
    const int32_t value[] = {-1};
    struct spipe_record record = {.kind = SPIPE_RECORD_MARKERS, .markers = {0, one, one, one, NULL, value, 1}};
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_memory_equal(fixture->buffer.data + fixture->buffer.len - 3, "\x32\x01\x01", 3);
}

static size_t encode_text_of(struct fixture *fixture, size_t text_len, int *ret_status)
{
    char *text = malloc(text_len + 1);
    memset(text, 'x', text_len);
    text[text_len] = '\0';
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, text}};
    fixture->buffer.len = 0;
    *ret_status = spipe_encode_record(&record, &fixture->scratch, &fixture->buffer);
    free(text);
    return fixture->buffer.len;
}

static void test_an_agent_message_has_at_most_256_kib(void **state)
{
    struct fixture *fixture = *state;
    int status = 0;
    /* Beside the text: 2 bytes of major, 1 + 3 before the text, 1 + 3 before the refusal. */
    size_t longest = SPIPE_AGENT_MESSAGE_MAX - 10;
    assert_int_equal(encode_text_of(fixture, longest, &status), SPIPE_AGENT_MESSAGE_MAX + 3);
    assert_int_equal(status, SPIPE_OK);
    assert_int_equal(encode_text_of(fixture, longest + 1, &status), 0);
    assert_int_equal(status, SPIPE_E_LIMIT);
}

static void test_a_host_message_has_at_most_64_kib(void **state)
{
    struct fixture *fixture = *state;
    char *token = calloc(1, SPIPE_HOST_MESSAGE_MAX + 1);
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_CONFIGURATION, .configuration.token = token};
    memset(token, 't', SPIPE_HOST_MESSAGE_MAX);
    assert_int_equal(spipe_encode_host_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_E_LIMIT);
    token[SPIPE_HOST_MESSAGE_MAX - 8] = '\0';
    assert_int_equal(spipe_encode_host_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_int_equal(fixture->buffer.len, SPIPE_HOST_MESSAGE_MAX + 3);
    free(token);
}

static void test_kinds_that_do_not_exist_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record record = {.kind = SPIPE_RECORD_UNKNOWN};
    struct spipe_host_record host = {.kind = SPIPE_HOST_RECORD_UNKNOWN};
    struct spipe_host_record command = {.kind = SPIPE_HOST_RECORD_COMMAND, .command.action = SPIPE_ACTION_NONE};
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_E_ARGUMENT);
    record.kind = (enum spipe_record_kind)17;
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_E_ARGUMENT);
    assert_int_equal(spipe_encode_host_record(&host, &fixture->scratch, &fixture->buffer), SPIPE_E_ARGUMENT);
    assert_int_equal(spipe_encode_host_record(&command, &fixture->scratch, &fixture->buffer), SPIPE_E_ARGUMENT);
    assert_int_equal(fixture->buffer.len, 0);
}

static void test_a_scratch_arena_that_is_too_small_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct record_kit_random random = {42};
    const enum spipe_record_kind kinds[] = {SPIPE_RECORD_APPLIED, SPIPE_RECORD_IMAGES, SPIPE_RECORD_THREADS,
                                            SPIPE_RECORD_LEDGER, SPIPE_RECORD_METHODS};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct spipe_record record = record_kit_record(&random, kinds[i], &fixture->arena);
        fixture->scratch.capacity = 0;
        assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_E_NO_MEMORY);
        assert_int_equal(fixture->buffer.len, 0);
    }
}

static void test_the_scratch_that_the_header_names_is_enough(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 500 };
    struct spipe_thread_ledger *thread = calloc(COUNT, sizeof(*thread));
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER, .ledger = {.thread = thread, .thread_count = COUNT}};
    fixture->scratch.capacity = SPIPE_ENCODE_SCRATCH_FOR(COUNT);
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    free(thread);
}

static void test_a_text_that_is_null_is_written_as_not_given(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, NULL}};
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_memory_equal(fixture->buffer.data, "\x04\x0A\x02\x08\x01", 5);
}

/* What the decoder finds as the text of a Refusal with this text; the refusal is 2 bytes of major and the text behind
 * 2 bytes. */
static void assert_text_becomes(struct fixture *fixture, const char *text, const char *expected)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, text}};
    fixture->buffer.len = 0;
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_int_equal(fixture->buffer.len, 7 + strlen(expected));
    assert_memory_equal(fixture->buffer.data + 7, expected, strlen(expected));
}

static void test_well_formed_texts_are_sent_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    const char *const texts[] = {"plain", "caf\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF\xEE\x80\x80",
                                 "\xF4\x8F\xBF\xBF", "\x01\x7F", "\xE0\xA0\x80\xF0\x90\x80\x80\xC2\x80"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_text_becomes(fixture, texts[i], texts[i]);
    }
}

static void test_bytes_that_are_no_utf8_become_question_marks(void **state)
{
    struct fixture *fixture = *state;
    assert_text_becomes(fixture, "a\xFFz", "a?z");
    assert_text_becomes(fixture, "a\x80z", "a?z");
    assert_text_becomes(fixture, "cut\xC3", "cut?");
    assert_text_becomes(fixture, "cut\xE2\x82", "cut??");
    assert_text_becomes(fixture, "cut\xF0\x9F\x98", "cut???");
    assert_text_becomes(fixture, "\xC0\xAF", "??");
    assert_text_becomes(fixture, "\xE0\x9F\xBF", "???");
    assert_text_becomes(fixture, "\xED\xA0\x80", "???");
    assert_text_becomes(fixture, "\xF0\x8F\xBF\xBF", "????");
    assert_text_becomes(fixture, "\xF4\x90\x80\x80", "????");
    assert_text_becomes(fixture, "\xF5\x80\x80\x80", "????");
    assert_text_becomes(fixture, "\xFF\xC3\xA9\xFF\xC3\xA9", "?\xC3\xA9?\xC3\xA9");
}

static void test_texts_in_lists_are_cleaned_too(void **state)
{
    struct fixture *fixture = *state;
    const char *const texts[] = {"ok", "\xFE"};
    struct spipe_record record = {.kind = SPIPE_RECORD_STRINGS, .strings = {1, texts, 2}};
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_OK);
    assert_memory_equal(fixture->buffer.data + fixture->buffer.len - 7, "\x12\x02ok\x12\x01?", 7);
}

static void test_a_bad_text_without_scratch_for_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, "\xFF"}};
    fixture->scratch.capacity = 0;
    assert_int_equal(spipe_encode_record(&record, &fixture->scratch, &fixture->buffer), SPIPE_E_NO_MEMORY);
    assert_int_equal(fixture->buffer.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_message_stands_behind_its_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_messages_are_appended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_buffer_that_is_just_large_enough_is_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_buffer_without_room_stays_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_columns_are_packed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_negative_values_of_markers_stay_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_agent_message_has_at_most_256_kib, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_host_message_has_at_most_64_kib, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds_that_do_not_exist_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_scratch_arena_that_is_too_small_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_scratch_that_the_header_names_is_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_text_that_is_null_is_written_as_not_given, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_well_formed_texts_are_sent_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_that_are_no_utf8_become_question_marks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_texts_in_lists_are_cleaned_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bad_text_without_scratch_for_it_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
