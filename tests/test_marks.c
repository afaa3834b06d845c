/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/marks.h"
#include "agent_stream.h"
#include "clock_fake.h"
#include "pipe_memory.h"
#include "sampler_fake.h"

#define QUEUE 1024u
#define PRODUCERS 3u
#define MARKS_EACH 5000u

static struct spipe_session session;
static struct agent_stream stream;

static int set_up(void **state)
{
    (void)state;
    clock_fake_reset();
    sampler_fake_reset();
    memset(&session, 0, sizeof session);
    session.outbox = spipe_outbox_new(1024u * 1024u);
    session.pipe = pipe_memory_new();
    session.origin_ns = clock_fake_now();
    spipe_marks_drain(&session);
    spipe_marks_reset();
    spipe_outbox_free(session.outbox);
    session.outbox = spipe_outbox_new(1024u * 1024u);
    return spipe_outbox_put(session.outbox, spipe_preface, SPIPE_PREFACE_LEN);
}

static int tear_down(void **state)
{
    (void)state;
    spipe_outbox_free(session.outbox);
    pipe_memory_reset();
    return 0;
}

static void read_all(void)
{
    assert_int_equal(spipe_outbox_write(session.outbox, &session.pipe), 0);
    agent_stream_read(&stream, pipe_memory_written(&session.pipe));
}

static void test_a_mark_arrives_with_its_name_time_and_value(void **state)
{
    (void)state;
    clock_fake_advance(5 * CLOCK_FAKE_MS);
    assert_true(spipe_marks_push("requests", SPIPE_PHASE_COUNT, -42));
    spipe_marks_drain(&session);
    read_all();
    assert_int_equal(stream.count[SPIPE_RECORD_MARKERS], 1);
    assert_string_equal(stream.last_string, "requests");
    assert_int_equal(stream.marker_phase, SPIPE_PHASE_COUNT);
    assert_int_equal(stream.marker_value, -42);
    assert_in_range(stream.marker.start_time, 5000, 5100);
}

static void test_marks_arrive_in_order_and_once(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "mark %d", i);
        assert_true(spipe_marks_push(name, SPIPE_PHASE_INSTANT, i));
    }
    spipe_marks_drain(&session);
    spipe_marks_drain(&session);
    read_all();
    assert_int_equal(stream.count[SPIPE_RECORD_MARKERS], 3);
    assert_string_equal(stream.last_string, "mark 2");
    assert_int_equal(stream.marker_value, 2);
}

static void test_a_long_name_is_cut(void **state)
{
    (void)state;
    char name[200];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_true(spipe_marks_push(name, SPIPE_PHASE_INSTANT, 0));
    spipe_marks_drain(&session);
    read_all();
    assert_int_equal(strlen(stream.last_string), SPIPE_MARK_NAME_MAX - 1);
}

static void test_a_full_queue_refuses_and_goes_on_when_it_was_drained(void **state)
{
    (void)state;
    for (unsigned i = 0; i < QUEUE; i++)
        assert_true(spipe_marks_push("m", SPIPE_PHASE_INSTANT, 0));
    assert_false(spipe_marks_push("too many", SPIPE_PHASE_INSTANT, 0));
    spipe_marks_drain(&session);
    assert_true(spipe_marks_push("again", SPIPE_PHASE_INSTANT, 0));
    spipe_marks_drain(&session);
    read_all();
    assert_int_equal(stream.count[SPIPE_RECORD_MARKERS], QUEUE + 1);
    assert_string_equal(stream.last_string, "again");
}

static void test_marks_wait_while_the_outbox_has_no_room(void **state)
{
    (void)state;
    static uint8_t filler[1024u * 1024u];
    struct spipe_outbox *full = spipe_outbox_new(sizeof filler);
    struct spipe_outbox *roomy = session.outbox;
    assert_int_equal(spipe_outbox_put(full, filler, sizeof filler - SPIPE_OUTBOX_RESERVE + 1), 0);
    assert_true(spipe_marks_push("patient", SPIPE_PHASE_INSTANT, 0));
    session.outbox = full;
    spipe_marks_drain(&session);
    assert_int_equal(spipe_outbox_room(full), SPIPE_OUTBOX_RESERVE - 1);
    session.outbox = roomy;
    spipe_marks_drain(&session);
    read_all();
    assert_string_equal(stream.last_string, "patient");
    spipe_outbox_free(full);
}

static void test_a_mark_of_a_known_thread_names_it(void **state)
{
    (void)state;
    struct spipe_slot *slot = spipe_slot_claim();
    struct spipe_thread thread = {7, (uint32_t)syscall(SYS_gettid), "marker", 0};
    slot->tid = (int32_t)thread.tid;
    slot->thread_id = 7;
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    for (thread.thread_id = 1; thread.thread_id <= 7; thread.thread_id++) {
        struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {&thread, 1, NULL, 0}};
        thread.tid = thread.thread_id == 7 ? (uint32_t)slot->tid : 1000000u + thread.thread_id;
        spipe_session_put(&session, &record);
    }
    assert_true(spipe_marks_push("here", SPIPE_PHASE_BEGIN, 0));
    spipe_marks_drain(&session);
    spipe_slot_release(slot);
    read_all();
    assert_int_equal(stream.marker_thread_id, 7);
    assert_int_equal(stream.marker_phase, SPIPE_PHASE_BEGIN);
}

static void test_a_mark_of_the_hosts_has_no_thread(void **state)
{
    (void)state;
    spipe_marks_put_host(&session, "the second half");
    read_all();
    assert_string_equal(stream.last_string, "the second half");
    assert_int_equal(stream.marker_thread_id, 0);
}

static void test_a_text_session_takes_marks_and_sends_none(void **state)
{
    (void)state;
    session.is_text = true;
    assert_true(spipe_marks_push("silent", SPIPE_PHASE_INSTANT, 0));
    spipe_marks_drain(&session);
    session.is_text = false;
    spipe_marks_drain(&session);
    read_all();
    assert_int_equal(stream.count[SPIPE_RECORD_MARKERS], 0);
}

/* ---------------------------------------------------------------------------------------------------------- threads */

static _Atomic uint32_t refused;
static _Atomic uint32_t running;

static void *push_many(void *argument)
{
    int32_t first = (int32_t)(intptr_t)argument * 1000000;
    for (int32_t i = 0; i < (int32_t)MARKS_EACH; i++) {
        if (!spipe_marks_push("m", SPIPE_PHASE_INSTANT, first + i))
            atomic_fetch_add(&refused, 1);
        if (i % 64 == 0)
            sched_yield();
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void empty_outbox(void)
{
    assert_int_equal(spipe_outbox_write(session.outbox, &session.pipe), 0);
    pipe_memory_drain(&session.pipe);
}

static void test_several_producers_lose_only_what_they_are_told_of(void **state)
{
    (void)state;
    pthread_t thread[PRODUCERS];
    clock_fake_set_step(0);     /* the fake clock is read by all of them */
    atomic_store(&running, PRODUCERS);
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, push_many, (void *)i), 0);
    while (atomic_load(&running) > 0) {
        spipe_marks_drain(&session);
        empty_outbox();
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 4; i++) {
        spipe_marks_drain(&session);
        empty_outbox();
    }
    read_all();
    assert_int_equal(stream.count[SPIPE_RECORD_MARKERS] + atomic_load(&refused), PRODUCERS * MARKS_EACH);
    assert_true(stream.count[SPIPE_RECORD_MARKERS] >= QUEUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_mark_arrives_with_its_name_time_and_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_marks_arrive_in_order_and_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_long_name_is_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_queue_refuses_and_goes_on_when_it_was_drained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_marks_wait_while_the_outbox_has_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mark_of_a_known_thread_names_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mark_of_the_hosts_has_no_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_text_session_takes_marks_and_sends_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_producers_lose_only_what_they_are_told_of, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
