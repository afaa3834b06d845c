/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "protocol/status.h"
#include "viewer-stub/host/capture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct records records;
    struct spipe_store *store;
    struct spipe_store_counts counts;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    records_init(&fixture->records);
    fixture->store = spipe_store_new(NULL);
    *state = fixture;
    return fixture->store == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spipe_store_free(fixture->store);
    records_done(&fixture->records);
    free(fixture);
    return 0;
}

/* Feeds what was gathered, as a capture, and looks at the counts. */
static void load(struct fixture *fixture)
{
    struct spipe_capture_end end;
    int status = spipe_capture_load_memory(fixture->records.data, fixture->records.len, fixture->store, &end);
    assert_int_equal(status, SPIPE_OK);
    assert_int_not_equal(end.reason, SPIPE_CAPTURE_DAMAGED);
    spipe_store_get_counts(fixture->store, &fixture->counts);
}

static void test_samples_are_kept_with_time_thread_stack_and_weight(void **state)
{
    struct fixture *fixture = *state;
    uint32_t thread_id[] = {1, 2}, run_length[] = {2, 1}, delta[] = {5, 7, 9}, stack_id[] = {3, 1, 2},
             weight[] = {1, 4, 2};
    uint32_t wait[] = {0, 1, 300};
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples = (struct spipe_samples){1, 100, thread_id, run_length, 2, delta, stack_id, weight, wait, 3};
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_thread(&fixture->records, 2, 101, "other");
    records_add(&fixture->records, &record);
    load(fixture);
    struct spipe_store_span span;
    assert_int_equal(spipe_store_get_samples(fixture->store, 0, &span), 3);
    const uint64_t time_ns[] = {105000, 112000, 109000};
    const uint32_t thread[] = {0, 0, 1}, node[] = {3, 1, 2};
    assert_memory_equal(span.time_ns, time_ns, sizeof time_ns);
    assert_memory_equal(span.thread, thread, sizeof thread);
    assert_memory_equal(span.node, node, sizeof node);
    assert_memory_equal(span.weight, weight, sizeof weight);
    assert_int_equal(span.state[0], SPIPE_STATE_RUNNING);
    assert_int_equal(span.state[1], SPIPE_STATE_WAITING);
    assert_int_equal(span.state[2], 255);
    assert_int_equal(spipe_store_get_samples(fixture->store, 3, &span), 0);
}

static void test_threads_have_running_sums(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_thread thread;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 1, 10);
    records_sample(&fixture->records, 1, 2, 30);
    records_ledger(&fixture->records, 1, 2, 3, 40);
    load(fixture);
    spipe_store_get_thread(fixture->store, 0, &thread);
    assert_int_equal(thread.tid, 100);
    assert_string_equal(thread.name, "main");
    assert_int_equal(thread.samples, 2);
    assert_int_equal(thread.weight_ns, 2 * RECORDS_PERIOD_NS);
    assert_int_equal(thread.first_ns, 10000);
    assert_int_equal(thread.last_ns, 30000);
    assert_int_equal(thread.ledger.attempted, 5);
    assert_int_equal(thread.ledger.dropped_ring_full, 3);
}

static void test_the_wall_clock_has_sums_and_an_account_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_thread thread;
    records_begin(&fixture->records, 1);
    records_applied_wall(&fixture->records);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 1, 10);
    records_wall_sample(&fixture->records, 1, 2, 1, SPIPE_STATE_RUNNING, 20);
    records_wall_sample(&fixture->records, 1, 3, 5, SPIPE_STATE_WAITING, 30);
    records_wall_sample(&fixture->records, 1, 3, 2, SPIPE_STATE_RUNNABLE, 40);
    records_ledger(&fixture->records, 1, 1, 0, 50);
    records_wall_ledger(&fixture->records, 1, 8, 50);
    load(fixture);
    spipe_store_get_thread(fixture->store, 0, &thread);
    assert_int_equal(fixture->counts.refused, 0);
    assert_int_equal(thread.samples, 1);
    assert_int_equal(thread.weight_ns, RECORDS_PERIOD_NS);
    assert_int_equal(thread.wall_samples, 3);
    assert_int_equal(thread.wall_ns[SPIPE_STATE_RUNNING], 1 * RECORDS_WALL_NS);
    assert_int_equal(thread.wall_ns[SPIPE_STATE_WAITING], 5 * RECORDS_WALL_NS);
    assert_int_equal(thread.wall_ns[SPIPE_STATE_RUNNABLE], 2 * RECORDS_WALL_NS);
    assert_int_equal(thread.ledger.sent, 1);
    assert_int_equal(thread.wall_ledger.sent, 8);
}

static void test_times_are_in_order_for_each_source_alone(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_applied_wall(&fixture->records);
    records_define(&fixture->records);
    records_wall_sample(&fixture->records, 1, 3, 1, SPIPE_STATE_WAITING, 30);
    records_sample(&fixture->records, 1, 1, 10);
    records_wall_sample(&fixture->records, 1, 3, 1, SPIPE_STATE_WAITING, 20);
    load(fixture);
    assert_int_equal(fixture->counts.times_backwards, 1); /* only the last one */
}

static void test_a_ledger_of_an_unknown_source_is_refused(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_wall_ledger(&fixture->records, 1, 8, 50);
    load(fixture);
    assert_int_equal(fixture->counts.refused, 1);
}

static void test_a_checkpoint_doubles_nothing(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 3, 10);
    records_checkpoint(&fixture->records, 20);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 3, 30);
    load(fixture);
    struct spipe_store_span span;
    assert_int_equal(fixture->counts.refused, 0);
    assert_int_equal(spipe_store_session_count(fixture->store), 1);
    assert_int_equal(spipe_store_image_count(fixture->store), 1);
    assert_int_equal(spipe_store_frame_count(fixture->store), 3);
    assert_int_equal(spipe_store_node_count(fixture->store), 4);
    assert_int_equal(spipe_store_thread_count(fixture->store), 1);
    spipe_store_get_samples(fixture->store, 0, &span);
    assert_int_equal(span.node[0], span.node[1]);
}

static void test_ids_of_before_a_checkpoint_mean_nothing_after_it(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_checkpoint(&fixture->records, 20);
    records_thread(&fixture->records, 1, 100, "main");
    records_sample(&fixture->records, 1, 3, 30);
    load(fixture);
    assert_int_equal(fixture->counts.refused, 1);
    assert_int_equal(fixture->counts.samples_refused, 1);
    assert_int_equal(spipe_store_sample_count(fixture->store), 0);
}

static void test_a_second_session_shares_places_but_not_threads(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_session session;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 3, 10);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXECS);
    records_begin(&fixture->records, 3);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 3, 10);
    load(fixture);
    struct spipe_store_span span;
    assert_int_equal(spipe_store_session_count(fixture->store), 2);
    assert_int_equal(spipe_store_thread_count(fixture->store), 2);
    assert_int_equal(spipe_store_node_count(fixture->store), 4);
    spipe_store_get_samples(fixture->store, 0, &span);
    assert_int_equal(span.thread[1], 1);
    assert_int_equal(span.time_ns[1], 2000000000u + 10000u);
    spipe_store_get_session(fixture->store, 0, &session);
    assert_true(session.has_goodbye);
    assert_int_equal(session.goodbye.reason, SPIPE_GOODBYE_TARGET_EXECS);
    spipe_store_get_session(fixture->store, 1, &session);
    assert_false(session.has_goodbye);
    assert_true(session.is_over);
    assert_int_equal(session.origin_ns, 2000000000u);
}

static void test_a_tid_used_again_is_another_thread(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_thread(&fixture->records, 1, 100, "first");
    records_thread_gone(&fixture->records, 1);
    records_thread(&fixture->records, 2, 100, "second");
    load(fixture);
    struct spipe_store_thread thread;
    assert_int_equal(spipe_store_thread_count(fixture->store), 2);
    spipe_store_get_thread(fixture->store, 0, &thread);
    assert_string_equal(thread.name, "first");
    assert_true(thread.gone);
    spipe_store_get_thread(fixture->store, 1, &thread);
    assert_string_equal(thread.name, "second");
    assert_false(thread.gone);
}

static void test_a_known_thread_id_again_is_a_new_name(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_thread(&fixture->records, 1, 100, "before");
    records_thread(&fixture->records, 1, 100, "after");
    load(fixture);
    struct spipe_store_thread thread;
    assert_int_equal(spipe_store_thread_count(fixture->store), 1);
    spipe_store_get_thread(fixture->store, 0, &thread);
    assert_string_equal(thread.name, "after");
}

static void test_another_build_of_an_image_is_another_image(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_image(&fixture->records, 1, "/bin/demo", 7);
    records_image(&fixture->records, 2, "/bin/demo", 8);
    records_image(&fixture->records, 3, "/bin/demo", 7);
    load(fixture);
    struct spipe_store_image image;
    assert_int_equal(spipe_store_image_count(fixture->store), 2);
    spipe_store_get_image(fixture->store, 0, &image);
    assert_int_equal(image.load_address, 0x403000);
    assert_int_equal(image.build_id.len, 20);
}

static void test_memory_without_a_file_is_told_apart_by_its_address(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_image(&fixture->records, 1, "", 0);
    records_image(&fixture->records, 2, "", 0);
    records_checkpoint(&fixture->records, 5);
    records_image(&fixture->records, 1, "", 0);
    load(fixture);
    assert_int_equal(spipe_store_image_count(fixture->store), 2);
}

static void test_outermost_nodes_and_stand_ins_are_found(void **state)
{
    struct fixture *fixture = *state;
    uint32_t stand_in = 99;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_frame(&fixture->records, 4, 0, SPIPE_STAND_IN_TOO_DEEP);
    records_stack(&fixture->records, 4, 0, 4);
    records_stack(&fixture->records, 5, 4, 2);
    load(fixture);
    assert_int_equal(spipe_store_get_outermost(fixture->store, 3), 1);
    assert_int_equal(spipe_store_get_outermost(fixture->store, 5), 4);
    assert_false(spipe_store_is_stand_in(fixture->store, 0, &stand_in));
    assert_true(spipe_store_is_stand_in(fixture->store, 3, &stand_in));
    assert_int_equal(stand_in, SPIPE_STAND_IN_TOO_DEEP);
}

/* Each kind of record, naming what was not defined. */
static void test_a_record_that_names_the_unknown_is_refused_and_the_next_is_taken(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 2, 1, 10);
    records_sample(&fixture->records, 1, 4, 10);
    records_frame(&fixture->records, 4, 2, 1);
    records_stack(&fixture->records, 4, 1, 9);
    records_thread_gone(&fixture->records, 7);
    records_ledger(&fixture->records, 9, 1, 1, 10);
    records_image(&fixture->records, 1, "/bin/again", 1);
    records_frame(&fixture->records, 3, 1, 1);
    records_sample(&fixture->records, 1, 1, 10);
    load(fixture);
    assert_int_equal(fixture->counts.refused, 8);
    assert_int_equal(fixture->counts.samples_refused, 2);
    assert_int_equal(spipe_store_sample_count(fixture->store), 1);
}

static void test_a_refused_message_of_samples_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    uint32_t thread_id = 1, run_length = 3, delta[] = {1, 1, 1}, stack_id[] = {1, 2, 9};
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples = (struct spipe_samples){1, 0, &thread_id, &run_length, 1, delta, stack_id, NULL, NULL, 3};
    struct spipe_store_thread thread;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_add(&fixture->records, &record);
    load(fixture);
    assert_int_equal(spipe_store_sample_count(fixture->store), 0);
    spipe_store_get_thread(fixture->store, 0, &thread);
    assert_int_equal(thread.samples, 0);
    assert_int_equal(thread.weight_ns, 0);
    assert_int_equal(fixture->counts.samples_refused, 3);
}

static void test_records_outside_of_a_session_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_record record = {.kind = SPIPE_RECORD_GOODBYE, .goodbye = {.text = ""}};
    assert_int_equal(spipe_store_add(fixture->store, &record, 0), SPIPE_E_FORMAT);
    assert_int_equal(spipe_store_session_count(fixture->store), 0);
}

static void test_weights_and_states_keep_their_defaults_next_to_exceptions(void **state)
{
    struct fixture *fixture = *state;
    uint32_t thread_id = 1, run_length = 1, delta = 0, stack_id = 1, weight = 5;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples = (struct spipe_samples){1, 20, &thread_id, &run_length, 1, &delta, &stack_id, &weight, NULL, 1};
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 1, 10);
    records_add(&fixture->records, &record);
    records_sample(&fixture->records, 1, 1, 30);
    load(fixture);
    struct spipe_store_span span;
    spipe_store_get_samples(fixture->store, 0, &span);
    assert_int_equal(span.weight[0], 1);
    assert_int_equal(span.weight[1], 5);
    assert_int_equal(span.weight[2], 1);
}

static void test_another_period_is_another_source(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_span span;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 1, 10);
    records_applied(&fixture->records, 5 * RECORDS_PERIOD_NS);
    records_sample(&fixture->records, 1, 1, 20);
    load(fixture);
    assert_int_equal(spipe_store_source_count(fixture->store), 2);
    spipe_store_get_samples(fixture->store, 0, &span);
    assert_int_equal(spipe_store_get_source(fixture->store, span.source[0])->weight_quantum, RECORDS_PERIOD_NS);
    assert_int_equal(spipe_store_get_source(fixture->store, span.source[1])->weight_quantum, 5 * RECORDS_PERIOD_NS);
    struct spipe_store_thread thread;
    spipe_store_get_thread(fixture->store, 0, &thread);
    assert_int_equal(thread.weight_ns, 6 * RECORDS_PERIOD_NS);
}

static void test_times_that_cannot_be_are_refused(void **state)
{
    struct fixture *fixture = *state;
    uint32_t thread_id = 1, run_length = 1, delta = 1, stack_id = 1;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples =
        (struct spipe_samples){1, UINT64_MAX, &thread_id, &run_length, 1, &delta, &stack_id, NULL, NULL, 1};
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    load(fixture);
    struct spipe_record hello = {.kind = SPIPE_RECORD_HELLO};
    hello.hello = (struct spipe_hello){.agent_version = "",
                                       .executable = "",
                                       .operating_system = "",
                                       .architecture = "",
                                       .cpu_model = "",
                                       .session_id = {(const uint8_t *)"0123456789abcdef", 16}};
    assert_int_equal(spipe_store_add(fixture->store, &hello, 0), SPIPE_OK);
    assert_int_equal(spipe_store_add(fixture->store, &record, 0), SPIPE_E_FORMAT);
    struct spipe_record ledger = {.kind = SPIPE_RECORD_LEDGER, .ledger = {.time = UINT64_MAX}};
    assert_int_equal(spipe_store_add(fixture->store, &ledger, 0), SPIPE_E_FORMAT);
}

static void test_a_run_that_goes_back_in_time_is_counted(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 1, 20);
    records_sample(&fixture->records, 1, 1, 19);
    load(fixture);
    assert_int_equal(fixture->counts.times_backwards, 1);
    assert_int_equal(spipe_store_sample_count(fixture->store), 2);
}

static void test_limits_are_kept_and_counted(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_limits limits = {.samples = 2, .nodes = 3, .threads = 1};
    spipe_store_free(fixture->store);
    fixture->store = spipe_store_new(&limits);
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    records_thread(&fixture->records, 2, 101, "too many");
    for (uint64_t i = 0; i < 3; i++) {
        records_sample(&fixture->records, 1, 1, i);
    }
    load(fixture);
    assert_int_equal(spipe_store_sample_count(fixture->store), 2);
    assert_int_equal(spipe_store_node_count(fixture->store), 3);
    assert_int_equal(spipe_store_thread_count(fixture->store), 1);
    assert_int_equal(fixture->counts.over_limit, 3);
    assert_int_equal(fixture->counts.samples_refused, 1);
}

static void test_memory_stays_below_its_limit(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_limits limits = {.memory_bytes = 2u << 20};
    spipe_store_free(fixture->store);
    fixture->store = spipe_store_new(&limits);
    assert_non_null(fixture->store);
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    for (uint64_t i = 0; i < 200000; i++) {
        records_sample(&fixture->records, 1, 1, i);
    }
    load(fixture);
    assert_true(fixture->counts.memory_bytes <= limits.memory_bytes);
    assert_true(fixture->counts.over_limit > 0);
    assert_int_equal(spipe_store_sample_count(fixture->store) + fixture->counts.samples_refused, 200000);
}

static void test_stacks_deeper_than_anybody_walks_are_refused(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    for (uint32_t i = 4; i < 9000; i++) {
        records_stack(&fixture->records, i, i - 1, 1);
    }
    load(fixture);
    assert_true(spipe_store_node_count(fixture->store) < 8300);
    assert_int_equal(fixture->counts.over_limit, 1);
}

static void test_bytes_are_accounted_by_what_they_are_for(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    size_t before = fixture->records.len;
    records_define(&fixture->records);
    size_t definitions = fixture->records.len - before;
    records_sample(&fixture->records, 1, 1, 1);
    load(fixture);
    assert_int_equal(fixture->counts.bytes_definitions, definitions);
    assert_int_equal(fixture->counts.bytes_samples, fixture->records.len - before - definitions);
    assert_int_equal(fixture->counts.bytes_other, before - SPIPE_PREFACE_LEN);
}

static void test_markers_and_strings_are_kept(void **state)
{
    struct fixture *fixture = *state;
    const char *text[] = {"frame", "bytes"};
    uint32_t delta[] = {3, 4}, thread_id[] = {0, 1}, name[] = {1, 2},
             phase[] = {SPIPE_PHASE_INSTANT, SPIPE_PHASE_COUNT};
    int32_t value[] = {0, -5};
    struct spipe_record strings = {.kind = SPIPE_RECORD_STRINGS, .strings = {1, text, 2}};
    struct spipe_record markers = {.kind = SPIPE_RECORD_MARKERS,
                                   .markers = {10, delta, thread_id, name, phase, value, 2}};
    records_begin(&fixture->records, 1);
    records_thread(&fixture->records, 1, 100, "main");
    records_add(&fixture->records, &strings);
    records_add(&fixture->records, &markers);
    load(fixture);
    assert_int_equal(spipe_store_marker_count(fixture->store), 2);
    const struct spipe_store_marker *marker = spipe_store_get_marker(fixture->store, 0);
    assert_int_equal(marker->time_ns, 13000);
    assert_true(marker->thread == SPIPE_STORE_NONE);
    assert_string_equal(spipe_store_get_string(fixture->store, marker->name_string), "frame");
    marker = spipe_store_get_marker(fixture->store, 1);
    assert_int_equal(marker->value, -5);
    assert_int_equal(marker->phase, SPIPE_PHASE_COUNT);
    assert_int_equal(marker->thread, 0);
}

struct reader {
    const struct spipe_store *store;
    uint64_t seen;
    bool is_wrong;
};

/* Reads while the other thread feeds: every sample below the count is whole. */
static void *read_along(void *argument)
{
    struct reader *reader = argument;
    while (reader->seen < 100000 && !reader->is_wrong) {
        struct spipe_store_span span;
        if (spipe_store_get_samples(reader->store, reader->seen, &span) == 0) {
            continue;
        }
        for (size_t i = 0; i < span.count; i++) {
            reader->is_wrong |= span.time_ns[i] != (reader->seen + i) * 1000 || span.weight[i] != 1 ||
                                span.node[i] >= spipe_store_node_count(reader->store);
        }
        reader->seen += span.count;
    }
    return NULL;
}

static void test_samples_can_be_read_while_the_store_grows(void **state)
{
    struct fixture *fixture = *state;
    struct reader reader = {fixture->store, 0, false};
    pthread_t thread;
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    for (uint32_t i = 0; i < 100000; i++) {
        records_sample(&fixture->records, 1, 1 + i % 3, i);
    }
    assert_int_equal(pthread_create(&thread, NULL, read_along, &reader), 0);
    load(fixture);
    pthread_join(thread, NULL);
    assert_false(reader.is_wrong);
    assert_int_equal(reader.seen, 100000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_samples_are_kept_with_time_thread_stack_and_weight),
        TEST(test_threads_have_running_sums),
        TEST(test_the_wall_clock_has_sums_and_an_account_of_its_own),
        TEST(test_times_are_in_order_for_each_source_alone),
        TEST(test_a_ledger_of_an_unknown_source_is_refused),
        TEST(test_a_checkpoint_doubles_nothing),
        TEST(test_ids_of_before_a_checkpoint_mean_nothing_after_it),
        TEST(test_a_second_session_shares_places_but_not_threads),
        TEST(test_a_tid_used_again_is_another_thread),
        TEST(test_a_known_thread_id_again_is_a_new_name),
        TEST(test_another_build_of_an_image_is_another_image),
        TEST(test_memory_without_a_file_is_told_apart_by_its_address),
        TEST(test_outermost_nodes_and_stand_ins_are_found),
        TEST(test_a_record_that_names_the_unknown_is_refused_and_the_next_is_taken),
        TEST(test_a_refused_message_of_samples_leaves_nothing_behind),
        TEST(test_records_outside_of_a_session_are_refused),
        TEST(test_weights_and_states_keep_their_defaults_next_to_exceptions),
        TEST(test_another_period_is_another_source),
        TEST(test_times_that_cannot_be_are_refused),
        TEST(test_a_run_that_goes_back_in_time_is_counted),
        TEST(test_limits_are_kept_and_counted),
        TEST(test_memory_stays_below_its_limit),
        TEST(test_stacks_deeper_than_anybody_walks_are_refused),
        TEST(test_bytes_are_accounted_by_what_they_are_for),
        TEST(test_markers_and_strings_are_kept),
        TEST(test_samples_can_be_read_while_the_store_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
