/* SPDX-License-Identifier: MIT */
/* Signal handlers of the program's, whenever they come and whatever they do, get what they would get without us. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

static void check_after(void **state, const char *verb)
{
    (void)state;
    survival_check_by_each_mechanism((struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("handlers"), verb)});
}

/* The program has its handler when it starts the agent. */
static void check_before(void **state, const char *verb)
{
    (void)state;
    survival_check_by_each_mechanism((struct target){.argument = ARGUMENTS(SURVIVAL_PROGRAM("handlers-late"), verb),
                                                     .loading = TARGET_STARTS_AGENT});
}

static void survive_own_sigprof_handler_after_us(void **state)
{
    check_after(state, "own-sigprof");
}

static void survive_own_sigprof_handler_before_us(void **state)
{
    check_before(state, "own-sigprof");
}

static void survive_sigprof_handler_replaced_while_running(void **state)
{
    check_after(state, "replace-sigprof");
}

static void survive_sigprof_taken_by_a_bare_system_call(void **state)
{
    check_after(state, "take-silently");
}

static void survive_own_interval_timers(void **state)
{
    check_after(state, "own-timers");
}

static void survive_sigsegv_handler_that_mends_after_us(void **state)
{
    check_after(state, "fix-faults");
}

static void survive_sigsegv_handler_that_mends_before_us(void **state)
{
    check_before(state, "fix-faults");
}

static void survive_sigsegv_handler_that_jumps_after_us(void **state)
{
    check_after(state, "jump-from-faults");
}

static void survive_sigsegv_handler_that_jumps_before_us(void **state)
{
    check_before(state, "jump-from-faults");
}

static void survive_handler_that_jumps_at_any_moment(void **state)
{
    check_after(state, "jump-from-alarms");
}

static void survive_handlers_on_alternate_stacks(void **state)
{
    check_after(state, "alternate-stacks");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_own_sigprof_handler_after_us),
    cmocka_unit_test(survive_own_sigprof_handler_before_us),
    cmocka_unit_test(survive_sigprof_handler_replaced_while_running),
    cmocka_unit_test(survive_sigprof_taken_by_a_bare_system_call),
    cmocka_unit_test(survive_own_interval_timers),
    cmocka_unit_test(survive_sigsegv_handler_that_mends_after_us),
    cmocka_unit_test(survive_sigsegv_handler_that_mends_before_us),
    cmocka_unit_test(survive_sigsegv_handler_that_jumps_after_us),
    cmocka_unit_test(survive_sigsegv_handler_that_jumps_before_us),
    cmocka_unit_test(survive_handler_that_jumps_at_any_moment),
    cmocka_unit_test(survive_handlers_on_alternate_stacks),
};

SURVIVAL_MAIN(tests)
