/* SPDX-License-Identifier: MIT */
/* The slices' size follows the stacks that are seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/slice_size.h"

#define KIB 1024u

static struct spipe_slice_size size_of(uint32_t bytes)
{
    struct spipe_slice_size size;
    spipe_slice_size_init(&size, bytes, SPIPE_SLICE_SIZE_MOST);
    return size;
}

static void note(struct spipe_slice_size *size, unsigned count, uint32_t needed_bytes)
{
    for (unsigned i = 0; i < count; i++)
        spipe_slice_size_note(size, needed_bytes, false);
}

static void note_cut(struct spipe_slice_size *size, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        spipe_slice_size_note(size, 0, true);
}

static void test_size_stays_while_little_is_known(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(SPIPE_SLICE_SIZE_MOST);
    note(&size, 100, 1 * KIB);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_MOST);
    assert_false(spipe_slice_size_is_settled(&size));
}

static void test_shallow_stacks_get_slices_with_room_for_twice_as_much(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(SPIPE_SLICE_SIZE_MOST);
    note(&size, 1000, 1 * KIB);
    spipe_slice_size_note(&size, 7 * KIB, false);
    assert_true(spipe_slice_size_is_settled(&size));
    assert_int_equal(spipe_slice_size_wanted(&size), 16 * KIB);
}

static void test_slices_are_never_smaller_than_a_page(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(32 * KIB);
    note(&size, 1000, 100);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_LEAST);
}

static void test_one_cut_stack_asks_for_the_largest_slices(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(8 * KIB);
    note(&size, 100, 1 * KIB);
    note_cut(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_MOST);
}

static void test_one_cut_stack_in_a_thousand_is_borne(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(8 * KIB);
    note(&size, 1500, 4 * KIB);
    note_cut(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), 8 * KIB);
    note_cut(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_MOST);
}

static void test_stacks_deeper_than_any_slice_fit_none(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(SPIPE_SLICE_SIZE_MOST);
    note(&size, 100, 1 * KIB);
    note_cut(&size, 2);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_MOST);
    note_cut(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), 0);
}

static void test_larger_slices_stay_for_longer(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(8 * KIB);
    note_cut(&size, 1);
    spipe_slice_size_set(&size, spipe_slice_size_wanted(&size));
    note(&size, 1000, 1 * KIB);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_MOST);
    note(&size, 5000, 1 * KIB);
    assert_int_equal(spipe_slice_size_wanted(&size), SPIPE_SLICE_SIZE_LEAST);
}

static void test_full_rings_ask_for_the_smallest_slices_that_fit(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(SPIPE_SLICE_SIZE_MOST);
    note(&size, 10, 5 * KIB);
    spipe_slice_size_note_lost(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), 8 * KIB);
}

static void test_rings_that_are_full_of_the_smallest_slices_do_not_do(void **state)
{
    (void)state;
    struct spipe_slice_size size = size_of(8 * KIB);
    note(&size, 999, 5 * KIB);
    spipe_slice_size_note_lost(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), 8 * KIB);
    spipe_slice_size_note_lost(&size, 1);
    assert_int_equal(spipe_slice_size_wanted(&size), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_stays_while_little_is_known),
        cmocka_unit_test(test_shallow_stacks_get_slices_with_room_for_twice_as_much),
        cmocka_unit_test(test_slices_are_never_smaller_than_a_page),
        cmocka_unit_test(test_one_cut_stack_asks_for_the_largest_slices),
        cmocka_unit_test(test_one_cut_stack_in_a_thousand_is_borne),
        cmocka_unit_test(test_stacks_deeper_than_any_slice_fit_none),
        cmocka_unit_test(test_larger_slices_stay_for_longer),
        cmocka_unit_test(test_full_rings_ask_for_the_smallest_slices_that_fit),
        cmocka_unit_test(test_rings_that_are_full_of_the_smallest_slices_do_not_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
