/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/tally.h"

static void add_samples(struct spipe_tally *tally, size_t count)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES, .samples = {.sample_count = count}};
    spipe_tally_add(tally, &record);
}

static void add_loss(struct spipe_tally *tally, uint32_t thread_id, uint64_t ring_full, uint64_t pipe_full)
{
    struct spipe_thread_ledger thread = {
        .thread_id = thread_id, .dropped_ring_full = ring_full, .dropped_pipe_full = pipe_full};
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER, .ledger = {.thread = &thread, .thread_count = 1}};
    spipe_tally_add(tally, &record);
}

static void test_samples_add_up(void **state)
{
    (void)state;
    struct spipe_tally tally;
    spipe_tally_init(&tally);
    add_samples(&tally, 3);
    add_samples(&tally, 4);
    assert_int_equal(tally.samples, 7);
    spipe_tally_done(&tally);
}

static void test_ledgers_are_running_totals_of_each_thread(void **state)
{
    (void)state;
    struct spipe_tally tally;
    spipe_tally_init(&tally);
    spipe_tally_begin_session(&tally);
    add_loss(&tally, 1, 2, 0);
    add_loss(&tally, 9, 1, 1);
    add_loss(&tally, 1, 2, 3);
    assert_int_equal(tally.lost, 7);
    spipe_tally_done(&tally);
}

static void test_a_second_source_has_an_account_of_its_own(void **state)
{
    (void)state;
    struct spipe_tally tally;
    struct spipe_thread_ledger thread[] = {{.thread_id = 1, .dropped_ring_full = 2},
                                           {.thread_id = 1, .source_id = 2, .dropped_paused = 5}};
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER, .ledger = {.thread = thread, .thread_count = 2}};
    spipe_tally_init(&tally);
    spipe_tally_begin_session(&tally);
    spipe_tally_add(&tally, &record);
    add_loss(&tally, 1, 3, 0);
    assert_int_equal(tally.lost, 8);
    spipe_tally_done(&tally);
}

static void test_a_new_session_counts_on_from_the_last_one(void **state)
{
    (void)state;
    struct spipe_tally tally;
    spipe_tally_init(&tally);
    spipe_tally_begin_session(&tally);
    add_loss(&tally, 1, 5, 0);
    spipe_tally_begin_session(&tally);
    add_loss(&tally, 1, 2, 0);
    assert_int_equal(tally.lost, 7);
    assert_int_equal(tally.sessions, 2);
    spipe_tally_done(&tally);
}

static void test_losses_never_go_down_when_the_ids_restart(void **state)
{
    (void)state;
    struct spipe_tally tally;
    spipe_tally_init(&tally);
    spipe_tally_begin_session(&tally);
    add_loss(&tally, 5, 8, 0);
    struct spipe_record checkpoint = {.kind = SPIPE_RECORD_CHECKPOINT};
    spipe_tally_add(&tally, &checkpoint);
    add_loss(&tally, 1, 3, 0);
    assert_int_equal(tally.lost, 8);
    add_loss(&tally, 1, 9, 0);
    assert_int_equal(tally.lost, 9);
    spipe_tally_done(&tally);
}

static void test_absurd_thread_ids_take_no_memory(void **state)
{
    (void)state;
    struct spipe_tally tally;
    spipe_tally_init(&tally);
    spipe_tally_begin_session(&tally);
    add_loss(&tally, UINT32_MAX, 5, 0);
    assert_int_equal(tally.account_count, 0);
    assert_int_equal(tally.lost, 0);
    spipe_tally_done(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_add_up),
        cmocka_unit_test(test_ledgers_are_running_totals_of_each_thread),
        cmocka_unit_test(test_a_second_source_has_an_account_of_its_own),
        cmocka_unit_test(test_a_new_session_counts_on_from_the_last_one),
        cmocka_unit_test(test_losses_never_go_down_when_the_ids_restart),
        cmocka_unit_test(test_absurd_thread_ids_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
