/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "protocol/message.h"
#include "protocol/status.h"

#define LIMIT 100u

struct fixture {
    struct spipe_message_reader reader;
    uint8_t memory[LIMIT + 10];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0xEE, sizeof(fixture));
    spipe_message_reader_init(&fixture.reader, fixture.memory, sizeof(fixture.memory), LIMIT);
    *state = &fixture;
    return 0;
}

static void feed(struct spipe_message_reader *reader, const void *bytes, size_t len)
{
    size_t room = 0;
    void *space = spipe_message_reader_space(reader, &room);
    assert_true(len <= room);
    memcpy(space, bytes, len);
    spipe_message_reader_fed(reader, len);
}

#define FEED(reader, ...) feed((reader), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_the_preface_is_taken_in_any_pieces(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    uint8_t major = 0;
    for (size_t i = 0; i < SPIPE_PREFACE_LEN; i++) {
        assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_E_AGAIN);
        feed(reader, spipe_preface + i, 1);
    }
    assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_OK);
    assert_int_equal(major, 1);
    assert_int_equal(reader->offset, 8);
}

static void test_another_major_is_told_and_the_stream_goes_on(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    uint8_t major = 0;
    struct spipe_bytes message;
    FEED(reader, 'S', 'T', 'K', 'P', 'I', 'P', 'E', 7, 1, 0xAA);
    assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_E_VERSION);
    assert_int_equal(major, 7);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_int_equal(message.len, 1);
}

static void test_something_else_than_a_preface_is_known_at_its_first_byte(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    uint8_t major = 0;
    FEED(reader, 'S', 'T', 'X');
    assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_E_FORMAT);
    assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_E_FORMAT);
}

static void test_a_message_comes_out_whole_however_it_came_in(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    const uint8_t stream[] = {3, 'a', 'b', 'c', 0, 2, 'd', 'e'};
    const char *const expected[] = {"abc", "", "de"};
    for (size_t piece = 1; piece <= sizeof(stream); piece++) {
        size_t messages = 0;
        for (size_t at = 0; at < sizeof(stream); at += piece) {
            struct spipe_bytes message;
            feed(reader, stream + at, at + piece <= sizeof(stream) ? piece : sizeof(stream) - at);
            while (spipe_message_reader_next(reader, &message) == SPIPE_OK) {
                assert_int_equal(message.len, strlen(expected[messages]));
                assert_memory_equal(message.data, expected[messages], message.len);
                messages++;
            }
        }
        assert_int_equal(messages, 3);
    }
}

static void test_the_offset_is_where_the_next_message_begins(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    FEED(reader, 2, 'a', 'b', 1, 'c', 5);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_int_equal(reader->offset, 3);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_int_equal(reader->offset, 5);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_AGAIN);
    assert_int_equal(reader->offset, 5);
}

static void test_a_message_at_the_limit_is_taken(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    uint8_t body[LIMIT] = {0};
    struct spipe_bytes message;
    FEED(reader, LIMIT);
    feed(reader, body, sizeof(body));
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_int_equal(message.len, LIMIT);
}

static void test_a_message_over_the_limit_is_refused_at_its_length(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    FEED(reader, LIMIT + 1);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_LIMIT);
}

static void test_a_huge_length_is_refused_before_all_of_it_has_come(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    FEED(reader, 0xFF, 0xFF);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_LIMIT);
}

static void test_a_length_that_never_ends_is_malformed(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    for (size_t i = 0; i < 9; i++) {
        FEED(reader, 0x80);
        assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_AGAIN);
    }
    FEED(reader, 0x80);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_FORMAT);
}

static void test_a_length_with_needless_bytes_is_read(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    FEED(reader, 0x81, 0x80, 0x00, 'x');
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_int_equal(message.len, 1);
    assert_int_equal(message.data[0], 'x');
}

static void test_an_error_stays(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    FEED(reader, LIMIT + 1);
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_LIMIT);
    FEED(reader, 1, 'a');
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_LIMIT);
    uint8_t major = 0;
    assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_E_LIMIT);
}

static void test_there_is_always_room_until_a_message_is_whole(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    const uint8_t two[] = {60, [61] = 60, [121] = 0};
    size_t fed = 0;
    while (fed < sizeof(two)) {
        size_t room = 0;
        spipe_message_reader_space(reader, &room);
        assert_true(room > 0);
        size_t len = room < sizeof(two) - fed ? room : sizeof(two) - fed;
        feed(reader, two + fed, len);
        fed += len;
        while (spipe_message_reader_next(reader, &message) == SPIPE_OK) {
            assert_int_equal(message.len, 60);
        }
    }
    assert_int_equal(reader->offset, 122);
}

static void test_feeding_more_than_the_room_is_cut_to_the_room(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    spipe_message_reader_fed(reader, 1000000);
    assert_int_equal(reader->end, reader->capacity);
}

static void test_a_preface_is_seen_where_a_message_could_stand(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    uint8_t major = 0;
    FEED(reader, 1, 'a');
    assert_false(spipe_message_reader_at_preface(reader));
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_false(spipe_message_reader_at_preface(reader));
    feed(reader, spipe_preface, SPIPE_PREFACE_LEN);
    assert_true(spipe_message_reader_at_preface(reader));
    assert_int_equal(spipe_message_reader_preface(reader, &major), SPIPE_OK);
    assert_false(spipe_message_reader_at_preface(reader));
}

static void test_a_preface_is_not_taken_for_a_message_before_it_is_whole(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    for (size_t i = 0; i < SPIPE_PREFACE_LEN; i++) {
        assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_E_AGAIN);
        feed(reader, spipe_preface + i, 1);
    }
    assert_true(spipe_message_reader_at_preface(reader));
}

static void test_an_end_within_a_message_is_a_cut(void **state)
{
    struct spipe_message_reader *reader = &((struct fixture *)*state)->reader;
    struct spipe_bytes message;
    assert_false(spipe_message_reader_is_cut(reader));
    FEED(reader, 1, 'a', 2, 'b');
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_true(spipe_message_reader_is_cut(reader));
    FEED(reader, 'c');
    assert_int_equal(spipe_message_reader_next(reader, &message), SPIPE_OK);
    assert_false(spipe_message_reader_is_cut(reader));
}

static void test_varints_are_written_as_protobuf_writes_them(void **state)
{
    (void)state;
    uint8_t bytes[10];
    assert_int_equal(spipe_varint_write(0, bytes), 1);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(spipe_varint_write(127, bytes), 1);
    assert_int_equal(spipe_varint_write(300, bytes), 2);
    assert_memory_equal(bytes, "\xAC\x02", 2);
    assert_int_equal(spipe_varint_write(UINT64_MAX, bytes), 10);
    assert_memory_equal(bytes, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_preface_is_taken_in_any_pieces, set_up),
        cmocka_unit_test_setup(test_another_major_is_told_and_the_stream_goes_on, set_up),
        cmocka_unit_test_setup(test_something_else_than_a_preface_is_known_at_its_first_byte, set_up),
        cmocka_unit_test_setup(test_a_message_comes_out_whole_however_it_came_in, set_up),
        cmocka_unit_test_setup(test_the_offset_is_where_the_next_message_begins, set_up),
        cmocka_unit_test_setup(test_a_message_at_the_limit_is_taken, set_up),
        cmocka_unit_test_setup(test_a_message_over_the_limit_is_refused_at_its_length, set_up),
        cmocka_unit_test_setup(test_a_huge_length_is_refused_before_all_of_it_has_come, set_up),
        cmocka_unit_test_setup(test_a_length_that_never_ends_is_malformed, set_up),
        cmocka_unit_test_setup(test_a_length_with_needless_bytes_is_read, set_up),
        cmocka_unit_test_setup(test_an_error_stays, set_up),
        cmocka_unit_test_setup(test_there_is_always_room_until_a_message_is_whole, set_up),
        cmocka_unit_test_setup(test_feeding_more_than_the_room_is_cut_to_the_room, set_up),
        cmocka_unit_test_setup(test_a_preface_is_seen_where_a_message_could_stand, set_up),
        cmocka_unit_test_setup(test_a_preface_is_not_taken_for_a_message_before_it_is_whole, set_up),
        cmocka_unit_test_setup(test_an_end_within_a_message_is_a_cut, set_up),
        cmocka_unit_test(test_varints_are_written_as_protobuf_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
