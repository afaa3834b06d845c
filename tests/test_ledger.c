/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/ledger.h"
#include "agent_stream.h"
#include "clock_fake.h"
#include "pipe_memory.h"
#include "sampler_fake.h"

#define MS CLOCK_FAKE_MS
#define PERIOD_US 10000u
#define FIRST_TID 900001

static struct spipe_session session;
static struct agent_stream stream;

static int set_up(void **state)
{
    (void)state;
    clock_fake_reset();
    sampler_fake_reset();
    memset(&session, 0, sizeof session);
    session.outbox = spipe_outbox_new(1024u * 1024u);
    session.pipe = pipe_memory_new();
    session.origin_ns = clock_fake_now();
    session.settings.applied.cpu_period_us = PERIOD_US;
    session.period_ns = PERIOD_US * 1000u;
    return spipe_outbox_put(session.outbox, spipe_preface, SPIPE_PREFACE_LEN);
}

static int tear_down(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        if (atomic_load(&spipe_slot_get(i)->state) != SPIPE_SLOT_FREE)
            spipe_slot_release(spipe_slot_get(i));
    }
    spipe_outbox_free(session.outbox);
    pipe_memory_reset();
    return 0;
}

/* A live thread that has used so much CPU time. */
static struct spipe_slot *new_thread(int tid, uint64_t cpu_ns)
{
    struct spipe_slot *slot = spipe_slot_claim();
    slot->tid = tid;
    clock_fake_set_cpu(tid, cpu_ns);
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    return slot;
}

static void attempt(struct spipe_slot *slot, uint64_t attempted, uint64_t sent, uint64_t ring_full, uint64_t pipe_full)
{
    atomic_fetch_add(&slot->attempted, attempted);
    atomic_fetch_add(&slot->dropped_ring_full, ring_full);
    atomic_fetch_add(&slot->dropped_pipe_full, pipe_full);
    slot->sent += sent;
}

static const struct spipe_thread_ledger *put_and_read(int tid)
{
    spipe_ledger_put(&session);
    assert_int_equal(session.failure, 0);
    assert_int_equal(spipe_outbox_write(session.outbox, &session.pipe), 0);
    agent_stream_read(&stream, pipe_memory_written(&session.pipe));
    return tid == 0 ? NULL : &agent_stream_thread(&stream, tid)->ledger;
}

static void test_attempts_are_what_was_sent_waits_and_was_dropped(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 7 * MS);
    spipe_ledger_begin(&session);
    attempt(slot, 100, 70, 5, 6);
    clock_fake_set_cpu(FIRST_TID, 1007 * MS);
    const struct spipe_thread_ledger *entry = put_and_read(FIRST_TID);
    assert_int_equal(entry->attempted, 100);
    assert_int_equal(entry->sent, 70);
    assert_int_equal(entry->dropped_ring_full, 5);
    assert_int_equal(entry->dropped_pipe_full, 6);
    assert_int_equal(entry->pending, 19);
    assert_int_equal(entry->cpu_us, 1000000);
    assert_int_equal(spipe_ledger_dropped(&session), 11);
}

static void test_cpu_time_with_a_source_is_not_a_drop(void **state)
{
    (void)state;
    new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    clock_fake_set_cpu(FIRST_TID, 500 * MS);
    (void)put_and_read(0);
    assert_int_equal(stream.thread_count, 0);
    assert_int_equal(spipe_ledger_dropped(&session), 0);
    assert_int_equal(stream.ledger.process_user_us, 500000);
}

static void test_cpu_time_while_paused_is_dropped_in_whole_periods(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 3 * MS);
    spipe_ledger_begin(&session);
    session.is_paused = true;
    clock_fake_set_cpu(FIRST_TID, 28 * MS);
    spipe_ledger_look(&session, slot);
    assert_int_equal(slot->dropped_paused, 2);
    clock_fake_set_cpu(FIRST_TID, 34 * MS);
    spipe_ledger_look(&session, slot);
    assert_int_equal(slot->dropped_paused, 3);
    const struct spipe_thread_ledger *entry = put_and_read(FIRST_TID);
    assert_int_equal(entry->attempted, 3);
    assert_int_equal(entry->dropped_paused, 3);
    assert_int_equal(entry->pending, 0);
}

static void test_cpu_time_without_timer_or_with_the_signal_blocked_is_dropped_by_its_cause(void **state)
{
    (void)state;
    struct spipe_slot *unarmed = new_thread(FIRST_TID, 0);
    struct spipe_slot *blocked = new_thread(FIRST_TID + 1, 0);
    spipe_ledger_begin(&session);
    unarmed->no_source = true;
    blocked->blocks_signal = true;
    clock_fake_set_cpu(FIRST_TID, 40 * MS);
    clock_fake_set_cpu(FIRST_TID + 1, 59 * MS);
    assert_int_equal(put_and_read(FIRST_TID)->dropped_no_slot, 4);
    assert_int_equal(agent_stream_thread(&stream, FIRST_TID + 1)->ledger.dropped_blocked, 5);
    assert_int_equal(spipe_ledger_dropped(&session), 9);
}

static void test_a_clock_that_goes_back_is_another_threads(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    slot->no_source = true;
    clock_fake_set_cpu(FIRST_TID, 50 * MS);
    spipe_ledger_look(&session, slot);
    clock_fake_set_cpu(FIRST_TID, 1 * MS);
    spipe_ledger_look(&session, slot);
    assert_int_equal(slot->dropped_no_slot, 5);
    assert_int_equal(slot->cpu_ns, 50 * MS);
}

static void test_a_thread_that_did_nothing_since_the_last_ledger_is_left_out(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    attempt(slot, 5, 5, 0, 0);
    (void)put_and_read(FIRST_TID);
    slot->thread_id = 99;       /* an entry with it would be found out */
    (void)put_and_read(0);
    assert_int_equal(stream.count[SPIPE_RECORD_LEDGER], 2);
}

/* It was taken from the ring meanwhile, or the ring was emptied at the end. */
static void test_what_was_pending_is_settled_in_the_account_of_a_thread_that_sleeps(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    attempt(slot, 7, 0, 0, 0);
    assert_int_equal(put_and_read(FIRST_TID)->pending, 7);
    attempt(slot, 0, 4, 0, 0);
    assert_int_equal(put_and_read(FIRST_TID)->pending, 3);
    attempt(slot, 0, 0, 0, 3);
    assert_int_equal(put_and_read(FIRST_TID)->pending, 0);
}

static void test_the_account_of_an_ended_thread_goes_out_once_and_stays_in_the_totals(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    attempt(slot, 30, 20, 10, 0);
    clock_fake_set_cpu(FIRST_TID, 300 * MS);
    atomic_store(&slot->final_cpu_ns, 299 * MS);
    atomic_store(&slot->state, SPIPE_SLOT_ENDED);
    spipe_ledger_end_slot(&session, slot);
    spipe_slot_release(slot);
    assert_int_equal(put_and_read(FIRST_TID)->attempted, 30);
    assert_int_equal(agent_stream_thread(&stream, FIRST_TID)->ledger.cpu_us, 299000);
    (void)put_and_read(0);
    assert_int_equal(spipe_ledger_dropped(&session), 10);
    assert_int_equal(session.ended.sent, 20);
    assert_int_equal(session.ended.cpu_ns, 299 * MS);
}

static void test_many_threads_may_end_between_two_ledgers(void **state)
{
    (void)state;
    spipe_ledger_begin(&session);
    for (int i = 0; i < 2500; i++) {
        struct spipe_slot *slot = spipe_slot_claim();
        slot->tid = FIRST_TID;
        atomic_store(&slot->state, SPIPE_SLOT_LIVE);
        attempt(slot, 2, 1, 1, 0);
        atomic_store(&slot->state, SPIPE_SLOT_ENDED);
        slot->thread_id = 1;
        spipe_ledger_end_slot(&session, slot);
        spipe_slot_release(slot);
        if (i % 500 == 0)
            assert_int_equal(spipe_outbox_write(session.outbox, &session.pipe), 0);
    }
    spipe_ledger_put(&session);
    assert_int_equal(session.failure, 0);
    assert_int_equal(spipe_ledger_dropped(&session), 2500);
}

static void test_what_an_earlier_session_left_is_not_counted_in_this_one(void **state)
{
    (void)state;
    struct spipe_slot *live = new_thread(FIRST_TID, 100 * MS);
    struct spipe_slot *ended = new_thread(FIRST_TID + 1, 0);
    attempt(live, 10, 4, 6, 0);
    attempt(ended, 20, 5, 15, 0);
    live->thread_id = 1;
    ended->thread_id = 2;
    ended->dropped_paused = 3;
    atomic_store(&ended->final_cpu_ns, 70 * MS);
    atomic_store(&ended->state, SPIPE_SLOT_ENDED);
    spipe_ledger_begin(&session);
    spipe_ledger_end_slot(&session, ended);
    spipe_slot_release(ended);
    (void)put_and_read(0);
    assert_int_equal(stream.thread_count, 0);
    assert_int_equal(spipe_ledger_dropped(&session), 0);
    assert_int_equal(session.ended.cpu_ns, 0);
    assert_int_equal(live->thread_id, 0);
}

static void test_cpu_time_that_no_known_thread_used_is_accounted_for_without_a_thread(void **state)
{
    (void)state;
    spipe_ledger_begin(&session);
    clock_fake_set_cpu(FIRST_TID + 5, 1000 * MS);      /* a thread that never had a slot */
    (void)put_and_read(0);
    assert_int_equal(stream.unknown.attempted, 100);
    assert_int_equal(stream.unknown.dropped_no_slot, 100);
    assert_int_equal(stream.unknown.cpu_us, 1000000);
    assert_int_equal(spipe_ledger_dropped(&session), 100);
}

static void test_a_little_disagreement_of_the_clocks_is_no_loss(void **state)
{
    (void)state;
    new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    clock_fake_set_cpu(FIRST_TID, 1000 * MS);
    clock_fake_set_cpu(FIRST_TID + 5, 19 * MS);
    (void)put_and_read(0);
    assert_int_equal(stream.unknown.attempted, 0);
}

static void test_times_in_the_handler_become_percentiles(void **state)
{
    (void)state;
    struct spipe_slot *slot = new_thread(FIRST_TID, 0);
    spipe_ledger_begin(&session);
    /* Bucket 36 ends at 1280 ns (octave of 1024, first quarter), bucket 60 at 81920 ns. */
    atomic_store(&slot->latency[36], 985);
    atomic_store(&slot->latency[60], 15);
    atomic_store(&slot->latency_max_ns, 80000);
    atomic_store(&slot->sleeps_cut_short, 3);
    atomic_store(&slot->unwind_faults, 4);
    (void)put_and_read(0);
    assert_int_equal(stream.ledger.handler_p50_ns, 1280);
    assert_int_equal(stream.ledger.handler_p99_ns, 80000);
    assert_int_equal(stream.ledger.handler_max_ns, 80000);
    assert_int_equal(stream.ledger.sleeps_cut_short, 3);
    assert_int_equal(stream.ledger.unwind_faults, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_attempts_are_what_was_sent_waits_and_was_dropped),
        TEST(test_cpu_time_with_a_source_is_not_a_drop),
        TEST(test_cpu_time_while_paused_is_dropped_in_whole_periods),
        TEST(test_cpu_time_without_timer_or_with_the_signal_blocked_is_dropped_by_its_cause),
        TEST(test_a_clock_that_goes_back_is_another_threads),
        TEST(test_a_thread_that_did_nothing_since_the_last_ledger_is_left_out),
        TEST(test_what_was_pending_is_settled_in_the_account_of_a_thread_that_sleeps),
        TEST(test_the_account_of_an_ended_thread_goes_out_once_and_stays_in_the_totals),
        TEST(test_many_threads_may_end_between_two_ledgers),
        TEST(test_what_an_earlier_session_left_is_not_counted_in_this_one),
        TEST(test_cpu_time_that_no_known_thread_used_is_accounted_for_without_a_thread),
        TEST(test_a_little_disagreement_of_the_clocks_is_no_loss),
        TEST(test_times_in_the_handler_become_percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
