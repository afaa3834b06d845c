/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/losses.h"

#include <string.h>

/* A summary that has lost so many samples to the full ring and to blocked signals. */
static struct spipe_summary make_summary(uint64_t ring_full, uint64_t blocked)
{
    static const char *const names[SPIPE_SUMMARY_DROP_CAUSES] = {
        "ring_full", "pipe_full", "paused", "no_slot", "in_agent", "blocked", "other", "connection", "no_host"};
    struct spipe_summary summary = {.dropped_total = ring_full + blocked};
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        summary.dropped[i].name = names[i];
    }
    summary.dropped[0].count = ring_full;
    summary.dropped[5].count = blocked;
    return summary;
}

static void test_nothing_lost_is_said_in_the_callers_words(void **state)
{
    (void)state;
    struct spipe_summary summary = make_summary(0, 0);
    char text[SPIPE_LOSSES_MAX];
    assert_string_equal(spipe_losses_format(&summary, "nothing lost", text), "nothing lost");
}

static void test_the_only_cause_is_named(void **state)
{
    (void)state;
    struct spipe_summary summary = make_summary(7, 0);
    char text[SPIPE_LOSSES_MAX];
    assert_string_equal(spipe_losses_format(&summary, "", text), "7 lost (the thread's ring was full)");
}

static void test_the_main_cause_of_several_is_named(void **state)
{
    (void)state;
    struct spipe_summary summary = make_summary(7, 8);
    char text[SPIPE_LOSSES_MAX];
    assert_string_equal(spipe_losses_format(&summary, "", text), "15 lost (mostly: threads kept the signal blocked)");
}

static void test_every_cause_of_the_summary_has_words(void **state)
{
    (void)state;
    struct spipe_summary summary = make_summary(0, 0);
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        assert_non_null(strchr(spipe_losses_cause_words(summary.dropped[i].name), ' '));
    }
    assert_string_equal(spipe_losses_cause_words("newer"), "newer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_lost_is_said_in_the_callers_words),
        cmocka_unit_test(test_the_only_cause_is_named),
        cmocka_unit_test(test_the_main_cause_of_several_is_named),
        cmocka_unit_test(test_every_cause_of_the_summary_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
