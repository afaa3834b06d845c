/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/backoff.h"

#define PAUSES 20u

static void test_pauses_double_up_to_the_longest(void **state)
{
    struct spipe_backoff backoff;
    uint32_t longest_ms = SPIPE_BACKOFF_FIRST_MS;
    (void)state;
    spipe_backoff_init(&backoff, 7);
    for (unsigned i = 0; i < PAUSES; i++) {
        assert_in_range(spipe_backoff_next_ms(&backoff), longest_ms / 2, longest_ms);
        longest_ms = longest_ms * 2 > SPIPE_BACKOFF_LAST_MS ? SPIPE_BACKOFF_LAST_MS : longest_ms * 2;
    }
}

static void test_processes_with_other_seeds_are_out_of_step(void **state)
{
    struct spipe_backoff one;
    struct spipe_backoff other;
    unsigned same = 0;
    (void)state;
    spipe_backoff_init(&one, UINT64_C(0x0123456789abcdef));
    spipe_backoff_init(&other, UINT64_C(0xfedcba9876543210));
    for (unsigned i = 0; i < PAUSES; i++)
        same += spipe_backoff_next_ms(&one) == spipe_backoff_next_ms(&other);
    assert_true(same < PAUSES / 2);
}

static void test_pauses_vary_within_one_process(void **state)
{
    struct spipe_backoff backoff;
    uint32_t least_ms = UINT32_MAX;
    uint32_t most_ms = 0;
    (void)state;
    spipe_backoff_init(&backoff, 0);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t pause_ms = spipe_backoff_next_ms(&backoff);
        if (i >= 10 && pause_ms < least_ms)
            least_ms = pause_ms;
        if (i >= 10 && pause_ms > most_ms)
            most_ms = pause_ms;
    }
    assert_true(least_ms < SPIPE_BACKOFF_LAST_MS * 6 / 10);
    assert_true(most_ms > SPIPE_BACKOFF_LAST_MS * 9 / 10);
}

static void test_a_host_that_lasted_begins_with_the_shortest_pause_again(void **state)
{
    struct spipe_backoff backoff;
    (void)state;
    spipe_backoff_init(&backoff, 3);
    for (unsigned i = 0; i < PAUSES; i++)
        (void)spipe_backoff_next_ms(&backoff);
    spipe_backoff_reset(&backoff);
    assert_in_range(spipe_backoff_next_ms(&backoff), SPIPE_BACKOFF_FIRST_MS / 2, SPIPE_BACKOFF_FIRST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses_double_up_to_the_longest),
        cmocka_unit_test(test_processes_with_other_seeds_are_out_of_step),
        cmocka_unit_test(test_pauses_vary_within_one_process),
        cmocka_unit_test(test_a_host_that_lasted_begins_with_the_shortest_pause_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
