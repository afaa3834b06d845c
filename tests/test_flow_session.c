/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/control.h"
#include "agent/marks.h"
#include "agent/pump.h"
#include "flow_kit.h"
#include "protocol/status.h"

#define MS CLOCK_FAKE_MS

static int own_tid(void)
{
    return (int)syscall(SYS_gettid);
}

/* ---------------------------------------------------------------------------------------------------------- opening */

static void test_a_session_begins_with_preface_hello_and_applied(void **state)
{
    (void)state;
    flow_send_configuration((struct spipe_configuration){.cpu_period_us = 5000, .allocation_bytes = 7});
    flow_begin();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_HELLO], 1);
    assert_int_equal(stream->hello.pid, getpid());
    assert_int_equal(stream->count[SPIPE_RECORD_APPLIED], 1);
    assert_int_equal(stream->applied.configuration.cpu_period_us, 5000);
    assert_int_equal(stream->applied.configuration.allocation_bytes, 0);
    assert_int_equal(stream->applied.source_count, 1);
    assert_int_equal(stream->applied.unmet_count, 1);
    assert_int_equal(stream->unmet[0].field_number, 5);
    assert_true(sampler_fake.is_on);
    assert_int_equal(sampler_fake.period_ns, 5 * MS);
}

static void test_a_host_that_breaks_at_the_first_byte_gets_no_session(void **state)
{
    (void)state;
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.break_after = 4});
    flow_send_configuration((struct spipe_configuration){0});
    (void)spipe_pump_prepare();
    assert_true(spipe_pump_connect());
    assert_null(spipe_pump_begin());
    assert_false(sampler_fake.is_on);
    assert_true(pipe_memory_is_closed(&flow_pipe));
}

/* ---------------------------------------------------------------------------------------------------------- samples */

static void test_samples_arrive_with_their_stacks_threads_and_times(void **state)
{
    (void)state;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    for (uint32_t i = 0; i < 10; i++) {
        clock_fake_advance(10 * MS);
        assert_true(flow_sample(slot, i % 3, 20, 1 + i % 2));
    }
    uint64_t last_time = (clock_fake_now() - flow_session->origin_ns) / 1000;
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->samples, 10);
    assert_int_equal(stream->weight, 15);
    assert_int_equal(stream->deepest, 20);
    assert_int_equal(stream->last_time, last_time);
    assert_int_equal(stream->frames, 22 + 1);       /* and the stand-in for generated code */
    assert_int_equal(agent_stream_thread(stream, own_tid())->samples, 10);
    assert_int_equal(stream->images, 1);
}

static void test_the_same_stack_is_defined_once(void **state)
{
    (void)state;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    for (unsigned round = 0; round < 5; round++) {
        assert_true(flow_sample(slot, 100, 30, 1));
        assert_true(flow_round());
    }
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->samples, 5);
    assert_int_equal(stream->stacks, 30);
    assert_int_equal(stream->count[SPIPE_RECORD_STACKS], 1);
    assert_int_equal(stream->count[SPIPE_RECORD_IMAGES], 1);
}

static void test_a_stack_that_ends_too_early_begins_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        enum spipe_walk_end end;
        enum spipe_stand_in stand_in;
    } rows[] = {
        {SPIPE_WALK_TOO_DEEP, SPIPE_STAND_IN_TOO_DEEP},
        {SPIPE_WALK_NO_TABLE, SPIPE_STAND_IN_NO_TABLE},
        {SPIPE_WALK_BAD_TABLE, SPIPE_STAND_IN_BAD_TABLE},
        {SPIPE_WALK_OUTSIDE_STACK, SPIPE_STAND_IN_OUTSIDE_STACK},
        {SPIPE_WALK_NOT_CODE, SPIPE_STAND_IN_NOT_CODE},
        {SPIPE_WALK_NO_PROGRESS, SPIPE_STAND_IN_NO_PROGRESS},
    };
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t address[2] = {flow_address(1), flow_address(2)};
        assert_true(sampler_fake_put(slot, clock_fake_now(), 1, address, 2, rows[i].end));
    }
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(stream->stand_in[rows[i].stand_in], 1);
    assert_int_equal(stream->deepest, 3);
}

static void test_the_agents_own_frames_are_not_shown(void **state)
{
    (void)state;
    flow_begin_plainly();
    uint64_t own = (uint64_t)(uintptr_t)spipe_pump_round;
    uint64_t within[3] = {own, own + 1, flow_address(9)};
    uint64_t alone[1] = {own};
    struct spipe_slot *slot = flow_own_slot();
    sampler_fake_put(slot, clock_fake_now(), 1, within, 3, SPIPE_WALK_ROOT);
    assert_true(flow_round());
    assert_int_equal(flow_read()->deepest, 1);
    sampler_fake_put(slot, clock_fake_now(), 1, alone, 1, SPIPE_WALK_ROOT);
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->stand_in[SPIPE_STAND_IN_IN_AGENT], 1);
    assert_int_equal(stream->samples, 2);
}

static void test_an_address_without_code_is_a_stand_in(void **state)
{
    (void)state;
    flow_begin_plainly();
    uint64_t address[1] = {16};
    sampler_fake_put(flow_own_slot(), clock_fake_now(), 1, address, 1, SPIPE_WALK_ROOT);
    assert_true(flow_round());
    assert_int_equal(flow_read()->stand_in[SPIPE_STAND_IN_NOT_CODE], 1);
}

static void test_many_threads_share_one_stream(void **state)
{
    (void)state;
    int tid[5];
    for (unsigned i = 0; i < 5; i++)
        tid[i] = sampler_fake_thread_new();
    flow_begin_plainly();
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned n = 0; n <= i; n++)
            assert_true(flow_sample(sampler_fake_slot(tid[i]), n, 5, 2));
    }
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(agent_stream_thread(stream, tid[i])->samples, i + 1);
        assert_int_equal(agent_stream_thread(stream, tid[i])->weight, 2 * (i + 1));
        sampler_fake_thread_end(tid[i]);
    }
    assert_int_equal(stream->stacks, 5 + 4 * 5);
}

static void test_times_far_apart_are_kept_exactly(void **state)
{
    (void)state;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    assert_true(flow_sample(slot, 1, 3, 1));
    assert_true(flow_round());
    clock_fake_advance(UINT64_C(5000) * 1000 * MS);      /* more quanta than 32 bits hold */
    assert_true(flow_sample(slot, 1, 3, 1));
    uint64_t time = (clock_fake_now() - flow_session->origin_ns) / 1000;
    assert_true(flow_round());
    assert_int_equal(flow_read()->last_time, time);
}

/* ----------------------------------------------------------------------------------------------------------- ledger */

static void test_a_ledger_comes_once_a_second_and_closes(void **state)
{
    (void)state;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    for (unsigned i = 0; i < 25; i++) {
        clock_fake_advance(100 * MS);
        clock_fake_set_cpu(own_tid(), (i + 1) * 100 * MS);
        assert_true(flow_sample(slot, i, 10, 10));
        assert_true(flow_round());
    }
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_LEDGER], 2);
    assert_int_equal(agent_stream_thread(stream, own_tid())->ledger.attempted, 200);
    assert_int_equal(agent_stream_thread(stream, own_tid())->ledger.cpu_us, 2000000);
    flow_finish();
    stream = flow_read();
    agent_stream_assert_closed(stream);
    assert_int_equal(stream->weight, 250);
    assert_int_equal(stream->goodbye.samples_sent, 25);
    assert_int_equal(stream->goodbye.samples_dropped, 0);
}

static void test_a_talkative_host_gets_its_ledger_too(void **state)
{
    (void)state;
    flow_begin_plainly();
    for (uint32_t i = 1; i <= 12; i++) {
        clock_fake_advance(200 * MS);
        flow_send_command((struct spipe_command){.command_id = i, .action = SPIPE_ACTION_MARK, .text = "tick"});
        assert_true(flow_round());
    }
    assert_int_equal(flow_read()->count[SPIPE_RECORD_LEDGER], 2);
}

static void test_a_thread_that_ends_is_gone_after_its_samples(void **state)
{
    (void)state;
    int tid = sampler_fake_thread_new();
    flow_begin_plainly();
    clock_fake_set_cpu(tid, 50 * MS);
    assert_true(flow_sample(sampler_fake_slot(tid), 1, 4, 5));
    sampler_fake_thread_end(tid);
    clock_fake_advance(1100 * MS);
    assert_true(flow_round());
    assert_true(flow_round());
    assert_null(sampler_fake_slot(tid));
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_true(agent_stream_thread(stream, tid)->is_gone);
    assert_int_equal(agent_stream_thread(stream, tid)->weight, 5);
    agent_stream_assert_closed(stream);
}

static void test_the_last_account_of_a_thread_is_not_put_on_another_by_a_checkpoint(void **state)
{
    (void)state;
    int tid = sampler_fake_thread_new();
    flow_begin_plainly();
    assert_true(flow_sample(flow_own_slot(), 1, 4, 3));
    assert_true(flow_sample(sampler_fake_slot(tid), 1, 4, 5));
    assert_true(flow_round());
    sampler_fake_thread_end(tid);
    clock_fake_advance(1100 * MS);
    assert_true(flow_round());      /* misses the thread */
    assert_true(flow_round());      /* gives its slot back */
    flow_send_action(1, SPIPE_ACTION_RESTART_TABLES);
    assert_true(flow_round());
    clock_fake_advance(1100 * MS);
    assert_true(flow_round());
    flow_finish();
    agent_stream_assert_closed(flow_read());
}

static void test_a_thread_that_comes_later_is_found(void **state)
{
    (void)state;
    flow_begin_plainly();
    int tid = sampler_fake_thread_new();
    assert_null(sampler_fake_slot(tid));
    clock_fake_advance(1100 * MS);
    assert_true(flow_round());
    assert_non_null(sampler_fake_slot(tid));
    sampler_fake_thread_end(tid);
}

/* --------------------------------------------------------------------------------------------------------- commands */

static void test_each_command_is_answered_once_and_in_order(void **state)
{
    (void)state;
    flow_begin_plainly();
    flow_send_action(1, SPIPE_ACTION_PAUSE);
    flow_send_action(2, SPIPE_ACTION_RESUME);
    flow_send_action(3, SPIPE_ACTION_FLUSH);
    flow_send_command((struct spipe_command){.command_id = 4, .action = SPIPE_ACTION_MARK, .text = "phase two"});
    flow_send_action(5, SPIPE_ACTION_RESTART_TABLES);
    flow_send_action(6, SPIPE_ACTION_PAUSE);
    flow_send_action(7, SPIPE_ACTION_PAUSE);
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->result_count, 7);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(stream->result[i].command_id, i + 1);
        assert_int_equal(stream->result[i].status, SPIPE_COMMAND_DONE);
        assert_true(i == 0 || stream->result[i].time >= stream->result[i - 1].time);
    }
    assert_string_equal(stream->last_string, "phase two");
    assert_int_equal(stream->count[SPIPE_RECORD_CHECKPOINT], 1);
}

static void test_commands_that_came_with_the_configuration_are_heard(void **state)
{
    (void)state;
    flow_send_configuration((struct spipe_configuration){.hold = true});
    flow_send_command((struct spipe_command){.command_id = 1, .action = SPIPE_ACTION_CONFIGURE});
    pipe_memory_feed_end(&flow_pipe);
    flow_begin();
    assert_true(flow_round());
    assert_int_equal(agent_stream_result(flow_read(), 1)->status, SPIPE_COMMAND_DONE);
    assert_true(sampler_fake.is_on);
}

static void test_commands_may_come_byte_by_byte(void **state)
{
    (void)state;
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.read_max = 1, .again_count = 1});
    flow_begin_plainly();
    flow_send_action(9, SPIPE_ACTION_FLUSH);
    for (unsigned i = 0; i < 40; i++)
        assert_true(flow_round());
    assert_int_equal(agent_stream_result(flow_read(), 9)->status, SPIPE_COMMAND_DONE);
}

static void test_an_action_that_is_not_known_is_answered_so(void **state)
{
    (void)state;
    flow_begin_plainly();
    /* HostMessage.command with command_id 5 and a field 99 that no version has yet. */
    pipe_memory_feed(&flow_pipe, "\x08\x12\x06\x08\x05\x9a\x06\x01\x00", 9);
    assert_true(flow_round());
    assert_int_equal(agent_stream_result(flow_read(), 5)->status, SPIPE_COMMAND_NOT_KNOWN);
}

static void test_a_pause_stops_sampling_and_counts_the_cpu_time(void **state)
{
    (void)state;
    flow_begin_plainly();
    clock_fake_set_cpu(own_tid(), 100 * MS);
    flow_send_action(1, SPIPE_ACTION_PAUSE);
    assert_true(flow_round());
    assert_false(sampler_fake.is_on);
    clock_fake_set_cpu(own_tid(), 400 * MS);
    flow_send_action(2, SPIPE_ACTION_RESUME);
    assert_true(flow_round());
    assert_true(sampler_fake.is_on);
    clock_fake_set_cpu(own_tid(), 900 * MS);
    flow_send_action(3, SPIPE_ACTION_FLUSH);
    assert_true(flow_round());
    assert_int_equal(agent_stream_thread(flow_read(), own_tid())->ledger.dropped_paused, 30);
}

static void test_configure_replaces_the_settings_and_says_so(void **state)
{
    (void)state;
    flow_begin_plainly();
    flow_send_command((struct spipe_command){
        .command_id = 1, .action = SPIPE_ACTION_CONFIGURE, .configure = {.cpu_period_us = 20000, .buffer_kib = 9999}});
    flow_send_command((struct spipe_command){
        .command_id = 2, .action = SPIPE_ACTION_CONFIGURE, .configure = {.cpu_period_us = 1, .allocation_bytes = 5}});
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_APPLIED], 3);
    assert_int_equal(agent_stream_result(stream, 1)->status, SPIPE_COMMAND_DONE);
    assert_int_equal(agent_stream_result(stream, 2)->status, SPIPE_COMMAND_PARTLY);
    assert_int_equal(stream->applied.configuration.cpu_period_us, 50);
    assert_int_equal(stream->applied.configuration.buffer_kib, 1024);
    assert_int_equal(sampler_fake.period_ns, 50000);
}

static void test_a_held_session_touches_nothing_until_it_is_configured(void **state)
{
    (void)state;
    flow_send_configuration((struct spipe_configuration){.hold = true});
    flow_begin();
    flow_send_action(1, SPIPE_ACTION_PAUSE);
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_HELLO], 1);
    assert_int_equal(stream->count[SPIPE_RECORD_APPLIED], 0);
    assert_int_equal(agent_stream_result(stream, 1)->status, SPIPE_COMMAND_REFUSED);
    assert_int_equal(sampler_fake.starts, 0);
    flow_send_command((struct spipe_command){
        .command_id = 2, .action = SPIPE_ACTION_CONFIGURE, .configure = {.cpu_period_us = 10000}});
    assert_true(flow_round());
    assert_true(flow_sample(flow_own_slot(), 1, 2, 1));
    assert_true(flow_round());
    stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_APPLIED], 1);
    assert_int_equal(stream->samples, 1);
    assert_int_equal(sampler_fake.starts, 1);
}

static void test_stop_ends_the_session_with_its_samples_and_a_goodbye(void **state)
{
    (void)state;
    flow_begin_plainly();
    flow_send_action(1, SPIPE_ACTION_STOP);
    assert_true(flow_sample(flow_own_slot(), 1, 2, 3));
    assert_false(flow_round());
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(agent_stream_result(stream, 1)->status, SPIPE_COMMAND_DONE);
    assert_int_equal(stream->goodbye.reason, SPIPE_GOODBYE_TOLD_TO_STOP);
    assert_int_equal(stream->goodbye.samples_sent, 1);
    agent_stream_assert_closed(stream);
    assert_false(sampler_fake.is_on);
    assert_true(pipe_memory_is_shut(&flow_pipe));
    assert_true(pipe_memory_is_closed(&flow_pipe));
}

/* On a machine so busy that the time for the end is over whenever the pump gets to look at the clock. */
static void test_the_last_samples_and_the_goodbye_are_sent_even_when_their_time_is_over(void **state)
{
    (void)state;
    flow_begin_plainly();
    flow_send_action(1, SPIPE_ACTION_STOP);
    assert_false(flow_round());
    assert_true(flow_sample(flow_own_slot(), 1, 2, 3));
    clock_fake_set_step(500 * MS);
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->goodbye.reason, SPIPE_GOODBYE_TOLD_TO_STOP);
    assert_int_equal(stream->goodbye.samples_sent, 1);
    agent_stream_assert_closed(stream);
}

static void test_words_that_are_no_messages_end_the_session_with_a_goodbye(void **state)
{
    (void)state;
    flow_begin_plainly();
    pipe_memory_feed(&flow_pipe, "\xff\xff\xff\xff\x7f", 5);
    assert_false(flow_round());
    flow_finish();
    assert_int_equal(flow_read()->goodbye.reason, SPIPE_GOODBYE_AGENT_FAILED);
}

/* ------------------------------------------------------------------------------------------------------------- time */

static void test_the_session_ends_when_its_time_is_up(void **state)
{
    (void)state;
    flow_send_configuration((struct spipe_configuration){.stop_after_ms = 500});
    flow_begin();
    clock_fake_advance(400 * MS);
    flow_send_command((struct spipe_command){.command_id = 1, .action = SPIPE_ACTION_MARK, .text = "not a reprieve"});
    assert_true(flow_round());
    clock_fake_advance(101 * MS);
    assert_false(flow_round());
    flow_finish();
    assert_int_equal(flow_read()->goodbye.reason, SPIPE_GOODBYE_TIME_IS_UP);
}

static void test_the_end_of_the_program_ends_the_session(void **state)
{
    (void)state;
    flow_begin_plainly();
    atomic_store(&spipe_control.leave_reason, SPIPE_GOODBYE_TARGET_EXITS);
    spipe_control.leave_text = "bye";
    atomic_store(&spipe_control.requests, SPIPE_REQUEST_LEAVE);
    assert_false(flow_round());
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->goodbye.reason, SPIPE_GOODBYE_TARGET_EXITS);
    assert_string_equal(stream->last_text, "bye");
}

/* ------------------------------------------------------------------------------------------------------- checkpoint */

static void test_a_checkpoint_restarts_all_ids(void **state)
{
    (void)state;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    for (unsigned i = 0; i < 2; i++) {
        assert_true(flow_sample(slot, 500, 10, 1));
        assert_true(spipe_marks_push("mark", SPIPE_PHASE_INSTANT, 0));
        assert_true(flow_round());
        flow_send_action(i + 1, SPIPE_ACTION_RESTART_TABLES);
        assert_true(flow_round());
    }
    assert_true(flow_sample(slot, 500, 10, 1));
    assert_true(flow_round());
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->count[SPIPE_RECORD_CHECKPOINT], 2);
    assert_int_equal(stream->count[SPIPE_RECORD_HELLO], 3);
    assert_int_equal(stream->count[SPIPE_RECORD_APPLIED], 3);
    assert_int_equal(stream->stacks, 10);
    assert_int_equal(stream->images, 1);
    assert_int_equal(agent_stream_thread(stream, own_tid())->samples, 3);
}

static void test_checkpoints_come_at_their_interval(void **state)
{
    (void)state;
    flow_send_configuration((struct spipe_configuration){.checkpoint_interval_ms = 300});
    flow_begin();
    for (unsigned i = 0; i < 10; i++) {
        clock_fake_advance(100 * MS);
        assert_true(flow_round());
    }
    assert_int_equal(flow_read()->count[SPIPE_RECORD_CHECKPOINT], 3);
}

static void test_full_tables_begin_anew_and_lose_nothing(void **state)
{
    (void)state;
    enum { DEPTH = 64, SAMPLES = 2400 };
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    for (uint32_t i = 0; i < SAMPLES; i++) {
        assert_true(flow_sample(slot, i * DEPTH, DEPTH, 1));
        if (i % 50 == 0)
            assert_true(flow_round());
        pipe_memory_drain(&flow_pipe);
    }
    assert_true(flow_round());
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_true(stream->count[SPIPE_RECORD_CHECKPOINT] >= 1);
    assert_int_equal(stream->samples, SAMPLES);
    assert_int_equal(stream->deepest, DEPTH);
    agent_stream_assert_closed(stream);
}

/* ---------------------------------------------------------------------------------------------------------- no room */

/* Puts samples until the ring refuses, with rounds in between; returns how many were taken. */
static uint64_t fill_up(struct spipe_slot *slot, uint32_t *next)
{
    uint64_t taken = 0;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned fresh = 0;
        while (fresh < 100 && flow_sample(slot, *next * 37, 60, 1)) {
            fresh++;
            (*next)++;
        }
        taken += fresh;
        assert_true(flow_round());
        if (fresh == 0)
            return taken;
    }
    fail_msg("the ring never filled up");
    return 0;
}

static void test_while_the_pipe_takes_nothing_each_loss_is_counted_and_nothing_else_is_lost(void **state)
{
    (void)state;
    uint32_t next = 0;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    pipe_memory_drain(&flow_pipe);
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.room = 1000});
    uint64_t taken = fill_up(slot, &next);
    uint64_t dropped = atomic_load(&slot->dropped_ring_full) + atomic_load(&slot->dropped_pipe_full);
    for (unsigned i = 0; i < 100; i++) {
        assert_false(flow_sample(slot, 1, 60, 1));
        assert_true(flow_round());
    }
    assert_int_equal(atomic_load(&slot->dropped_pipe_full), dropped + 100 - atomic_load(&slot->dropped_ring_full));

    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){0});
    assert_true(flow_round());
    assert_true(flow_round());
    assert_true(flow_sample(slot, 1, 60, 1));
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->samples, taken + 1);
    assert_int_equal(stream->goodbye.samples_sent, taken + 1);
    assert_int_equal(stream->goodbye.samples_dropped, dropped + 100);
    agent_stream_assert_closed(stream);
    assert_int_equal(agent_stream_thread(stream, own_tid())->ledger.attempted, taken + 1 + dropped + 100);
}

static void test_a_full_ring_is_the_rings_doing_while_the_pipe_takes_all(void **state)
{
    (void)state;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    uint64_t taken = 0;
    while (flow_sample(slot, 1, 60, 1))
        taken++;
    for (unsigned i = 0; i < 6; i++)
        assert_false(flow_sample(slot, 1, 60, 2));
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->samples, taken);
    assert_int_equal(agent_stream_thread(stream, own_tid())->ledger.dropped_ring_full, 1 + 6 * 2);
    assert_int_equal(agent_stream_thread(stream, own_tid())->ledger.dropped_pipe_full, 0);
    agent_stream_assert_closed(stream);
}

static void test_what_a_stuck_pipe_leaves_in_the_rings_is_counted_at_the_end(void **state)
{
    (void)state;
    uint32_t next = 0;
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    pipe_memory_drain(&flow_pipe);
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.room = 1000});
    (void)fill_up(slot, &next);
    clock_fake_set_step(MS);
    flow_finish();
    assert_null(spipe_ring_peek(&slot->ring));
    assert_int_equal(atomic_load(&slot->attempted),
                     slot->sent + atomic_load(&slot->dropped_ring_full) + atomic_load(&slot->dropped_pipe_full));
    assert_true(pipe_memory_is_closed(&flow_pipe));
}

static void test_a_host_that_speaks_and_never_listens_does_not_end_its_session(void **state)
{
    (void)state;
    flow_begin_plainly();
    pipe_memory_drain(&flow_pipe);
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.room = 100});
    for (uint32_t i = 1; i <= 20000; i++)
        flow_send_action(i % 60 + 1, i % 3 == 0 ? SPIPE_ACTION_RESTART_TABLES : SPIPE_ACTION_FLUSH);
    for (unsigned i = 0; i < 100; i++) {
        clock_fake_advance(300 * MS);
        assert_true(flow_round());
    }
    assert_int_equal(flow_session->failure, 0);
    assert_true(spipe_outbox_room(flow_session->outbox) >= SPIPE_OUTBOX_RESERVE / 4);
}

#define MANY_IMAGES 2000u
#define PAGE_BYTES  4096u

/* A file that begins as this program does, of a long name, so that much is to be said of it. */
static int make_image_file(void)
{
    char bytes[PAGE_BYTES];
    char path[256] = "/tmp/spipe-flow-";
    memset(path + strlen(path), 'x', 200);
    int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    assert_int_equal(read(program, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(write(file, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(unlink(path), 0);
    close(program);
    return file;
}

/* Its page, as code, so many times: each of them is an image. */
static uint64_t map_many_images(void)
{
    int file = make_image_file();
    unsigned char *start = mmap(NULL, (size_t)MANY_IMAGES * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(start, MAP_FAILED);
    for (size_t i = 0; i < MANY_IMAGES; i++)
        assert_ptr_not_equal(mmap(start + i * PAGE_BYTES, PAGE_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
                                  file, 0),
                             MAP_FAILED);
    close(file);
    return (uint64_t)(uintptr_t)start;
}

static void sample_all_images(uint64_t start)
{
    uint64_t address[100];
    for (uint32_t first = 0; first < MANY_IMAGES; first += 100) {
        for (uint32_t i = 0; i < 100; i++)
            address[i] = start + (uint64_t)(first + i) * PAGE_BYTES + 64;
        assert_true(sampler_fake_put(flow_own_slot(), clock_fake_now(), 1, address, 100, SPIPE_WALK_ROOT));
        assert_true(flow_round());
    }
}

static void test_a_checkpoint_with_thousands_of_images_does_not_end_the_session(void **state)
{
    (void)state;
    uint64_t start = map_many_images();
    flow_begin_plainly();
    sample_all_images(start);
    assert_true(flow_read()->images >= MANY_IMAGES);
    uint32_t next = 1;
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.room = 1000});
    (void)fill_up(flow_own_slot(), &next);
    flow_send_action(5, SPIPE_ACTION_RESTART_TABLES);
    assert_true(flow_round());
    assert_int_equal(flow_session->failure, 0);
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){0});
    for (unsigned i = 0; i < 10; i++)
        assert_true(flow_round());
    sample_all_images(start);
    assert_true(flow_round());
    assert_true(flow_read()->images >= MANY_IMAGES);
    munmap((void *)(uintptr_t)start, (size_t)MANY_IMAGES * PAGE_BYTES);
}

static void test_a_host_that_goes_away_ends_the_session(void **state)
{
    (void)state;
    flow_begin_plainly();
    pipe_memory_set_faults(&flow_pipe,
                           (struct pipe_memory_faults){.break_after = pipe_memory_written(&flow_pipe).len});
    assert_true(flow_sample(flow_own_slot(), 1, 5, 1));
    assert_false(flow_round());
    assert_int_equal(flow_session->failure, SPIPE_E_CLOSED);
    flow_finish();
    assert_false(sampler_fake.is_on);
    assert_true(pipe_memory_is_closed(&flow_pipe));
}

static void test_the_end_of_the_hosts_words_does_not_end_the_session(void **state)
{
    (void)state;
    flow_begin_plainly();
    pipe_memory_feed_end(&flow_pipe);
    assert_true(flow_round());
    assert_true(flow_sample(flow_own_slot(), 1, 5, 1));
    assert_true(flow_round());
    assert_int_equal(flow_read()->samples, 1);
}

/* --------------------------------------------------------------------------------------------------------- sessions */

static void test_a_second_session_of_the_process_starts_from_nothing(void **state)
{
    (void)state;
    int tid = sampler_fake_thread_new();
    flow_begin_plainly();
    assert_true(flow_sample(sampler_fake_slot(tid), 1, 5, 7));
    assert_true(flow_sample(flow_own_slot(), 1, 5, 7));
    assert_true(flow_round());
    uint32_t first_number = flow_read()->hello.session_number;
    flow_finish();
    sampler_fake_thread_end(tid);

    flow_pipe = pipe_memory_new();
    pipe_memory_offer_connection(flow_pipe);
    flow_begin_plainly();
    assert_true(flow_sample(flow_own_slot(), 1, 5, 1));
    clock_fake_advance(1100 * MS);
    assert_true(flow_round());
    assert_true(flow_round());
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->hello.session_number, first_number + 1);
    assert_int_equal(stream->samples, 1);
    assert_int_equal(stream->goodbye.samples_sent, 1);
    assert_int_equal(stream->thread_count, 1);
    agent_stream_assert_closed(stream);
}

/* 3 + 4 ticks of which the host gets 3 at the most; then 60 ms without a host. */
static void test_a_session_after_a_lost_one_names_it_and_says_what_was_lost(void **state)
{
    (void)state;
    uint8_t first_id[16];
    flow_begin_plainly();
    struct spipe_slot *slot = flow_own_slot();
    assert_true(flow_sample(slot, 1, 5, 3));
    assert_true(flow_round());
    memcpy(first_id, flow_read()->session_id, sizeof first_id);
    pipe_memory_set_faults(&flow_pipe,
                           (struct pipe_memory_faults){.break_after = pipe_memory_written(&flow_pipe).len});
    assert_true(flow_sample(slot, 1, 5, 4));
    assert_false(flow_round());
    flow_finish();
    clock_fake_set_cpu(slot->tid, spipe_clock_thread_cpu_ns(slot->tid) + 60 * MS);

    flow_pipe = pipe_memory_new();
    pipe_memory_offer_connection(flow_pipe);
    flow_begin_plainly();
    flow_finish();
    const struct agent_stream *stream = flow_read();
    assert_memory_equal(stream->previous_session_id, first_id, sizeof first_id);
    assert_memory_not_equal(stream->session_id, first_id, sizeof first_id);
    assert_int_equal(stream->ledger.previous_attempted, 7);
    assert_int_equal(stream->ledger.lost_between, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, flow_set_up, flow_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_session_begins_with_preface_hello_and_applied),
        TEST(test_a_host_that_breaks_at_the_first_byte_gets_no_session),
        TEST(test_samples_arrive_with_their_stacks_threads_and_times),
        TEST(test_the_same_stack_is_defined_once),
        TEST(test_a_stack_that_ends_too_early_begins_with_the_reason),
        TEST(test_the_agents_own_frames_are_not_shown),
        TEST(test_an_address_without_code_is_a_stand_in),
        TEST(test_many_threads_share_one_stream),
        TEST(test_times_far_apart_are_kept_exactly),
        TEST(test_a_ledger_comes_once_a_second_and_closes),
        TEST(test_a_talkative_host_gets_its_ledger_too),
        TEST(test_a_thread_that_ends_is_gone_after_its_samples),
        TEST(test_the_last_account_of_a_thread_is_not_put_on_another_by_a_checkpoint),
        TEST(test_a_thread_that_comes_later_is_found),
        TEST(test_each_command_is_answered_once_and_in_order),
        TEST(test_commands_that_came_with_the_configuration_are_heard),
        TEST(test_commands_may_come_byte_by_byte),
        TEST(test_an_action_that_is_not_known_is_answered_so),
        TEST(test_a_pause_stops_sampling_and_counts_the_cpu_time),
        TEST(test_configure_replaces_the_settings_and_says_so),
        TEST(test_a_held_session_touches_nothing_until_it_is_configured),
        TEST(test_stop_ends_the_session_with_its_samples_and_a_goodbye),
        TEST(test_the_last_samples_and_the_goodbye_are_sent_even_when_their_time_is_over),
        TEST(test_words_that_are_no_messages_end_the_session_with_a_goodbye),
        TEST(test_the_session_ends_when_its_time_is_up),
        TEST(test_the_end_of_the_program_ends_the_session),
        TEST(test_a_checkpoint_restarts_all_ids),
        TEST(test_a_checkpoint_with_thousands_of_images_does_not_end_the_session),
        TEST(test_checkpoints_come_at_their_interval),
        TEST(test_full_tables_begin_anew_and_lose_nothing),
        TEST(test_while_the_pipe_takes_nothing_each_loss_is_counted_and_nothing_else_is_lost),
        TEST(test_a_full_ring_is_the_rings_doing_while_the_pipe_takes_all),
        TEST(test_what_a_stuck_pipe_leaves_in_the_rings_is_counted_at_the_end),
        TEST(test_a_host_that_speaks_and_never_listens_does_not_end_its_session),
        TEST(test_a_host_that_goes_away_ends_the_session),
        TEST(test_the_end_of_the_hosts_words_does_not_end_the_session),
        TEST(test_a_second_session_of_the_process_starts_from_nothing),
        TEST(test_a_session_after_a_lost_one_names_it_and_says_what_was_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
