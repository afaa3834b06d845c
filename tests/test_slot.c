/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "agent/slot.h"

#define THREADS 4u
#define ROUNDS 5000u

static struct spipe_slot *all[SPIPE_SLOT_COUNT];

static int set_up_pool(void **state)
{
    (void)state;
    return spipe_slot_pool_init() ? 0 : -1;
}

static void test_a_claimed_slot_is_fresh_and_not_yet_in_use(void **state)
{
    (void)state;
    struct spipe_slot *slot = spipe_slot_claim();
    assert_non_null(slot);
    assert_false(spipe_slot_is_in_use(slot));
    assert_int_equal(atomic_load(&slot->state), SPIPE_SLOT_CLAIMED);
    assert_int_equal(slot->source_descriptor, -1);
    assert_int_equal(atomic_load(&slot->timer_id), -1);
    assert_null(spipe_ring_peek(&slot->ring));
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    assert_true(spipe_slot_is_in_use(slot));
    spipe_slot_release(slot);
    assert_false(spipe_slot_is_in_use(slot));
}

static void test_each_claim_gives_another_slot_until_there_are_none(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SPIPE_SLOT_COUNT; i++) {
        all[i] = spipe_slot_claim();
        assert_non_null(all[i]);
        assert_int_equal(all[i]->tid, 0);
        all[i]->tid = (int32_t)i + 1;      /* seen again by whoever were given the same one */
    }
    assert_null(spipe_slot_claim());
    assert_int_equal(spipe_slot_used(), SPIPE_SLOT_COUNT);
    spipe_slot_release(all[500]);
    assert_ptr_equal(spipe_slot_claim(), all[500]);
    for (unsigned i = 0; i < SPIPE_SLOT_COUNT; i++)
        spipe_slot_release(all[i]);
}

static void test_rings_of_slots_do_not_overlap(void **state)
{
    (void)state;
    struct spipe_slot *a = spipe_slot_claim();
    struct spipe_slot *b = spipe_slot_claim();
    uintptr_t first = (uintptr_t)a->ring.bytes;
    uintptr_t second = (uintptr_t)b->ring.bytes;
    assert_true((first > second ? first - second : second - first) >= SPIPE_RING_SIZE);
    assert_int_equal(a->ring.size, SPIPE_RING_SIZE);
    spipe_slot_release(a);
    spipe_slot_release(b);
}

static void test_a_signals_value_leads_back_to_its_slot(void **state)
{
    (void)state;
    struct spipe_slot *slot = spipe_slot_claim();
    assert_ptr_equal(spipe_slot_from_signal(spipe_slot_signal_value(slot)), slot);
    assert_ptr_equal(spipe_slot_get(slot->index), slot);
    spipe_slot_release(slot);
}

static void test_values_of_two_armings_differ_and_name_the_same_slot(void **state)
{
    (void)state;
    struct spipe_slot *slot = spipe_slot_claim();
    void *before = spipe_slot_signal_value(slot);
    atomic_fetch_add(&slot->arming, 1);
    assert_ptr_not_equal(spipe_slot_signal_value(slot), before);
    assert_ptr_equal(spipe_slot_from_signal(before), slot);
    spipe_slot_release(slot);
}

static void test_a_slots_second_life_has_another_arming_and_goes_on_with_the_epoch(void **state)
{
    (void)state;
    struct spipe_slot *slot = spipe_slot_claim();
    void *before = spipe_slot_signal_value(slot);
    uint32_t epoch = atomic_load(&slot->epoch) + 2;
    atomic_store(&slot->epoch, epoch);
    atomic_store(&slot->attempted, 5);
    spipe_slot_release(slot);
    assert_ptr_equal(spipe_slot_claim(), slot);
    assert_ptr_not_equal(spipe_slot_signal_value(slot), before);
    assert_int_equal(atomic_load(&slot->epoch), epoch);
    assert_int_equal(atomic_load(&slot->attempted), 0);
    spipe_slot_release(slot);
}

static void test_values_of_others_lead_to_no_slot(void **state)
{
    (void)state;
    const char *first = (const char *)spipe_slot_get(0);
    assert_null(spipe_slot_from_signal(NULL));
    assert_null(spipe_slot_from_signal((void *)(uintptr_t)1));
    assert_null(spipe_slot_from_signal((void *)UINTPTR_MAX));
    assert_null(spipe_slot_from_signal(state));
    assert_null(spipe_slot_from_signal((const void *)((uintptr_t)first - SPIPE_SLOT_ALIGNMENT)));
    assert_null(spipe_slot_from_signal((const void *)((uintptr_t)first + SPIPE_SLOT_ALIGNMENT)));
    uintptr_t end = (uintptr_t)first + sizeof(struct spipe_slot) * SPIPE_SLOT_COUNT;
    assert_null(spipe_slot_from_signal((const void *)end));
}

static _Atomic uint32_t owner[SPIPE_SLOT_COUNT];
static _Atomic uint32_t clashes;

static void *claim_and_release(void *argument)
{
    uint32_t self = (uint32_t)(uintptr_t)argument;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct spipe_slot *slot = spipe_slot_claim();
        struct spipe_slot *other = spipe_slot_claim();
        if (atomic_exchange(&owner[slot->index], self) != 0 || atomic_exchange(&owner[other->index], self) != 0)
            atomic_fetch_add(&clashes, 1);
        atomic_store(&owner[slot->index], 0);
        spipe_slot_release(slot);
        atomic_store(&owner[other->index], 0);
        spipe_slot_release(other);
    }
    return NULL;
}

static void test_no_two_threads_ever_hold_the_same_slot(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, claim_and_release, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(clashes, 0);
    for (unsigned i = 0; i < SPIPE_SLOT_COUNT; i++) {
        all[i] = spipe_slot_claim();
        assert_non_null(all[i]);
    }
    for (unsigned i = 0; i < SPIPE_SLOT_COUNT; i++)
        spipe_slot_release(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_claimed_slot_is_fresh_and_not_yet_in_use),
        cmocka_unit_test(test_rings_of_slots_do_not_overlap),
        cmocka_unit_test(test_a_signals_value_leads_back_to_its_slot),
        cmocka_unit_test(test_values_of_two_armings_differ_and_name_the_same_slot),
        cmocka_unit_test(test_a_slots_second_life_has_another_arming_and_goes_on_with_the_epoch),
        cmocka_unit_test(test_values_of_others_lead_to_no_slot),
        cmocka_unit_test(test_each_claim_gives_another_slot_until_there_are_none),
        cmocka_unit_test(test_no_two_threads_ever_hold_the_same_slot),
    };
    return cmocka_run_group_tests(tests, set_up_pool, NULL);
}
