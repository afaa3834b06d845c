/* SPDX-License-Identifier: MIT */
/* Which signals the handler takes for the agent's own, and which it leaves to the program; whose stacks it copies. */
#include "agent/handler.h"
#include "agent/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

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

/* ---------------------------------------------------------------------------------------------------------- audits */

static uint64_t stack[64];
static struct {
    struct spipe_code_map map;
    struct spipe_code_range range;
} code = {{1, 1}, {0x400000, 0x500000, 0x400000, NULL, 0, SPIPE_CODE_NO_TABLE}};

/* A thread whose stack is known, and whose code has no table, so that a walk is over at once. */
static struct spipe_slot *make_slot(uint32_t audit_interval)
{
    struct spipe_slot *slot = spipe_slot_claim();
    atomic_store(&slot->stack_low, (uint64_t)(uintptr_t)stack);
    atomic_store(&slot->stack_high, (uint64_t)(uintptr_t)(stack + 64));
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    atomic_store(&slot->stretch, 1);
    atomic_store(&spipe_handler_shared.map, &code.map);
    atomic_store(&spipe_handler_shared.max_depth, 8);
    atomic_store(&spipe_handler_shared.audit_interval, audit_interval);
    return slot;
}

static void take_sample_of(struct spipe_slot *slot)
{
    ucontext_t context;
    siginfo_t info;
    memset(&context, 0, sizeof context);
    memset(&info, 0, sizeof info);
    context.uc_mcontext.gregs[REG_RIP] = 0x400100;
    context.uc_mcontext.gregs[REG_RSP] = (greg_t)(uintptr_t)&stack[32];
    info.si_code = POLL_IN;
    info.si_fd = DESCRIPTOR;
    atomic_store(&spipe_handler_descriptor_slot[DESCRIPTOR], (uint16_t)(slot->index + 1));
    assert_true(spipe_handler_take(&info, &context));
    atomic_store(&spipe_handler_descriptor_slot[DESCRIPTOR], 0);
}

/* Takes the next sample out of the ring and gives its slice back. */
static bool was_audited(struct spipe_slot *slot)
{
    const struct spipe_raw_sample *sample = spipe_ring_peek(&slot->ring);
    assert_non_null(sample);
    assert_int_equal(sample->address[0], 0x400100);
    bool is_audited = sample->kind == SPIPE_RAW_AUDITED;
    if (is_audited) {
        const struct spipe_slice *slice = spipe_slice_get(sample->slice);
        assert_int_equal(slice->registers.value[16], 0x400100);
        assert_true(slice->low <= (uintptr_t)&stack[32] && slice->low + slice->len == (uintptr_t)(stack + 64));
        spipe_slice_release(sample->slice);
    }
    spipe_ring_consume(&slot->ring, sample);
    return is_audited;
}

static void test_every_third_sample_is_audited(void **state)
{
    (void)state;
    struct spipe_slot *slot = make_slot(3);
    for (int i = 1; i <= 9; i++) {
        take_sample_of(slot);
        assert_int_equal(was_audited(slot), i % 3 == 0);
    }
    spipe_slot_release(slot);
}

static void test_a_sample_of_a_longer_interval_stands_for_more_periods(void **state)
{
    (void)state;
    struct spipe_slot *slot = make_slot(0);
    atomic_store(&slot->stretch, 5);
    atomic_store(&slot->carried, 2);
    take_sample_of(slot);
    assert_int_equal(spipe_ring_peek(&slot->ring)->weight, 7);
    assert_int_equal(atomic_load(&slot->attempted), 7);
    spipe_ring_consume(&slot->ring, spipe_ring_peek(&slot->ring));
    spipe_slot_release(slot);
}

static void test_without_an_interval_nothing_is_audited(void **state)
{
    (void)state;
    struct spipe_slot *slot = make_slot(0);
    for (int i = 0; i < 5; i++) {
        take_sample_of(slot);
        assert_false(was_audited(slot));
    }
    spipe_slot_release(slot);
}

static void test_without_a_free_slice_the_sample_stays_and_the_audit_is_counted(void **state)
{
    (void)state;
    uint16_t taken[SPIPE_SLICE_COUNT];
    struct spipe_slot *slot = make_slot(1);
    uint32_t skipped = atomic_load(&spipe_handler_shared.audits_skipped);
    for (unsigned i = 0; i < SPIPE_SLICE_COUNT; i++)
        taken[i] = spipe_slice_take(&slot->registers, (uint64_t)(uintptr_t)stack, (uint64_t)(uintptr_t)(stack + 1));
    take_sample_of(slot);
    assert_false(was_audited(slot));
    assert_int_equal(atomic_load(&spipe_handler_shared.audits_skipped), skipped + 1);
    for (unsigned i = 0; i < SPIPE_SLICE_COUNT; i++)
        spipe_slice_release(taken[i]);
    spipe_slot_release(slot);
}

static int take_memory(void **state)
{
    (void)state;
    spipe_slice_pool = calloc(SPIPE_SLICE_COUNT, sizeof *spipe_slice_pool);
    return spipe_slice_pool != NULL && spipe_slot_pool_init() ? 0 : -1;
}

static int give_memory_back(void **state)
{
    (void)state;
    free(spipe_slice_pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_of_a_descriptor_that_was_never_ours_is_the_programs),
        cmocka_unit_test(test_a_late_signal_of_an_event_that_is_gone_is_swallowed),
        cmocka_unit_test(test_a_signal_sent_by_kill_is_the_programs),
        cmocka_unit_test(test_every_third_sample_is_audited),
        cmocka_unit_test(test_a_sample_of_a_longer_interval_stands_for_more_periods),
        cmocka_unit_test(test_without_an_interval_nothing_is_audited),
        cmocka_unit_test(test_without_a_free_slice_the_sample_stays_and_the_audit_is_counted),
    };
    return cmocka_run_group_tests(tests, take_memory, give_memory_back);
}
