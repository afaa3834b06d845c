/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/outbox.h"
#include "pipe_memory.h"
#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#define CAPACITY 1000u

static struct spipe_outbox *outbox;
static struct spipe_pipe pipe_end;

static int set_up(void **state)
{
    (void)state;
    outbox = spipe_outbox_new(CAPACITY);
    pipe_end = pipe_memory_new();
    return outbox == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    spipe_outbox_free(outbox);
    pipe_memory_reset();
    return 0;
}

/* Bytes that tell which ones they are. */
static void put(uint64_t first, size_t len)
{
    uint8_t bytes[CAPACITY];
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)((first + i) % 251);
    assert_int_equal(spipe_outbox_put(outbox, bytes, len), 0);
}

static void assert_written(size_t len)
{
    struct spipe_bytes written = pipe_memory_written(&pipe_end);
    assert_int_equal(written.len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(written.data[i], i % 251);
}

static void test_what_is_put_in_comes_out_in_order(void **state)
{
    (void)state;
    put(0, 300);
    put(300, 200);
    assert_int_equal(spipe_outbox_fill(outbox), 500);
    assert_int_equal(spipe_outbox_room(outbox), CAPACITY - 500);
    assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    assert_written(500);
    assert_int_equal(spipe_outbox_fill(outbox), 0);
    assert_int_equal(spipe_outbox_sent(outbox), 500);
}

static void test_a_pipe_that_takes_single_bytes_gets_all(void **state)
{
    (void)state;
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.write_max = 1, .again_count = 1});
    put(0, 777);
    for (unsigned i = 0; i < 2000 && spipe_outbox_fill(outbox) > 0; i++)
        assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    assert_written(777);
}

static void test_bytes_stay_in_order_around_the_end_of_the_circle(void **state)
{
    (void)state;
    uint64_t done = 0;
    for (unsigned i = 0; i < 50; i++) {
        put(done, 333);
        done += 333;
        assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    }
    assert_written((size_t)done);
    assert_int_equal(spipe_outbox_sent(outbox), done);
}

static void test_what_does_not_fit_leaves_the_queue_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[CAPACITY + 1] = {0};
    put(0, 900);
    assert_int_equal(spipe_outbox_put(outbox, bytes, 101), SPIPE_E_NO_ROOM);
    assert_int_equal(spipe_outbox_fill(outbox), 900);
    put(900, 100);
    assert_int_equal(spipe_outbox_room(outbox), 0);
    assert_int_equal(spipe_outbox_put(outbox, bytes, 1), SPIPE_E_NO_ROOM);
    assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    assert_written(CAPACITY);
    assert_int_equal(spipe_outbox_put(outbox, bytes, CAPACITY + 1), SPIPE_E_NO_ROOM);
}

static void test_a_full_pipe_is_no_error_and_loses_nothing(void **state)
{
    (void)state;
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.room = 100});
    put(0, 250);
    assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    assert_int_equal(spipe_outbox_fill(outbox), 150);
    assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    assert_int_equal(spipe_outbox_sent(outbox), 100);
    for (unsigned i = 0; i < 2; i++) {
        pipe_memory_drain(&pipe_end);
        assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    }
    assert_written(250);
}

static void test_a_pipe_that_breaks_is_an_error(void **state)
{
    (void)state;
    pipe_memory_set_faults(&pipe_end, (struct pipe_memory_faults){.break_after = 10});
    put(0, 50);
    assert_int_equal(spipe_outbox_write(outbox, &pipe_end), SPIPE_E_CLOSED);
    assert_written(10);
}

static void test_a_record_goes_out_as_one_message(void **state)
{
    (void)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, "no"}};
    static uint8_t memory[SPIPE_DECODE_ARENA_FOR(100)];
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, sizeof memory);
    assert_int_equal(spipe_outbox_put_record(outbox, &record), 0);
    assert_int_equal(spipe_outbox_write(outbox, &pipe_end), 0);
    struct spipe_bytes written = pipe_memory_written(&pipe_end);
    assert_int_equal(written.data[0], written.len - 1);
    struct spipe_record decoded;
    assert_int_equal(spipe_decode_record((struct spipe_bytes){written.data + 1, written.len - 1}, &arena, &decoded), 0);
    assert_int_equal(decoded.kind, SPIPE_RECORD_REFUSAL);
    assert_string_equal(decoded.refusal.text, "no");
}

static void test_a_record_that_does_not_fit_leaves_no_part_of_itself(void **state)
{
    (void)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {1, "a text that does not fit"}};
    put(0, CAPACITY - 20);
    assert_int_equal(spipe_outbox_put_record(outbox, &record), SPIPE_E_NO_ROOM);
    assert_int_equal(spipe_outbox_fill(outbox), CAPACITY - 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_put_in_comes_out_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pipe_that_takes_single_bytes_gets_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_stay_in_order_around_the_end_of_the_circle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_leaves_the_queue_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_pipe_is_no_error_and_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_pipe_that_breaks_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_goes_out_as_one_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_that_does_not_fit_leaves_no_part_of_itself, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
