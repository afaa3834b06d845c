/* SPDX-License-Identifier: MIT */
/* Sleeps last as long as without us, in every call that a signal could cut short. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

static void survive_sleeps_in_nanosleep(void **state)
{
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("sleeps"), "nanosleep")};
    struct promise_pair pair = survival_check(target);
    (void)state;
    promise_done(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_sleeps_in_nanosleep),
};

SURVIVAL_MAIN(tests)
