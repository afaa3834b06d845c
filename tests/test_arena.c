/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/arena.h"

static unsigned char memory[256];

static void test_taken_memory_is_aligned_for_any_type(void **state)
{
    (void)state;
    struct spipe_arena arena;
    for (size_t start = 0; start < 32; start++) {
        spipe_arena_init(&arena, memory + start, 128);
        for (size_t size = 1; size < 8; size++) {
            assert_int_equal((uintptr_t)spipe_arena_take(&arena, size) % _Alignof(max_align_t), 0);
        }
    }
}

static void test_taken_pieces_do_not_overlap(void **state)
{
    (void)state;
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, sizeof(memory));
    unsigned char *a = spipe_arena_take(&arena, 20);
    unsigned char *b = spipe_arena_take(&arena, 5);
    assert_true(b >= a + 20);
    assert_true(b + 5 <= memory + sizeof(memory));
}

static void test_nothing_is_taken_beyond_the_capacity(void **state)
{
    (void)state;
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, 100);
    assert_null(spipe_arena_take(&arena, 101));
    assert_null(spipe_arena_take(&arena, SIZE_MAX));
    size_t taken = 0;
    while (spipe_arena_take(&arena, 8) != NULL) {
        taken += 8;
    }
    assert_in_range(taken, 8, 100);
}

static void test_what_alignment_costs_counts_too(void **state)
{
    (void)state;
    struct spipe_arena arena;
    size_t misfit = 1 + (_Alignof(max_align_t) - (uintptr_t)memory % _Alignof(max_align_t)) % _Alignof(max_align_t);
    spipe_arena_init(&arena, memory + misfit, 64);
    assert_null(spipe_arena_take(&arena, 64));
    assert_non_null(spipe_arena_take(&arena, 64 - (_Alignof(max_align_t) - 1)));
}

static void test_a_refused_piece_leaves_the_rest_usable(void **state)
{
    (void)state;
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, 128);
    assert_null(spipe_arena_take(&arena, 200));
    assert_non_null(spipe_arena_take(&arena, 64));
}

static void test_the_limit_holds_below_the_capacity(void **state)
{
    (void)state;
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, sizeof(memory));
    arena.limit = 32;
    assert_null(spipe_arena_take(&arena, 64));
    assert_non_null(spipe_arena_take(&arena, 16));
}

static void test_reset_gives_everything_back_and_lifts_the_limit(void **state)
{
    (void)state;
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, sizeof(memory));
    void *first = spipe_arena_take(&arena, 64);
    arena.limit = 64;
    spipe_arena_reset(&arena);
    assert_ptr_equal(spipe_arena_take(&arena, 128), first);
}

static void test_a_piece_of_no_size_is_no_failure(void **state)
{
    (void)state;
    struct spipe_arena arena;
    spipe_arena_init(&arena, memory, sizeof(memory));
    assert_non_null(spipe_arena_take(&arena, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_memory_is_aligned_for_any_type),
        cmocka_unit_test(test_taken_pieces_do_not_overlap),
        cmocka_unit_test(test_nothing_is_taken_beyond_the_capacity),
        cmocka_unit_test(test_what_alignment_costs_counts_too),
        cmocka_unit_test(test_a_refused_piece_leaves_the_rest_usable),
        cmocka_unit_test(test_the_limit_holds_below_the_capacity),
        cmocka_unit_test(test_reset_gives_everything_back_and_lifts_the_limit),
        cmocka_unit_test(test_a_piece_of_no_size_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
