/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

#include "agent/ring.h"

#define SIZE 4096u
#define STRESS_SAMPLES 200000u

static _Alignas(8) unsigned char memory[SIZE];
static struct spipe_ring ring;

static int set_up(void **state)
{
    (void)state;
    memset(memory, 0, sizeof memory);
    spipe_ring_init(&ring, memory, SIZE);
    return 0;
}

/* A sample whose every address tells which one it is. */
static bool put(uint64_t number, uint32_t room, uint32_t depth)
{
    struct spipe_raw_sample *sample = spipe_ring_reserve(&ring, room);
    if (sample == NULL)
        return false;
    sample->kind = SPIPE_RAW_WALKED;
    sample->time_ns = number;
    sample->depth = depth;
    for (uint32_t i = 0; i < depth; i++)
        sample->address[i] = number * 1000 + i;
    spipe_ring_commit(&ring, sample);
    return true;
}

static bool is_whole(const struct spipe_raw_sample *sample)
{
    for (uint32_t i = 0; i < sample->depth; i++) {
        if (sample->address[i] != sample->time_ns * 1000 + i)
            return false;
    }
    return true;
}

static void take(uint64_t number, uint32_t depth)
{
    const struct spipe_raw_sample *sample = spipe_ring_peek(&ring);
    assert_non_null(sample);
    assert_int_equal(sample->time_ns, number);
    assert_int_equal(sample->depth, depth);
    assert_true(is_whole(sample));
    spipe_ring_consume(&ring, sample);
}

static void test_a_committed_sample_is_read_as_it_was_left(void **state)
{
    (void)state;
    assert_null(spipe_ring_peek(&ring));
    assert_true(put(7, 20, 20));
    take(7, 20);
    assert_null(spipe_ring_peek(&ring));
}

static void test_a_reserved_sample_is_not_seen_before_the_commit(void **state)
{
    (void)state;
    assert_non_null(spipe_ring_reserve(&ring, 4));
    assert_null(spipe_ring_peek(&ring));
    assert_int_equal(spipe_ring_fill(&ring), 0);
}

static void test_peek_shows_the_same_sample_until_it_is_consumed(void **state)
{
    (void)state;
    put(1, 1, 1);
    put(2, 1, 1);
    assert_ptr_equal(spipe_ring_peek(&ring), spipe_ring_peek(&ring));
    take(1, 1);
    take(2, 1);
}

static void test_room_that_the_depth_does_not_need_is_given_back(void **state)
{
    (void)state;
    put(1, 200, 3);
    assert_int_equal(spipe_ring_fill(&ring), sizeof(struct spipe_raw_sample) + 3 * 8);
}

static void test_a_full_ring_refuses_and_overwrites_nothing(void **state)
{
    (void)state;
    uint64_t count = 0;
    while (put(count, 10, 10))
        count++;
    assert_true(count > 20);
    assert_false(put(999, 10, 10));
    for (uint64_t i = 0; i < count; i++)
        take(i, 10);
    assert_null(spipe_ring_peek(&ring));
    assert_true(put(count, 10, 10));
    take(count, 10);
}

static void test_a_sample_of_more_than_half_the_ring_is_refused(void **state)
{
    (void)state;
    assert_null(spipe_ring_reserve(&ring, SIZE / 2 / 8));
    assert_non_null(spipe_ring_reserve(&ring, (SIZE / 2 - sizeof(struct spipe_raw_sample)) / 8));
}

static uint32_t room_of(uint64_t number)
{
    return 1 + (uint32_t)(number * 7 % 90);
}

static uint32_t depth_of(uint64_t number)
{
    return 1 + (uint32_t)(number * 5 % 60) % room_of(number);
}

static void test_samples_come_in_order_over_many_turns(void **state)
{
    (void)state;
    uint64_t last_put = 0;
    uint64_t last_taken = 0;
    for (unsigned turn = 0; turn < 2000; turn++) {
        while (put(last_put, room_of(last_put), depth_of(last_put)))
            last_put++;
        for (unsigned i = 0; i < 1 + turn % 17 && spipe_ring_peek(&ring) != NULL; i++, last_taken++)
            take(last_taken, depth_of(last_taken));
    }
    assert_true(last_taken > 5000);
}

static void test_positions_may_pass_32_bits(void **state)
{
    (void)state;
    atomic_store(&ring.head, UINT32_MAX - 1023);
    atomic_store(&ring.tail, UINT32_MAX - 1023);
    for (uint64_t i = 0; i < 200; i++) {
        assert_true(put(i, 30, 30));
        take(i, 30);
    }
    assert_true(atomic_load(&ring.head) < UINT32_MAX / 2);
}

/* ------------------------------------------------------------------------------------------------------ two threads */

struct producer {
    uint64_t committed;
    _Atomic uint32_t is_done;
};

static void *produce(void *argument)
{
    struct producer *producer = argument;
    uint64_t state = 88172645463325252u;
    while (producer->committed < STRESS_SAMPLES) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        uint32_t room = 1 + (uint32_t)(state % 100);
        if (put(producer->committed, room, 1 + (uint32_t)(state >> 32) % room))
            producer->committed++;
        else
            sched_yield();
    }
    atomic_store(&producer->is_done, 1);
    return NULL;
}

static void test_two_threads_lose_and_tear_nothing(void **state)
{
    (void)state;
    struct producer producer = {0, 0};
    pthread_t thread;
    uint64_t taken = 0;
    uint64_t wrong = 0;
    assert_int_equal(pthread_create(&thread, NULL, produce, &producer), 0);
    while (taken < STRESS_SAMPLES) {
        const struct spipe_raw_sample *sample = spipe_ring_peek(&ring);
        if (sample == NULL) {
            if (atomic_load(&producer.is_done) && spipe_ring_peek(&ring) == NULL)
                break;
            sched_yield();
            continue;
        }
        wrong += sample->time_ns != taken || !is_whole(sample);
        taken++;
        spipe_ring_consume(&ring, sample);
    }
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(taken, STRESS_SAMPLES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_committed_sample_is_read_as_it_was_left, set_up),
        cmocka_unit_test_setup(test_a_reserved_sample_is_not_seen_before_the_commit, set_up),
        cmocka_unit_test_setup(test_peek_shows_the_same_sample_until_it_is_consumed, set_up),
        cmocka_unit_test_setup(test_room_that_the_depth_does_not_need_is_given_back, set_up),
        cmocka_unit_test_setup(test_a_full_ring_refuses_and_overwrites_nothing, set_up),
        cmocka_unit_test_setup(test_a_sample_of_more_than_half_the_ring_is_refused, set_up),
        cmocka_unit_test_setup(test_samples_come_in_order_over_many_turns, set_up),
        cmocka_unit_test_setup(test_positions_may_pass_32_bits, set_up),
        cmocka_unit_test_setup(test_two_threads_lose_and_tear_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
