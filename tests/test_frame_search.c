/* SPDX-License-Identifier: MIT */
/* Frame pointers of real frames, found on the real stack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "agent/frame_search.h"

#define KEEPS_FRAME __attribute__((noinline, noclone, optimize("O0", "no-omit-frame-pointer")))
#define VIEW_SIZE 4096u

extern const char __executable_start, etext;

static struct spipe_code_map *map;
/* What was found for the function that called search(), and what it says itself. */
static enum spipe_frame_proof proof;
static uint64_t found;
static uint64_t real;
static uint64_t from;           /* where the search begins on the stack */

static int set_up(void **state)
{
    (void)state;
    map = calloc(1, sizeof *map + sizeof map->range[0]);
    map->generation = 1;
    map->count = 1;
    map->range[0].start = (uint64_t)(uintptr_t)&__executable_start;
    map->range[0].end = (uint64_t)(uintptr_t)&etext;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(map);
    return 0;
}

/* Looks for the frame of the caller, as if its frame pointer were not known. */
KEEPS_FRAME static void search(void)
{
    uint64_t low = (uint64_t)(uintptr_t)__builtin_frame_address(0) + 16;
    struct spipe_stack_view view = {low, low + VIEW_SIZE, (const unsigned char *)(uintptr_t)low};
    uint64_t pc = (uint64_t)(uintptr_t)__builtin_return_address(0) - 1;
    found = 0;
    proof = spipe_frame_search(map, &view, from != 0 ? from : low, pc, &found);
}

KEEPS_FRAME static int callee(int value)
{
    volatile int kept[40] = {value};
    real = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    search();
    return kept[0];
}

/* Leaves words on the stack that look like frames, as earlier calls do. */
KEEPS_FRAME static int leave_traces(int depth)
{
    volatile int kept[16] = {depth};
    return depth > 0 ? leave_traces(depth - 1) + kept[0] : kept[0];
}

/* Of whose room the lower part was never written. */
KEEPS_FRAME static int has_old_words(void)
{
    volatile char room[1024];
    room[1023] = 1;
    real = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    search();
    return room[1023];
}

KEEPS_FRAME static void call_directly(void)
{
    (void)callee(1);
    real |= 0;
}

KEEPS_FRAME static void call_by_pointer(int (*volatile function)(int))
{
    (void)function(1);
    real |= 0;
}

KEEPS_FRAME static void call_behind_others(void)
{
    (void)leave_traces(12);
    (void)has_old_words();
    real |= 0;
}

static void test_a_call_of_the_function_proves_its_frame(void **state)
{
    (void)state;
    from = 0;
    call_directly();
    assert_int_equal(proof, SPIPE_FRAME_PROVEN);
    assert_int_equal(found, real);
}

static void test_a_call_by_pointer_makes_it_likely(void **state)
{
    (void)state;
    from = 0;
    call_by_pointer(callee);
    assert_int_equal(proof, SPIPE_FRAME_LIKELY);
    assert_int_equal(found, real);
}

static void test_frames_of_earlier_calls_are_passed_over(void **state)
{
    (void)state;
    from = 0;
    call_behind_others();
    assert_int_equal(proof, SPIPE_FRAME_PROVEN);
    assert_int_equal(found, real);
}

static void test_above_the_frame_nothing_is_found(void **state)
{
    (void)state;
    from = 0;
    call_directly();
    from = real + 16;
    call_directly();
    assert_int_not_equal(proof, SPIPE_FRAME_PROVEN);
    from = 0;
}

static void test_code_that_is_not_known_has_no_frame(void **state)
{
    (void)state;
    uint64_t words[4] = {0, 0, 0, 0};
    uint64_t low = (uint64_t)(uintptr_t)words;
    struct spipe_stack_view view = {low, low + sizeof words, (const unsigned char *)words};
    assert_int_equal(spipe_frame_search(map, &view, low, 0x1000, &found), SPIPE_FRAME_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_of_the_function_proves_its_frame),
        TEST(test_a_call_by_pointer_makes_it_likely),
        TEST(test_frames_of_earlier_calls_are_passed_over),
        TEST(test_above_the_frame_nothing_is_found),
        TEST(test_code_that_is_not_known_has_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
