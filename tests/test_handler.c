/* SPDX-License-Identifier: MIT */
/* Which signals the handler takes for the agent's own, and which it leaves to the program. */
#include "agent/handler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DESCRIPTOR 70

static bool take_event_signal(uint16_t state)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = POLL_IN;
    info.si_fd = DESCRIPTOR;
    atomic_store(&spipe_handler_descriptor_slot[DESCRIPTOR], state);
    bool is_taken = spipe_handler_take(&info, NULL);
    atomic_store(&spipe_handler_descriptor_slot[DESCRIPTOR], 0);
    return is_taken;
}

static void test_a_signal_of_a_descriptor_that_was_never_ours_is_the_programs(void **state)
{
    (void)state;
    assert_false(take_event_signal(0));
}

static void test_a_late_signal_of_an_event_that_is_gone_is_swallowed(void **state)
{
    (void)state;
    assert_true(take_event_signal(SPIPE_HANDLER_RETIRED));
}

static void test_a_signal_sent_by_kill_is_the_programs(void **state)
{
    (void)state;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_USER;
    assert_false(spipe_handler_take(&info, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_of_a_descriptor_that_was_never_ours_is_the_programs),
        cmocka_unit_test(test_a_late_signal_of_an_event_that_is_gone_is_swallowed),
        cmocka_unit_test(test_a_signal_sent_by_kill_is_the_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
