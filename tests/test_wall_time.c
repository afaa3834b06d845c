/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/wall_time.h"

#define PERIOD UINT64_C(20000000)
#define MS INT64_C(1000000)

static void add(struct spipe_wall_time *time, int64_t running_ns, int64_t waiting_ns, int64_t runnable_ns)
{
    const int64_t passed_ns[] = {[SPIPE_STATE_RUNNING] = running_ns,
                                 [SPIPE_STATE_WAITING] = waiting_ns,
                                 [SPIPE_STATE_RUNNABLE] = runnable_ns};
    spipe_wall_time_add(time, PERIOD, passed_ns);
}

static void test_whole_periods_are_given_to_the_state_that_passed(void **state)
{
    (void)state;
    struct spipe_wall_time time = {0};
    add(&time, 20 * MS, 0, 0);
    add(&time, 0, 60 * MS, 0);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_RUNNING), 1);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_WAITING), 3);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_RUNNABLE), 0);
    assert_int_equal(time.periods, 4);
}

static void test_what_was_taken_is_gone(void **state)
{
    (void)state;
    struct spipe_wall_time time = {0};
    add(&time, 0, 60 * MS, 0);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_WAITING), 3);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_WAITING), 0);
}

static void test_less_than_a_period_is_carried(void **state)
{
    (void)state;
    struct spipe_wall_time time = {0};
    for (unsigned i = 0; i < 19; i++)
        add(&time, 1 * MS, 0, 0);
    assert_int_equal(time.periods, 0);
    add(&time, 1 * MS, 0, 0);
    assert_int_equal(time.periods, 1);
}

/* 30 % running, 60 % waiting, 10 % in a queue, in parts far below a period. */
static void test_shares_below_a_period_come_out_right(void **state)
{
    (void)state;
    struct spipe_wall_time time = {0};
    uint64_t sum[3] = {0, 0, 0};
    for (unsigned i = 0; i < 20000; i++) {
        add(&time, 3 * MS / 10, 6 * MS / 10, 1 * MS / 10);
        for (unsigned kind = 0; kind < 3; kind++)
            sum[kind] += spipe_wall_time_take(&time, (enum spipe_state)kind);
    }
    assert_int_equal(sum[SPIPE_STATE_RUNNING] + sum[SPIPE_STATE_WAITING] + sum[SPIPE_STATE_RUNNABLE], 1000);
    assert_int_equal(sum[SPIPE_STATE_RUNNING], 300);
    assert_int_equal(sum[SPIPE_STATE_WAITING], 600);
    assert_int_equal(sum[SPIPE_STATE_RUNNABLE], 100);
}

/* A thread that was thought asleep has waited for a CPU: what was given cannot be taken back, but is made up for. */
static void test_a_state_that_was_wrong_is_made_up_for(void **state)
{
    (void)state;
    struct spipe_wall_time time = {0};
    add(&time, 0, 40 * MS, 0);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_WAITING), 2);
    add(&time, 0, 0 * MS, 20 * MS);
    add(&time, 0, -40 * MS, 40 * MS);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_RUNNABLE), 1);
    add(&time, 0, 40 * MS, 0);
    assert_int_equal(time.periods, 5);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_RUNNABLE), 2);
    assert_int_equal(spipe_wall_time_take(&time, SPIPE_STATE_WAITING), 0);
}

/* Whatever passes, the sum is exact; no state is a period ahead of its due, or two behind it. */
static void test_the_sum_is_exact_and_no_state_runs_away(void **state)
{
    (void)state;
    struct spipe_wall_time time = {0};
    uint32_t random = 1;
    uint64_t passed_ns[3] = {0, 0, 0};
    uint64_t sum[3] = {0, 0, 0};
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t part_ns[3];
        for (unsigned kind = 0; kind < 3; kind++) {
            random = random * 1664525u + 1013904223u;
            part_ns[kind] = (random >> 8) % (i % 7 == kind ? 3 * PERIOD : PERIOD / 9);
            passed_ns[kind] += part_ns[kind];
        }
        add(&time, (int64_t)part_ns[0], (int64_t)part_ns[1], (int64_t)part_ns[2]);
        for (unsigned kind = 0; kind < 3; kind++)
            sum[kind] += spipe_wall_time_take(&time, (enum spipe_state)kind);
        uint64_t all_ns = passed_ns[0] + passed_ns[1] + passed_ns[2];
        assert_int_equal(sum[0] + sum[1] + sum[2], all_ns / PERIOD);
        for (unsigned kind = 0; kind < 3; kind++) {
            int64_t behind_ns = (int64_t)passed_ns[kind] - (int64_t)(sum[kind] * PERIOD);
            assert_true(behind_ns < 2 * (int64_t)PERIOD && behind_ns > -(int64_t)PERIOD);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_periods_are_given_to_the_state_that_passed),
        cmocka_unit_test(test_what_was_taken_is_gone),
        cmocka_unit_test(test_less_than_a_period_is_carried),
        cmocka_unit_test(test_shares_below_a_period_come_out_right),
        cmocka_unit_test(test_a_state_that_was_wrong_is_made_up_for),
        cmocka_unit_test(test_the_sum_is_exact_and_no_state_runs_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
