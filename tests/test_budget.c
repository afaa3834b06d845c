/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/budget.h"

#define ONE_PERCENT 10000u
#define LOOK_US 250000u

/* What comes of that cost beside so much CPU time of the program, with a hundred samples. */
static uint32_t decide(uint32_t stretch, uint64_t cost_us, uint64_t program_us)
{
    struct spipe_budget_use use = {cost_us, program_us, LOOK_US, 100};
    return spipe_budget_decide(stretch, &use, ONE_PERCENT);
}

static void test_what_is_within_the_budget_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(decide(1, 2500, 250000), 1);
    assert_int_equal(decide(1, 0, 250000), 1);
    assert_int_equal(decide(2, 2400, 250000), 2);
}

static void test_twice_the_budget_doubles_the_interval(void **state)
{
    (void)state;
    assert_int_equal(decide(1, 5000, 250000), 2);
    assert_int_equal(decide(3, 5000, 250000), 6);
    assert_int_equal(decide(1, 2501, 250000), 2);
}

static void test_the_interval_grows_fourfold_at_most_and_not_for_ever(void **state)
{
    (void)state;
    assert_int_equal(decide(1, 100000, 250000), 4);
    assert_int_equal(decide(900, 100000, 250000), SPIPE_STRETCH_MAX);
}

static void test_the_interval_shrinks_when_that_stays_well_within_the_budget(void **state)
{
    (void)state;
    assert_int_equal(decide(8, 0, 250000), 4);
    assert_int_equal(decide(8, 1000, 250000), 4);
    assert_int_equal(decide(8, 1500, 250000), 6);
    assert_int_equal(decide(8, 2000, 250000), 8);
    assert_int_equal(decide(2, 100, 250000), 1);
}

static void test_a_program_that_sleeps_has_the_budget_of_a_tenth_of_a_cpu(void **state)
{
    (void)state;
    assert_int_equal(decide(1, 250, 0), 1);
    assert_int_equal(decide(1, 500, 0), 2);
}

static void test_few_samples_are_no_reason_to_take_fewer(void **state)
{
    (void)state;
    struct spipe_budget_use use = {100000, 250000, LOOK_US, 3};
    assert_int_equal(spipe_budget_decide(5, &use, ONE_PERCENT), 5);
}

/* The cost of samples alone: with each choice the next cost follows, and the interval settles where the budget is kept. */
static void test_the_interval_settles_within_the_budget(void **state)
{
    (void)state;
    uint32_t stretch = 1;
    for (unsigned look = 0; look < 20; look++)
        stretch = decide(stretch, 40000 / stretch, 250000);
    assert_true(40000 / stretch <= 2500);
    assert_true(stretch <= 20);
    for (unsigned look = 0; look < 20; look++)
        stretch = decide(stretch, 1000 / stretch, 250000);
    assert_int_equal(stretch, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_within_the_budget_changes_nothing),
        cmocka_unit_test(test_twice_the_budget_doubles_the_interval),
        cmocka_unit_test(test_the_interval_grows_fourfold_at_most_and_not_for_ever),
        cmocka_unit_test(test_the_interval_shrinks_when_that_stays_well_within_the_budget),
        cmocka_unit_test(test_a_program_that_sleeps_has_the_budget_of_a_tenth_of_a_cpu),
        cmocka_unit_test(test_few_samples_are_no_reason_to_take_fewer),
        cmocka_unit_test(test_the_interval_settles_within_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
