/* SPDX-License-Identifier: MIT */
/* Who blocks signals or waits for them finds those that are the program's, and none of ours. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

static void check(void **state, const char *verb)
{
    (void)state;
    survival_check_by_each_mechanism((struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("masks"), verb)});
}

static void survive_sigwaitinfo_for_all_signals(void **state)
{
    check(state, "wait-by-info");
}

static void survive_sigtimedwait_for_all_signals(void **state)
{
    check(state, "wait-by-timed");
}

static void survive_sigwait_for_all_signals(void **state)
{
    check(state, "wait-by-wait");
}

static void survive_signalfd_for_all_signals(void **state)
{
    check(state, "wait-by-descriptor");
}

static void survive_signalfd_for_own_sigprof(void **state)
{
    check(state, "read-own-sigprof");
}

static void survive_threads_that_block_all_signals(void **state)
{
    check(state, "block-in-threads");
}

static void survive_program_that_blocks_all_signals(void **state)
{
    check(state, "block-in-program");
}

static void survive_masks_that_change_all_the_time(void **state)
{
    check(state, "churn");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_sigwaitinfo_for_all_signals),     cmocka_unit_test(survive_sigtimedwait_for_all_signals),
    cmocka_unit_test(survive_sigwait_for_all_signals),         cmocka_unit_test(survive_signalfd_for_all_signals),
    cmocka_unit_test(survive_signalfd_for_own_sigprof),        cmocka_unit_test(survive_threads_that_block_all_signals),
    cmocka_unit_test(survive_program_that_blocks_all_signals), cmocka_unit_test(survive_masks_that_change_all_the_time),
};

SURVIVAL_MAIN(tests)
