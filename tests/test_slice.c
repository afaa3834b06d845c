/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/slice.h"

#define WORDS (SPIPE_SLICE_BYTES / 8 + 64)
#define ROUNDS 20000u

static uint64_t stack[WORDS];

static int set_up_pool(void **state)
{
    (void)state;
    spipe_slice_pool = calloc(SPIPE_SLICE_COUNT, sizeof *spipe_slice_pool);
    for (unsigned i = 0; i < WORDS; i++)
        stack[i] = i * UINT64_C(0x0101010101);
    return spipe_slice_pool == NULL ? -1 : 0;
}

static int tear_down_pool(void **state)
{
    (void)state;
    free(spipe_slice_pool);
    return 0;
}

static uint16_t take(size_t first, size_t end)
{
    struct spipe_registers registers = {{0}};
    registers.value[7] = (uint64_t)(uintptr_t)&stack[first];
    return spipe_slice_take(&registers, (uint64_t)(uintptr_t)&stack[first], (uint64_t)(uintptr_t)&stack[end]);
}

static void test_a_slice_holds_the_stack_and_the_registers(void **state)
{
    (void)state;
    uint16_t index = take(3, 100);
    assert_int_not_equal(index, SPIPE_SLICE_NONE);
    const struct spipe_slice *slice = spipe_slice_get(index);
    assert_int_equal(slice->low, (uintptr_t)&stack[3]);
    assert_int_equal(slice->len, 97 * 8);
    assert_false(slice->is_cut);
    assert_int_equal(slice->registers.value[7], (uintptr_t)&stack[3]);
    assert_memory_equal(slice->bytes, &stack[3], 97 * 8);
    spipe_slice_release(index);
}

static void test_a_stack_that_is_larger_than_a_slice_is_cut_at_its_far_end(void **state)
{
    (void)state;
    uint16_t index = take(0, WORDS);
    const struct spipe_slice *slice = spipe_slice_get(index);
    assert_true(slice->is_cut);
    assert_int_equal(slice->len, SPIPE_SLICE_BYTES);
    assert_memory_equal(slice->bytes, stack, SPIPE_SLICE_BYTES);
    spipe_slice_release(index);
}

static void test_the_pool_runs_out_and_recovers(void **state)
{
    (void)state;
    uint16_t index[SPIPE_SLICE_COUNT];
    bool is_taken[SPIPE_SLICE_COUNT] = {false};
    for (unsigned i = 0; i < SPIPE_SLICE_COUNT; i++) {
        index[i] = take(0, 8);
        assert_in_range(index[i], 0, SPIPE_SLICE_COUNT - 1);
        assert_false(is_taken[index[i]]);
        is_taken[index[i]] = true;
    }
    assert_int_equal(take(0, 8), SPIPE_SLICE_NONE);
    spipe_slice_release(77);
    assert_int_equal(take(0, 8), 77);
    for (unsigned i = 0; i < SPIPE_SLICE_COUNT; i++)
        spipe_slice_release(index[i]);
}

static _Atomic uint32_t wrong;

static void *take_and_release(void *argument)
{
    size_t first = (size_t)(uintptr_t)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint16_t index = take(first, first + 16);
        if (index == SPIPE_SLICE_NONE || memcmp(spipe_slice_get(index)->bytes, &stack[first], 128) != 0)
            atomic_fetch_add(&wrong, 1);
        if (index != SPIPE_SLICE_NONE)
            spipe_slice_release(index);
    }
    return NULL;
}

static void test_threads_never_share_a_slice(void **state)
{
    (void)state;
    pthread_t thread[3];
    for (uintptr_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, take_and_release, (void *)(i * 20)), 0);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slice_holds_the_stack_and_the_registers),
        cmocka_unit_test(test_a_stack_that_is_larger_than_a_slice_is_cut_at_its_far_end),
        cmocka_unit_test(test_the_pool_runs_out_and_recovers),
        cmocka_unit_test(test_threads_never_share_a_slice),
    };
    return cmocka_run_group_tests(tests, set_up_pool, tear_down_pool);
}
