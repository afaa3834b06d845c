/* SPDX-License-Identifier: MIT */
/* The wall clock in a session: threads, CPU times and places are fakes, all else is the agent's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/control.h"
#include "flow_kit.h"

#define MS CLOCK_FAKE_MS
#define PERIOD (20 * MS)

/* A thread of the session, and when it began to be accounted for. */
static int tid;
static uint64_t began_ns;

static void begin_with_thread(void)
{
    tid = sampler_fake_thread_new();
    flow_begin_with_wall_clock();
    began_ns = clock_fake_now();
}

static void end_thread(void)
{
    sampler_fake_thread_end(tid);
}

static void pass(uint64_t ms)
{
    clock_fake_advance(ms * MS);
    assert_true(flow_round());
}

/* So much time, in rounds as often as looks are due. */
static void pass_in_rounds(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += 20)
        pass(20);
}

static const struct agent_stream_wall *wall_of(const struct agent_stream *stream, int of_tid)
{
    return &agent_stream_thread(stream, of_tid)->wall;
}

static uint64_t weight_of(const struct agent_stream_wall *wall)
{
    return wall->weight[SPIPE_STATE_RUNNING] + wall->weight[SPIPE_STATE_WAITING] + wall->weight[SPIPE_STATE_RUNNABLE];
}

static const struct agent_stream *finish(void)
{
    flow_finish();
    const struct agent_stream *stream = flow_read();
    agent_stream_assert_closed(stream);
    return stream;
}

/* ------------------------------------------------------------------------------------------------------------ looks */

static void test_a_wall_clock_is_a_source_beside_the_cpus(void **state)
{
    (void)state;
    flow_begin_with_wall_clock();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->applied.source_count, 2);
    assert_int_equal(stream->applied.unmet_count, 0);
    assert_int_equal(stream->applied.configuration.wall_period_us, 20000);
}

static void test_without_the_wish_nobody_is_looked_at(void **state)
{
    (void)state;
    flow_begin_plainly();
    pass_in_rounds(2000);
    const struct agent_stream *stream = finish();
    assert_int_equal(stream->applied.source_count, 1);
    assert_int_equal(stream->count[SPIPE_RECORD_SAMPLES], 0);
    assert_int_equal(waiting_fake.looks, 0);
}

/* A thread that sleeps is looked at closely once, and costs a sample a second. */
static void test_a_sleeper_is_seen_once_and_sent_once_a_second(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(40);
    assert_int_equal(waiting_fake_looks(tid), 1);
    pass_in_rounds(3000);
    assert_int_equal(waiting_fake_looks(tid), 1);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_in_range(wall->samples, 3, 4);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], 152);
    assert_int_equal(wall->weight[SPIPE_STATE_RUNNING], 0);
    assert_int_equal(wall->not_seen[SPIPE_STATE_WAITING], 0);
    end_thread();
}

static void test_a_sleeper_is_shown_where_it_sleeps(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(60);
    const struct agent_stream_wall first = *wall_of(finish(), tid);
    assert_int_equal(first.leaf_offset[SPIPE_STATE_WAITING] % 4096, flow_address(100) % 4096);
    end_thread();
}

static void test_a_sleeper_that_moves_has_time_at_both_places(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(200);
    clock_fake_set_cpu(tid, 1000);
    waiting_fake_sleep(tid, flow_address(500));
    pass_in_rounds(200);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(wall->samples, 2);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], 20);
    assert_int_equal(wall->leaf_offset[SPIPE_STATE_WAITING] % 4096, flow_address(500) % 4096);
    end_thread();
}

static void run_meanwhile(void)
{
    static uint64_t cpu_ns = 5000;
    clock_fake_set_cpu(tid, cpu_ns += 100);
}

/* What was copied while the thread ran is worth nothing: its time is shown once a copy holds. */
static void test_a_copy_of_a_thread_that_ran_meanwhile_is_not_used(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    waiting_fake.on_copy = run_meanwhile;
    pass_in_rounds(200);
    waiting_fake.on_copy = NULL;
    flow_send_action(1, SPIPE_ACTION_FLUSH);
    pass(1);
    assert_int_equal(wall_of(flow_read(), tid)->weight[SPIPE_STATE_WAITING], 0);
    pass_in_rounds(40);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(weight_of(wall), 12);
    assert_int_equal(wall->not_seen[SPIPE_STATE_WAITING], 0);
    end_thread();
}

/* ------------------------------------------------------------------------------------------------------------- time */

/* A thread works for 6 ms of each 20, waits for a CPU for 2, and sleeps for 12. */
static void test_running_queueing_and_sleeping_come_out_in_their_shares(void **state)
{
    (void)state;
    begin_with_thread();
    struct spipe_slot *slot = sampler_fake_slot(tid);
    for (uint64_t round = 1; round <= 1000; round++) {
        clock_fake_set_cpu(tid, round * 6 * MS);
        waiting_fake_set_queued(tid, round * 2 * MS);
        if (round % 3 == 0)
            waiting_fake_run(tid);
        else
            waiting_fake_sleep(tid, flow_address(100));
        assert_true(flow_sample(slot, 7, 4, 1));
        pass(20);
    }
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(weight_of(wall), 1000);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNING], 299, 301);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNABLE], 99, 102);
    assert_in_range(wall->weight[SPIPE_STATE_WAITING], 598, 602);
    assert_int_equal(wall->leaf_offset[SPIPE_STATE_RUNNING] % 4096, flow_address(7) % 4096);
    assert_int_equal(wall->depth[SPIPE_STATE_RUNNING], 4);
    end_thread();
}

/* A thread in the queue has no CPU time for some looks; the kernel tells of the wait only behind it. */
static void test_a_long_wait_for_a_cpu_is_no_sleep(void **state)
{
    (void)state;
    begin_with_thread();
    struct spipe_slot *slot = sampler_fake_slot(tid);
    for (uint64_t turn = 1; turn <= 50; turn++) {
        pass_in_rounds(80);
        clock_fake_set_cpu(tid, turn * 20 * MS);
        waiting_fake_set_queued(tid, turn * 80 * MS);
        assert_true(flow_sample(slot, 7, 4, 2));
        pass(20);
    }
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(weight_of(wall), 250);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNING], 49, 51);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNABLE], 199, 201);
    assert_in_range(wall->weight[SPIPE_STATE_WAITING], 0, 1);
    end_thread();
}

/* The last wait for a CPU is never told when the thread was seen running at first and asleep behind it. */
static void test_a_wait_that_was_assumed_wrongly_is_a_sleep_in_the_end(void **state)
{
    (void)state;
    begin_with_thread();
    assert_true(flow_sample(sampler_fake_slot(tid), 7, 4, 1));
    pass_in_rounds(200);
    clock_fake_set_cpu(tid, 1000);
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(400);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(weight_of(wall), 30);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNABLE], 9, 11);
    assert_in_range(wall->weight[SPIPE_STATE_WAITING], 19, 21);
    end_thread();
}

static void test_time_is_complete_when_the_pump_comes_late(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass(20);
    pass(3333);
    pass(7);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], 3360 / 20);
    end_thread();
}

/* A thread that the wrapper announces is accounted for from its first moment to its last, to the period. */
static void test_short_lives_add_up(void **state)
{
    (void)state;
    uint64_t lived_ns = 0;
    uint64_t weight = 0;
    flow_begin_with_wall_clock();
    for (uint32_t i = 0; i < 500; i++) {
        struct spipe_slot *slot = spipe_slot_claim();
        slot->tid = 1000000 + (int32_t)i;
        atomic_store(&slot->begin_ns, clock_fake_now());
        atomic_store(&slot->state, SPIPE_SLOT_LIVE);
        clock_fake_advance((1 + i % 17) * MS);
        atomic_store(&slot->final_cpu_ns, 1000);
        atomic_store(&slot->end_ns, clock_fake_now());
        atomic_store(&slot->state, SPIPE_SLOT_ENDED);
        lived_ns += (1 + i % 17) * MS;
        assert_true(flow_round());
    }
    const struct agent_stream *stream = finish();
    for (size_t i = 0; i < stream->thread_count; i++) {
        if (stream->thread[i].tid >= 1000000)
            weight += weight_of(&stream->thread[i].wall);
    }
    assert_in_range(weight * PERIOD, lived_ns * 8 / 10, lived_ns * 12 / 10);
}

static void test_a_thread_that_ends_is_accounted_for_to_its_end(void **state)
{
    (void)state;
    flow_begin_with_wall_clock();
    struct spipe_slot *slot = spipe_slot_claim();
    slot->tid = 1000000;
    atomic_store(&slot->begin_ns, clock_fake_now());
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    waiting_fake_sleep(1000000, flow_address(100));
    pass_in_rounds(500);
    clock_fake_set_cpu(1000000, 60 * MS);
    clock_fake_advance(500 * MS);
    atomic_store(&slot->final_cpu_ns, 60 * MS);
    atomic_store(&slot->end_ns, clock_fake_now());
    atomic_store(&slot->state, SPIPE_SLOT_ENDED);
    clock_fake_advance(700 * MS);
    const struct agent_stream *stream = (flow_round(), finish());
    const struct agent_stream_wall *wall = wall_of(stream, 1000000);
    assert_in_range(weight_of(wall), 50, 51);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNING], 2, 4);
}

/* ---------------------------------------------------------------------------------------------------- what can happen */

static void test_a_pause_is_lost_time_and_counted(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(400);
    flow_send_action(1, SPIPE_ACTION_PAUSE);
    pass(0);
    pass_in_rounds(600);
    flow_send_action(2, SPIPE_ACTION_RESUME);
    pass(0);
    pass_in_rounds(200);
    const struct agent_stream *stream = finish();
    const struct agent_stream_wall *wall = wall_of(stream, tid);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], 30);
    assert_int_equal(wall->ledger.dropped_paused, 30);
    assert_int_equal(wall->ledger.attempted, 60);
    uint64_t dropped = 0;
    for (size_t i = 0; i < stream->thread_count; i++)
        dropped += stream->thread[i].wall.ledger.dropped_paused;
    assert_int_equal(stream->goodbye.samples_dropped, dropped);
    end_thread();
}

static void test_a_host_that_reads_nothing_costs_no_time(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(100);
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){.room = 1});
    for (uint32_t i = 0; i < 4000; i++) {
        (void)flow_sample(flow_own_slot(), i * 37 % 65536, 100, 1);
        pass(1);
    }
    pipe_memory_set_faults(&flow_pipe, (struct pipe_memory_faults){0});
    for (unsigned i = 0; i < 20; i++)
        pass(20);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], wall->ledger.attempted);
    assert_in_range(weight_of(wall), 4500 / 20 - 1, 4500 / 20 + 1);
    end_thread();
}

static void test_behind_a_checkpoint_places_are_found_again(void **state)
{
    (void)state;
    begin_with_thread();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(200);
    flow_send_action(1, SPIPE_ACTION_RESTART_TABLES);
    pass_in_rounds(200);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(wall->samples, 2);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], 20);
    assert_int_equal(wall->not_seen[SPIPE_STATE_WAITING], 0);
    assert_int_equal(wall->leaf_offset[SPIPE_STATE_WAITING] % 4096, flow_address(100) % 4096);
    end_thread();
}

static void test_without_places_the_last_stack_stands_below_a_stand_in(void **state)
{
    (void)state;
    waiting_fake.tells_nothing = true;
    begin_with_thread();
    pass_in_rounds(200);
    clock_fake_set_cpu(tid, 1 * MS);
    assert_true(flow_sample(sampler_fake_slot(tid), 7, 4, 1));
    pass_in_rounds(200);
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(wall->weight[SPIPE_STATE_WAITING], 20);
    assert_int_equal(wall->not_seen[SPIPE_STATE_WAITING], 20);
    assert_int_equal(wall->depth[SPIPE_STATE_WAITING], 1 + 4);
    end_thread();
}

static void test_a_kernel_without_times_in_queues_goes_by_what_is_seen(void **state)
{
    (void)state;
    waiting_fake.has_no_queues = true;
    begin_with_thread();
    for (uint64_t round = 1; round <= 100; round++) {
        clock_fake_set_cpu(tid, round * 5 * MS);
        waiting_fake_sleep(tid, flow_address(100));
        assert_true(flow_sample(sampler_fake_slot(tid), 7, 4, 1));
        pass(20);
    }
    const struct agent_stream_wall *wall = wall_of(finish(), tid);
    assert_int_equal(weight_of(wall), 100);
    assert_in_range(wall->weight[SPIPE_STATE_RUNNING], 24, 26);
    assert_int_equal(wall->weight[SPIPE_STATE_RUNNABLE], 0);
    end_thread();
}

static void test_a_wall_clock_can_be_asked_for_later(void **state)
{
    (void)state;
    tid = sampler_fake_thread_new();
    flow_begin_plainly();
    waiting_fake_sleep(tid, flow_address(100));
    pass_in_rounds(500);
    flow_send_command((struct spipe_command){
        .command_id = 1, .action = SPIPE_ACTION_CONFIGURE, .configure = {.wall_period_us = 10000}});
    pass(0);
    pass_in_rounds(500);
    const struct agent_stream *stream = finish();
    assert_int_equal(stream->applied.source_count, 2);
    assert_int_equal(wall_of(stream, tid)->weight[SPIPE_STATE_WAITING], 50);
    end_thread();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, flow_set_up, flow_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_wall_clock_is_a_source_beside_the_cpus),
        TEST(test_without_the_wish_nobody_is_looked_at),
        TEST(test_a_sleeper_is_seen_once_and_sent_once_a_second),
        TEST(test_a_sleeper_is_shown_where_it_sleeps),
        TEST(test_a_sleeper_that_moves_has_time_at_both_places),
        TEST(test_a_copy_of_a_thread_that_ran_meanwhile_is_not_used),
        TEST(test_running_queueing_and_sleeping_come_out_in_their_shares),
        TEST(test_a_long_wait_for_a_cpu_is_no_sleep),
        TEST(test_a_wait_that_was_assumed_wrongly_is_a_sleep_in_the_end),
        TEST(test_time_is_complete_when_the_pump_comes_late),
        TEST(test_short_lives_add_up),
        TEST(test_a_thread_that_ends_is_accounted_for_to_its_end),
        TEST(test_a_pause_is_lost_time_and_counted),
        TEST(test_a_host_that_reads_nothing_costs_no_time),
        TEST(test_behind_a_checkpoint_places_are_found_again),
        TEST(test_without_places_the_last_stack_stands_below_a_stand_in),
        TEST(test_a_kernel_without_times_in_queues_goes_by_what_is_seen),
        TEST(test_a_wall_clock_can_be_asked_for_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
