/* SPDX-License-Identifier: MIT */
/* Threads in masses: each one is found or counted, and none is changed. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/slot.h"
#include "survival/survival_kit.h"

#define CROWDS(...)   ARGUMENTS(SURVIVAL_PROGRAM("crowds"), __VA_ARGS__)
#define CROWD         "1200"
#define CROWD_COUNT   1200u
#define CROWD_WORK_US 4000u
#define CROWD_WORK_MS "4"

static void survive_threads_100000_short_ones(void **state)
{
    (void)state;
    struct promise_pair pair = survival_check((struct target){.argument = CROWDS("short", "100000")});
    assert_int_equal(pair.session_count, 1);
    assert_int_equal(target_number(&pair.profiled, "total"), 100000);
    promise_done(&pair);
}

/* The CPU time of those beyond is counted, to within the little that clocks disagree by. */
static void survive_threads_beyond_our_slots(void **state)
{
    (void)state;
    struct promise_pair pair = survival_check((struct target){.argument = CROWDS("together", CROWD, CROWD_WORK_MS)});
    struct capture_sums sums = capture_session_sums(pair.session);
    uint64_t beyond_us = (uint64_t)(CROWD_COUNT + 1 - SPIPE_SLOT_COUNT) * CROWD_WORK_US;
    uint64_t no_slot_us = sums.dropped_no_slot * pair.session->period_us;
    print_message("%u threads sampled, %llu ms without a slot, of which %llu ms are work\n", sums.sampled_threads,
                  (unsigned long long)no_slot_us / 1000, (unsigned long long)beyond_us / 1000);
    assert_int_equal(pair.session_count, 1);
    assert_true(no_slot_us > beyond_us * 8 / 10);
    promise_done(&pair);
}

static void survive_threads_that_change_their_names(void **state)
{
    (void)state;
    struct promise_pair pair = survival_check((struct target){.argument = CROWDS("names", "4000")});
    assert_int_equal(pair.session_count, 1);
    promise_done(&pair);
}

static void survive_threads_that_nobody_waits_for(void **state)
{
    (void)state;
    struct promise_pair pair = survival_check((struct target){.argument = CROWDS("detached", "50")});
    assert_int_equal(pair.session_count, 1);
    promise_done(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_threads_100000_short_ones),
    cmocka_unit_test(survive_threads_beyond_our_slots),
    cmocka_unit_test(survive_threads_that_change_their_names),
    cmocka_unit_test(survive_threads_that_nobody_waits_for),
};

SURVIVAL_MAIN(tests)
