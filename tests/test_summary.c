/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "protocol/status.h"
#include "viewer-stub/host/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS RECORDS_PERIOD_NS

struct fixture {
    struct records records;
    struct spipe_store *store;
    struct spipe_capture_end end;
    struct spipe_summary summary;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    records_init(&fixture->records);
    fixture->store = spipe_store_new(NULL);
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    *state = fixture;
    return fixture->store == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spipe_summary_done(&fixture->summary);
    spipe_store_free(fixture->store);
    records_done(&fixture->records);
    free(fixture);
    return 0;
}

static void summarise(struct fixture *fixture, size_t top)
{
    spipe_capture_load_memory(fixture->records.data, fixture->records.len, fixture->store, &fixture->end);
    assert_int_equal(spipe_summary_init(fixture->store, NULL, &fixture->end, top, &fixture->summary), SPIPE_OK);
}

/* The first session's settings again, with another mechanism. */
static void apply(struct fixture *fixture, const char *mechanism)
{
    struct spipe_source source = {1, SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS, MS, mechanism, false};
    struct spipe_record record = {.kind = SPIPE_RECORD_APPLIED};
    record.applied = (struct spipe_applied){
        .configuration = {.token = ""}, .time_quantum_ns = 1000, .source = &source, .source_count = 1};
    records_add(&fixture->records, &record);
}

static void test_samples_weights_and_times_are_summed(void **state)
{
    struct fixture *fixture = *state;
    records_sample(&fixture->records, 1, 1, 1000);
    records_sample(&fixture->records, 1, 3, 2000);
    records_ledger(&fixture->records, 1, 2, 1, 5000);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    summarise(fixture, 0);
    const struct spipe_summary *summary = &fixture->summary;
    assert_int_equal(summary->samples, 2);
    assert_int_equal(summary->weight_ns, 2 * MS);
    assert_int_equal(summary->duration_ns, 5 * MS);
    assert_int_equal(summary->process_cpu_ns, 3500000);
    assert_int_equal(summary->covered_cpu_ns, 3500000);
    assert_int_equal(summary->attempted, 3);
    assert_int_equal(summary->sent, 2);
    assert_int_equal(summary->dropped_total, 1);
    assert_string_equal(summary->dropped[0].name, "ring_full");
    assert_int_equal(summary->dropped[0].count, 1);
    assert_int_equal((int)summary->rate_hz, 1000);
    assert_string_equal(summary->mechanism, "thread-cpu-timer");
    assert_string_equal(summary->end_reason, "target exits");
    assert_false(summary->cut);
    assert_int_equal(summary->gap_count, 0);
}

static void test_what_perf_does_not_see_is_a_gap(void **state)
{
    struct fixture *fixture = *state;
    apply(fixture, "perf-cpu-clock");
    records_ledger(&fixture->records, 1, 2, 0, 5000);
    summarise(fixture, 0);
    assert_int_equal(fixture->summary.process_cpu_ns, 2500000);
    assert_int_equal(fixture->summary.covered_cpu_ns, 2000000);
    assert_int_equal(fixture->summary.gap_count, 1);
    assert_string_equal(fixture->summary.gap[0].name, "kernel");
    assert_int_equal(fixture->summary.gap[0].cpu_ns, 500000);
}

static void test_stacks_are_counted_by_how_they_end(void **state)
{
    struct fixture *fixture = *state;
    records_frame(&fixture->records, 4, 0, SPIPE_STAND_IN_TOO_DEEP);
    records_stack(&fixture->records, 4, 0, 4);
    records_stack(&fixture->records, 5, 4, 1);
    records_frame(&fixture->records, 5, 0, 4000);
    records_stack(&fixture->records, 6, 0, 5);
    records_sample(&fixture->records, 1, 3, 1);
    records_sample(&fixture->records, 1, 5, 2);
    records_sample(&fixture->records, 1, 5, 3);
    records_sample(&fixture->records, 1, 6, 4);
    records_sample(&fixture->records, 1, 0, 5);
    summarise(fixture, 0);
    assert_int_equal(fixture->summary.samples, 5);
    assert_int_equal(fixture->summary.reached_root, 1);
    assert_int_equal(fixture->summary.stand_in[SPIPE_STAND_IN_TOO_DEEP], 2);
    assert_int_equal(fixture->summary.stand_in[SPIPE_SUMMARY_STAND_INS - 1], 1);
    assert_int_equal(fixture->summary.no_stack, 1);
}

static void test_functions_are_places_without_names_and_the_largest_come_first(void **state)
{
    struct fixture *fixture = *state;
    records_sample(&fixture->records, 1, 1, 1);
    records_sample(&fixture->records, 1, 2, 2);
    records_sample(&fixture->records, 1, 2, 3);
    summarise(fixture, 1);
    assert_int_equal(fixture->summary.function_count, 1);
    assert_int_equal(fixture->summary.function_total, 2);
    assert_string_equal(fixture->summary.function[0].name, "demo+0x20");
    assert_string_equal(fixture->summary.function[0].image, "/bin/demo");
    assert_int_equal(fixture->summary.function[0].self_ns, 2 * MS);
}

static void test_ledgers_of_all_sessions_are_summed(void **state)
{
    struct fixture *fixture = *state;
    records_ledger(&fixture->records, 1, 2, 1, 5000);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXECS);
    records_begin(&fixture->records, 2);
    records_define(&fixture->records);
    records_ledger(&fixture->records, 1, 10, 0, 5000);
    records_ledger(&fixture->records, 0, 0, 4, 5000);
    summarise(fixture, 0);
    assert_int_equal(fixture->summary.sessions, 2);
    assert_int_equal(fixture->summary.attempted, 3 + 10 + 4);
    assert_int_equal(fixture->summary.thread_count, 2);
    assert_int_equal(fixture->summary.gap_count, 1);
    assert_string_equal(fixture->summary.gap[0].name, "threads without a slot");
}

/* The last Ledger of a session, as the one that follows a lost one. */
static void add_ledger_after(struct fixture *fixture, uint64_t previous_attempted, uint64_t lost_between)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER};
    record.ledger =
        (struct spipe_ledger){.time = 9000, .previous_attempted = previous_attempted, .lost_between = lost_between};
    records_add(&fixture->records, &record);
}

static void assert_ledger_closes(const struct spipe_summary *summary)
{
    uint64_t accounted = summary->sent + summary->pending;
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        accounted += summary->dropped[i].count;
    }
    assert_int_equal(summary->attempted, accounted);
    assert_int_equal(summary->attempted - summary->sent - summary->pending, summary->dropped_total);
}

/* Of 12 ticks in the first session 1 was dropped by the last Ledger, 2 arrived before it and 1 behind it. */
static void test_a_lost_connection_and_the_time_without_a_host_are_losses_by_cause(void **state)
{
    struct fixture *fixture = *state;
    const struct spipe_summary *summary = &fixture->summary;
    records_sample(&fixture->records, 1, 1, 1000);
    records_sample(&fixture->records, 1, 3, 2000);
    records_ledger(&fixture->records, 1, 2, 1, 5000);
    records_sample(&fixture->records, 1, 3, 6000);
    records_begin_after(&fixture->records, 2, 1);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 1, 1000);
    records_ledger(&fixture->records, 1, 1, 0, 5000);
    add_ledger_after(fixture, 12, 30);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    summarise(fixture, 0);
    assert_string_equal(summary->dropped[7].name, "connection");
    assert_int_equal(summary->dropped[7].count, 12 - 3 - 1);
    assert_string_equal(summary->dropped[8].name, "no_host");
    assert_int_equal(summary->dropped[8].count, 30);
    assert_int_equal(summary->attempted, 12 + 1 + 30);
    assert_int_equal(summary->sent, 4);
    assert_int_equal(summary->pending, 0);
    assert_ledger_closes(summary);
}

static void test_a_lost_session_of_another_capture_is_not_accounted_for_here(void **state)
{
    struct fixture *fixture = *state;
    records_clear(&fixture->records);
    records_begin_after(&fixture->records, 2, 1);
    records_define(&fixture->records);
    add_ledger_after(fixture, 1000, 5);
    summarise(fixture, 0);
    assert_int_equal(fixture->summary.dropped_total, 5);
    assert_int_equal(fixture->summary.attempted, 5);
}

static void test_numbers_that_cannot_be_still_close(void **state)
{
    struct fixture *fixture = *state;
    records_sample(&fixture->records, 1, 1, 1000);
    records_ledger(&fixture->records, 1, 1, 1, 5000);
    records_begin_after(&fixture->records, 2, 1);
    add_ledger_after(fixture, 1, 0);
    summarise(fixture, 0);
    assert_int_equal(fixture->summary.dropped[7].count, 0);
    assert_ledger_closes(&fixture->summary);
}

static void test_a_cut_capture_says_so(void **state)
{
    struct fixture *fixture = *state;
    summarise(fixture, 0);
    assert_true(fixture->summary.cut);
    assert_string_equal(fixture->summary.end_reason, "cut");
}

static void test_a_damaged_capture_says_so(void **state)
{
    struct fixture *fixture = *state;
    records_add_raw(&fixture->records, "\xff\xff\xff\x7f", 4);
    summarise(fixture, 0);
    assert_true(fixture->summary.cut);
    assert_string_equal(fixture->summary.end_reason, "damaged");
}

static void test_the_json_holds_what_scripts_rely_on(void **state)
{
    struct fixture *fixture = *state;
    static const char *const member[] = {"\"samples\": 1,",
                                         "\"weight_ns\": 1000000,",
                                         "\"duration_ns\": 5000000,",
                                         "\"process_cpu_ns\": 1500000,",
                                         "\"covered_cpu_ns\": 1500000,",
                                         "\"rate_hz\": 1000,",
                                         "\"mechanism\": \"thread-cpu-timer\",",
                                         "\"attempted\": 1,",
                                         "\"pending\": 0,",
                                         "\"pipe_full\": 0,",
                                         "\"agent_cpu_ns\": 7000,",
                                         "\"p99\": 0,",
                                         "\"bytes\": 1000,",
                                         "\"sleeps_cut_short\": 0,",
                                         "\"reached_root\": 1",
                                         "\"tid\": 100,",
                                         "\"name\": \"demo+0x10\",",
                                         "\"self_ns\": 1000000,",
                                         "\"path\": \"/bin/demo\",",
                                         "\"unwind\": \"full\"",
                                         "\"reason\": \"target exits\",",
                                         "\"cut\": false,",
                                         "\"gaps\": []",
                                         "\"samples_columns\": ",
                                         "\"definitions\": "};
    char *text = NULL;
    size_t len = 0;
    records_sample(&fixture->records, 1, 1, 1);
    records_ledger(&fixture->records, 1, 1, 0, 5000);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    summarise(fixture, 0);
    FILE *stream = open_memstream(&text, &len);
    spipe_summary_write_json(&fixture->summary, fixture->store, &fixture->end, stream);
    fclose(stream);
    for (size_t i = 0; i < sizeof member / sizeof member[0]; i++) {
        if (strstr(text, member[i]) == NULL) {
            fail_msg("%s is not in %s", member[i], text);
        }
    }
    assert_int_equal(text[len - 1], '\n');
    free(text);
}

static void test_a_capture_of_nothing_has_a_summary(void **state)
{
    struct fixture *fixture = *state;
    fixture->records.len = 0;
    summarise(fixture, 0);
    assert_int_equal(fixture->summary.sessions, 0);
    assert_int_equal(fixture->summary.samples, 0);
    assert_string_equal(fixture->summary.mechanism, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_samples_weights_and_times_are_summed),
        TEST(test_what_perf_does_not_see_is_a_gap),
        TEST(test_stacks_are_counted_by_how_they_end),
        TEST(test_functions_are_places_without_names_and_the_largest_come_first),
        TEST(test_ledgers_of_all_sessions_are_summed),
        TEST(test_a_lost_connection_and_the_time_without_a_host_are_losses_by_cause),
        TEST(test_a_lost_session_of_another_capture_is_not_accounted_for_here),
        TEST(test_numbers_that_cannot_be_still_close),
        TEST(test_a_cut_capture_says_so),
        TEST(test_a_damaged_capture_says_so),
        TEST(test_the_json_holds_what_scripts_rely_on),
        TEST(test_a_capture_of_nothing_has_a_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
