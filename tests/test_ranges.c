/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/ranges.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOTHING UINT32_MAX

static uint32_t value_at(const struct spipe_ranges *ranges, uint64_t address)
{
    const struct spipe_range *range = spipe_ranges_find(ranges, address);

    return range ? range->value : NOTHING;
}

static void test_end_is_outside(void **state)
{
    struct spipe_ranges ranges;

    (void)state;
    spipe_ranges_init(&ranges);
    assert_int_equal(spipe_ranges_add(&ranges, 10, 20, 1), 0);
    assert_int_equal(spipe_ranges_finish(&ranges), 0);
    assert_int_equal(value_at(&ranges, 9), NOTHING);
    assert_int_equal(value_at(&ranges, 10), 1);
    assert_int_equal(value_at(&ranges, 19), 1);
    assert_int_equal(value_at(&ranges, 20), NOTHING);
    spipe_ranges_done(&ranges);
}

static void test_inner_range_wins_and_outer_goes_on_behind_it(void **state)
{
    struct spipe_ranges ranges;

    (void)state;
    spipe_ranges_init(&ranges);
    assert_int_equal(spipe_ranges_add(&ranges, 40, 50, 2), 0);
    assert_int_equal(spipe_ranges_add(&ranges, 0, 100, 1), 0);
    assert_int_equal(spipe_ranges_finish(&ranges), 0);
    assert_int_equal(value_at(&ranges, 39), 1);
    assert_int_equal(value_at(&ranges, 40), 2);
    assert_int_equal(value_at(&ranges, 50), 1);
    spipe_ranges_done(&ranges);
}

static void test_of_equal_ranges_the_lowest_value_is_kept(void **state)
{
    struct spipe_ranges ranges;

    (void)state;
    spipe_ranges_init(&ranges);
    assert_int_equal(spipe_ranges_add(&ranges, 5, 6, 9), 0);
    assert_int_equal(spipe_ranges_add(&ranges, 5, 6, 3), 0);
    assert_int_equal(spipe_ranges_finish(&ranges), 0);
    assert_int_equal(value_at(&ranges, 5), 3);
    spipe_ranges_done(&ranges);
}

static void test_empty_and_backward_ranges_are_ignored(void **state)
{
    struct spipe_ranges ranges;

    (void)state;
    spipe_ranges_init(&ranges);
    assert_int_equal(spipe_ranges_add(&ranges, 5, 5, 1), 0);
    assert_int_equal(spipe_ranges_add(&ranges, 9, 7, 2), 0);
    assert_int_equal(spipe_ranges_finish(&ranges), 0);
    assert_int_equal(value_at(&ranges, 5), NOTHING);
    assert_int_equal(value_at(&ranges, 8), NOTHING);
    spipe_ranges_done(&ranges);
}

/* Of all ranges that hold an address: the one that begins last; of those the shortest; of those the lowest value. */
static uint32_t value_by_search(const struct spipe_range *range, size_t count, uint64_t address)
{
    const struct spipe_range *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (address < range[i].start || address >= range[i].end)
            continue;
        if (!best || range[i].start > best->start || (range[i].start == best->start && range[i].end < best->end))
            best = &range[i];
    }
    return best ? best->value : NOTHING;
}

static void test_any_ranges_give_what_a_plain_search_gives(void **state)
{
    struct spipe_range range[40];
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct spipe_ranges ranges;
        spipe_ranges_init(&ranges);
        for (uint32_t i = 0; i < 40; i++) {
            seed = seed * 1664525u + 1013904223u;
            range[i] = (struct spipe_range){(seed >> 8) % 200, 0, i};
            range[i].end = range[i].start + 1 + (seed >> 20) % 60;
            assert_int_equal(spipe_ranges_add(&ranges, range[i].start, range[i].end, i), 0);
        }
        assert_int_equal(spipe_ranges_finish(&ranges), 0);
        for (uint64_t address = 0; address < 270; address++)
            assert_int_equal(value_at(&ranges, address), value_by_search(range, 40, address));
        spipe_ranges_done(&ranges);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_is_outside),
        cmocka_unit_test(test_inner_range_wins_and_outer_goes_on_behind_it),
        cmocka_unit_test(test_of_equal_ranges_the_lowest_value_is_kept),
        cmocka_unit_test(test_empty_and_backward_ranges_are_ignored),
        cmocka_unit_test(test_any_ranges_give_what_a_plain_search_gives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
