/* SPDX-License-Identifier: MIT */
/* What samples cost decides how often they are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/clock.h"
#include "flow_kit.h"

#define PERIOD_US 1000u
#define LOOK_MS 260u

static void begin(uint32_t budget_ppm)
{
    flow_send_configuration(
        (struct spipe_configuration){.cpu_period_us = PERIOD_US, .buffer_kib = 1024, .budget_ppm = budget_ppm});
    flow_begin();
}

/* The program runs until the next look, and its samples hold it for that long in all. */
static void run(uint64_t handler_us)
{
    struct spipe_slot *slot = flow_own_slot();
    for (unsigned i = 0; i < 20; i++)
        flow_sample(slot, i, 2, 1);
    flow_round();
    atomic_fetch_add(&slot->handler_ns, handler_us * 1000u);
    clock_fake_set_cpu(slot->tid, spipe_clock_thread_cpu_ns(slot->tid) + LOOK_MS * CLOCK_FAKE_MS);
    clock_fake_advance(LOOK_MS * CLOCK_FAKE_MS);
    flow_round();
}

static void test_within_the_budget_the_interval_is_as_asked(void **state)
{
    (void)state;
    begin(0);
    run(2000);
    assert_int_equal(sampler_fake.stretch, 1);
    assert_int_equal(sampler_fake.starts, 1);
}

static void test_what_costs_too_much_is_done_less_often(void **state)
{
    (void)state;
    begin(0);
    run(4800);
    assert_int_equal(sampler_fake.stretch, 2);
    assert_int_equal(sampler_fake.period_ns, PERIOD_US * 1000u);
    assert_int_equal(sampler_fake.starts, 2);
}

static void test_the_interval_comes_back_when_samples_cost_less(void **state)
{
    (void)state;
    begin(0);
    run(10200);
    assert_int_equal(sampler_fake.stretch, 4);
    run(100);
    run(100);
    assert_int_equal(sampler_fake.stretch, 1);
}

static void test_the_ledger_says_what_was_taken_and_how_long_the_interval_is(void **state)
{
    (void)state;
    begin(0);
    run(10200);
    run(4000);
    run(1000);
    clock_fake_advance(1000 * CLOCK_FAKE_MS);
    flow_round();
    const struct agent_stream *stream = flow_read();
    assert_int_equal(stream->ledger.handler_cpu_us, 15200);
    assert_int_equal(stream->ledger.longest_stretch_percent, 800);
    assert_in_range(stream->ledger.stretch_percent, 100, 800);
}

static void test_without_a_limit_nothing_changes(void **state)
{
    (void)state;
    begin(1000000);
    run(200000);
    assert_int_equal(sampler_fake.stretch, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_within_the_budget_the_interval_is_as_asked, flow_set_up, flow_tear_down),
        cmocka_unit_test_setup_teardown(test_what_costs_too_much_is_done_less_often, flow_set_up, flow_tear_down),
        cmocka_unit_test_setup_teardown(test_the_interval_comes_back_when_samples_cost_less, flow_set_up,
                                        flow_tear_down),
        cmocka_unit_test_setup_teardown(test_the_ledger_says_what_was_taken_and_how_long_the_interval_is, flow_set_up,
                                        flow_tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_limit_nothing_changes, flow_set_up, flow_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
