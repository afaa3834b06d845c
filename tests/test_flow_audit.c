/* SPDX-License-Identifier: MIT */
/* Samples whose stacks were copied, on their way to the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/control.h"
#include "agent/handler.h"
#include "agent/slice.h"
#include "flow_kit.h"

#define WORDS (SPIPE_SLICE_BYTES / 8 + 64)
#define DEPTH 3u

static uint64_t stack[WORDS];

static void begin_audited(void)
{
    flow_send_configuration(
        (struct spipe_configuration){.cpu_period_us = 10000, .buffer_kib = 1024, .audit_interval = 7});
    flow_begin();
}

static bool put_audited(uint32_t leaf, size_t words)
{
    uint64_t address[DEPTH];
    struct spipe_registers registers = {{0}};
    for (uint32_t i = 0; i < DEPTH; i++)
        address[i] = flow_address(leaf + i);
    registers.value[7] = (uint64_t)(uintptr_t)stack;
    registers.value[16] = address[0];
    return sampler_fake_put_audited(flow_own_slot(), clock_fake_now(), address, DEPTH, &registers,
                                    (uint64_t)(uintptr_t)stack, (uint64_t)(uintptr_t)(stack + words));
}

static void test_the_handlers_are_told_the_interval(void **state)
{
    (void)state;
    begin_audited();
    assert_int_equal(atomic_load(&spipe_handler_shared.audit_interval), 7);
    assert_int_equal(flow_read()->applied.configuration.audit_interval, 7);
    flow_finish();
    flow_tear_down(state);
    flow_set_up(state);
    flow_begin_plainly();
    assert_int_equal(atomic_load(&spipe_handler_shared.audit_interval), 0);
}

static void test_an_audit_follows_its_sample(void **state)
{
    (void)state;
    begin_audited();
    assert_true(put_audited(1, 100));
    flow_sample(flow_own_slot(), 9, 2, 1);
    flow_round();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->audits, 1);
    assert_int_equal(stream->samples, 2);
    assert_int_equal(stream->audit.stack_address, (uintptr_t)stack);
    assert_int_equal(stream->audit.stack.len, 800);
    assert_false(stream->audit.is_cut);
}

static void test_a_stack_beyond_a_message_is_cut_and_says_so(void **state)
{
    (void)state;
    begin_audited();
    assert_true(put_audited(1, SPIPE_SLICE_BYTES / 8));
    flow_round();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->audits, 1);
    assert_true(stream->audit.is_cut);
    assert_in_range(stream->audit.stack.len, 32 * 1024, SPIPE_AGENT_MESSAGE_USUAL_MAX - 1024);
}

static void test_slices_come_back_after_audits(void **state)
{
    (void)state;
    begin_audited();
    for (uint32_t i = 0; i < 2 * SPIPE_SLICE_COUNT; i += 4) {
        for (uint32_t k = 0; k < 4; k++)
            assert_true(put_audited(i + k, 16));
        flow_round();
    }
    assert_int_equal(flow_read()->audits, 2 * SPIPE_SLICE_COUNT);
}

static void test_slices_come_back_when_the_samples_are_given_up(void **state)
{
    (void)state;
    uint16_t index[SPIPE_SLICE_COUNT];
    begin_audited();
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.break_after = 1});
    for (uint32_t i = 0; i < 32; i++)
        assert_true(put_audited(i, 16));
    flow_finish();
    for (unsigned i = 0; i < SPIPE_SLICE_COUNT; i++) {
        index[i] = spipe_slice_take(&(struct spipe_registers){{0}}, (uint64_t)(uintptr_t)stack,
                                    (uint64_t)(uintptr_t)(stack + 1));
        assert_int_not_equal(index[i], SPIPE_SLICE_NONE);
    }
    for (unsigned i = 0; i < SPIPE_SLICE_COUNT; i++)
        spipe_slice_release(index[i]);
}

static void test_audits_without_room_are_counted_from_the_sessions_start(void **state)
{
    (void)state;
    atomic_fetch_add(&spipe_handler_shared.audits_skipped, 5);
    begin_audited();
    flow_round();
    assert_int_equal(flow_read()->count[SPIPE_RECORD_AUDITS], 0);
    atomic_fetch_add(&spipe_handler_shared.audits_skipped, 3);
    flow_round();
    flow_round();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_AUDITS], 1);
    assert_int_equal(stream->audits_skipped, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, flow_set_up, flow_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_handlers_are_told_the_interval),
        TEST(test_an_audit_follows_its_sample),
        TEST(test_a_stack_beyond_a_message_is_cut_and_says_so),
        TEST(test_slices_come_back_after_audits),
        TEST(test_slices_come_back_when_the_samples_are_given_up),
        TEST(test_audits_without_room_are_counted_from_the_sessions_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
