/* SPDX-License-Identifier: MIT */
/* Stacks that are small, elsewhere, full or not to be believed: the program goes on, and the samples say what was
 * wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <sys/auxv.h>

static void check_stacks(const char *const *argument)
{
    survival_check_by_each_mechanism((struct target){.argument = argument});
}

static void survive_coroutines_on_stacks_of_16_kib(void **state)
{
    (void)state;
    check_stacks(ARGUMENTS(SURVIVAL_PROGRAM("stacks"), "coroutines", "16384"));
}

static void survive_coroutines_on_stacks_of_4_kib(void **state)
{
    (void)state;
    if (getauxval(AT_MINSIGSTKSZ) + 512 > 4096)
        survival_skip("the kernel's own frame for a signal is too large here");
    check_stacks(ARGUMENTS(SURVIVAL_PROGRAM("stacks"), "coroutines", "4096"));
}

/* The kernel's frame for a signal is 3.3 KiB with AVX-512, 11 KiB with AMX: a program that gets any signal at all needs
 * that much. Ours takes less than half a kilobyte beside it where the stack is not the thread's own. */
static void survive_coroutines_on_the_smallest_stacks(void **state)
{
    (void)state;
    check_stacks(ARGUMENTS(SURVIVAL_PROGRAM("stacks"), "coroutines"));
}

static void survive_coroutines_that_change_threads(void **state)
{
    (void)state;
    check_stacks(ARGUMENTS(SURVIVAL_PROGRAM("stacks"), "wandering"));
}

static void survive_stack_overflow_caught_on_an_alternate_stack(void **state)
{
    (void)state;
    check_stacks(ARGUMENTS(SURVIVAL_PROGRAM("stacks"), "overflow"));
}

/* At least the samples of the liars themselves end in a stand-in. */
static void check_broken(const char *verb)
{
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("broken"), verb), .mechanism = "perf-cpu-clock"};
    struct promise_pair pair = survival_check(target);
    assert_true(pair.session->weight > 0);
    assert_true(pair.session->rooted_weight < pair.session->weight);
    for (size_t i = 0; i < CAPTURE_STAND_INS; i++) {
        if (pair.session->end_weight[i] != 0)
            print_message("stand-in %zu: %llu of %llu\n", i, (unsigned long long)pair.session->end_weight[i],
                          (unsigned long long)pair.session->weight);
    }
    promise_done(&pair);
}

static void survive_wrong_frame_pointers(void **state)
{
    (void)state;
    check_stacks(ARGUMENTS(SURVIVAL_PROGRAM("broken"), "frames"));
}

static void survive_wrong_frame_pointers_in_code_without_tables(void **state)
{
    (void)state;
    check_broken("frames-without-tables");
}

static void survive_stacks_that_are_scribbled_over(void **state)
{
    (void)state;
    check_broken("scribble");
}

static void survive_wrong_stack_pointers(void **state)
{
    (void)state;
    check_broken("stack");
}

static void survive_wrong_unwind_tables(void **state)
{
    (void)state;
    check_broken("tables");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_coroutines_on_stacks_of_16_kib),
    cmocka_unit_test(survive_coroutines_on_stacks_of_4_kib),
    cmocka_unit_test(survive_coroutines_on_the_smallest_stacks),
    cmocka_unit_test(survive_coroutines_that_change_threads),
    cmocka_unit_test(survive_stack_overflow_caught_on_an_alternate_stack),
    cmocka_unit_test(survive_wrong_frame_pointers),
    cmocka_unit_test(survive_wrong_frame_pointers_in_code_without_tables),
    cmocka_unit_test(survive_stacks_that_are_scribbled_over),
    cmocka_unit_test(survive_wrong_stack_pointers),
    cmocka_unit_test(survive_wrong_unwind_tables),
};

SURVIVAL_MAIN(tests)
