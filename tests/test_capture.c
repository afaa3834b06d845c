/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "protocol/message.h"
#include "protocol/status.h"
#include "viewer-stub/host/calltree.h"
#include "viewer-stub/host/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct records records;
    struct spipe_store *store;
    struct spipe_capture_end end;
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

static void load(struct fixture *fixture)
{
    assert_int_equal(
        spipe_capture_load_memory(fixture->records.data, fixture->records.len, fixture->store, &fixture->end),
        SPIPE_OK);
}

/* Opening, definitions and three samples; no goodbye. */
static void begin_session(struct records *records, uint8_t number)
{
    records_begin(records, number);
    records_define(records);
    for (uint32_t i = 1; i <= 3; i++) {
        records_sample(records, 1, i, i * 10);
    }
}

static void test_a_whole_capture_ends_with_goodbye(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(fixture->end.offset, fixture->records.len);
    assert_int_equal(fixture->end.length, fixture->records.len);
    assert_int_equal(fixture->end.prefaces, 1);
    assert_int_equal(fixture->end.messages, 14);
    assert_int_equal(spipe_store_sample_count(fixture->store), 3);
}

static void test_without_goodbye_it_is_cut(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_CUT);
    assert_int_equal(fixture->end.status, SPIPE_OK);
    assert_int_equal(fixture->end.offset, fixture->records.len);
    assert_int_equal(spipe_store_sample_count(fixture->store), 3);
}

static void test_an_empty_file_is_cut_at_its_beginning(void **state)
{
    struct fixture *fixture = *state;
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_CUT);
    assert_int_equal(fixture->end.offset, 0);
    assert_string_equal(fixture->end.text, "it is empty");
}

static void test_sessions_follow_each_other_after_goodbye_and_after_a_cut(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXECS);
    begin_session(&fixture->records, 2);
    begin_session(&fixture->records, 3);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(fixture->end.prefaces, 3);
    assert_int_equal(spipe_store_session_count(fixture->store), 3);
    assert_int_equal(spipe_store_sample_count(fixture->store), 9);
}

struct boundary {
    uint64_t next;
    size_t units;
    bool is_wrong;
    size_t stop_after;
};

static int check_boundary(void *user, const struct spipe_capture_item *item)
{
    struct boundary *boundary = user;
    boundary->is_wrong |= item->offset != boundary->next || (item->record == NULL) != (boundary->units == 0);
    boundary->next = item->offset + item->raw.len;
    return ++boundary->units == boundary->stop_after;
}

static void test_units_are_given_in_order_and_without_gaps(void **state)
{
    struct fixture *fixture = *state;
    struct boundary boundary = {0};
    begin_session(&fixture->records, 1);
    spipe_capture_read_memory(fixture->records.data, fixture->records.len, check_boundary, &boundary, &fixture->end);
    assert_false(boundary.is_wrong);
    assert_int_equal(boundary.units, 14);
    assert_int_equal(boundary.next, fixture->records.len);
}

static void test_the_callback_can_stop_the_reading(void **state)
{
    struct fixture *fixture = *state;
    struct boundary boundary = {.stop_after = 3};
    begin_session(&fixture->records, 1);
    spipe_capture_read_memory(fixture->records.data, fixture->records.len, check_boundary, &boundary, &fixture->end);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_STOPPED);
    assert_int_equal(boundary.units, 3);
    assert_int_equal(fixture->end.offset, boundary.next);
}

/* Wherever it is cut, all whole messages before the cut are there, and the end is said to be where the last one ends.
 */
static void test_a_capture_cut_at_any_byte_opens_up_to_there(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    size_t sample_end[3];
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    struct records again;
    records_init(&again);
    records_begin(&again, 1);
    records_define(&again);
    for (uint32_t i = 1; i <= 3; i++) {
        records_sample(&again, 1, i, i * 10);
        sample_end[i - 1] = again.len;
    }
    records_done(&again);
    for (size_t len = 0; len < fixture->records.len; len++) {
        struct spipe_store *store = spipe_store_new(NULL);
        uint64_t expected = 0;
        for (size_t i = 0; i < 3; i++) {
            expected += len >= sample_end[i];
        }
        assert_int_equal(spipe_capture_load_memory(fixture->records.data, len, store, &fixture->end), SPIPE_OK);
        assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_CUT);
        assert_int_equal(spipe_store_sample_count(store), expected);
        assert_int_equal(fixture->end.offset + fixture->end.skipped_bytes, len);
        spipe_store_free(store);
    }
}

/* Any byte changed to anything: it opens, says how it ended, and its tree can be built. */
static void test_a_capture_with_any_byte_changed_opens(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    records_checkpoint(&fixture->records, 50);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 3, 60);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    for (size_t at = 0; at < fixture->records.len; at++) {
        static const uint8_t change[] = {0x01, 0x80, 0xff, 0x20};
        for (size_t i = 0; i < sizeof change; i++) {
            struct spipe_store *store = spipe_store_new(NULL);
            struct spipe_calltree tree;
            fixture->records.data[at] ^= change[i];
            assert_int_equal(
                spipe_capture_load_memory(fixture->records.data, fixture->records.len, store, &fixture->end), SPIPE_OK);
            assert_in_range(fixture->end.reason, SPIPE_CAPTURE_ENDED, SPIPE_CAPTURE_DAMAGED);
            assert_true(fixture->end.offset <= fixture->records.len);
            assert_int_equal(spipe_calltree_init(store, NULL, NULL, SPIPE_CALLTREE_BOTTOM_UP, &tree), SPIPE_OK);
            assert_true(tree.node[0].total_samples <= spipe_store_sample_count(store));
            spipe_calltree_done(&tree);
            spipe_store_free(store);
            fixture->records.data[at] ^= change[i];
        }
    }
}

static void test_damage_is_named_by_place_and_cause(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    size_t damaged = fixture->records.len;
    const uint8_t overlong[] = {0xff, 0xff, 0xff, 0x7f};
    records_add_raw(&fixture->records, overlong, sizeof overlong);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_DAMAGED);
    assert_int_equal(fixture->end.offset, damaged);
    assert_int_equal(fixture->end.status, SPIPE_E_LIMIT);
    assert_int_equal(fixture->end.skipped_bytes, sizeof overlong);
    assert_non_null(strstr(fixture->end.text, "damaged message at byte "));
    assert_int_equal(spipe_store_sample_count(fixture->store), 3);
}

static void test_reading_goes_on_behind_the_next_sync(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    size_t damaged = fixture->records.len;
    records_sample(&fixture->records, 1, 1, 40);
    fixture->records.data[damaged] = 0x7f;     /* a length that leads into what follows */
    fixture->records.data[damaged + 1] = 0x07; /* a wire type that does not exist */
    records_checkpoint(&fixture->records, 50);
    records_define(&fixture->records);
    records_sample(&fixture->records, 1, 3, 60);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_DAMAGED);
    assert_int_equal(fixture->end.offset, damaged);
    assert_int_equal(fixture->end.resumed, 1);
    assert_int_equal(spipe_store_sample_count(fixture->store), 4);
    assert_int_equal(spipe_store_session_count(fixture->store), 1);
    assert_int_equal(spipe_store_node_count(fixture->store), 4);
    struct spipe_store_session session;
    spipe_store_get_session(fixture->store, 0, &session);
    assert_true(session.has_goodbye);
}

static void test_reading_goes_on_at_the_next_session(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    records_add_raw(&fixture->records, "\xff\xff\xff\x7f STKPIPE\1 is no preface", 28);
    begin_session(&fixture->records, 2);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_DAMAGED);
    assert_int_equal(fixture->end.resumed, 1);
    assert_int_equal(fixture->end.skipped_bytes, 28);
    assert_int_equal(spipe_store_session_count(fixture->store), 2);
    assert_int_equal(spipe_store_sample_count(fixture->store), 6);
}

static void test_what_is_no_capture_is_said_to_be_none(void **state)
{
    struct fixture *fixture = *state;
    records_add_raw(&fixture->records,
                    "\x7f"
                    "ELF and so on",
                    14);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_DAMAGED);
    assert_int_equal(fixture->end.offset, 0);
    assert_int_equal(fixture->end.messages, 0);
    assert_string_equal(fixture->end.text, "no capture at byte 0: the input is malformed");
}

static void test_another_major_version_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    records_begin(&fixture->records, 1);
    fixture->records.data[7] = 2;
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_DAMAGED);
    assert_int_equal(fixture->end.status, SPIPE_E_VERSION);
}

static void test_bytes_behind_the_goodbye_are_damage(void **state)
{
    struct fixture *fixture = *state;
    begin_session(&fixture->records, 1);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    size_t end = fixture->records.len;
    records_sample(&fixture->records, 1, 1, 40);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_DAMAGED);
    assert_int_equal(fixture->end.offset, end);
    assert_int_equal(spipe_store_sample_count(fixture->store), 3);
}

static void test_kinds_of_later_versions_are_stepped_over(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_store_counts counts;
    const uint8_t later[] = {4, 0xba, 0x03, 1, 'x'}; /* field 55, a text */
    begin_session(&fixture->records, 1);
    records_add_raw(&fixture->records, later, sizeof later);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    load(fixture);
    spipe_store_get_counts(fixture->store, &counts);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(counts.unknown, 1);
    assert_int_equal(counts.refused, 0);
}

static void test_messages_larger_than_the_window_s_rest_are_whole(void **state)
{
    struct fixture *fixture = *state;
    static uint32_t delta[60000], stack_id[60000];
    uint32_t thread_id = 1, run_length = 60000;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    for (size_t i = 0; i < 60000; i++) {
        stack_id[i] = 1 + (uint32_t)i % 3;
    }
    record.samples = (struct spipe_samples){1, 0, &thread_id, &run_length, 1, delta, stack_id, NULL, NULL, 60000};
    records_begin(&fixture->records, 1);
    records_define(&fixture->records);
    for (int i = 0; i < 20; i++) {
        records_add(&fixture->records, &record);
    }
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    load(fixture);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(spipe_store_sample_count(fixture->store), 20 * 60000);
}

static void test_a_file_reads_as_its_bytes_do(void **state)
{
    struct fixture *fixture = *state;
    char path[] = "/tmp/spipe-test-XXXXXX";
    int descriptor = mkstemp(path);
    begin_session(&fixture->records, 1);
    records_goodbye(&fixture->records, SPIPE_GOODBYE_TARGET_EXITS);
    assert_int_equal(write(descriptor, fixture->records.data, fixture->records.len), fixture->records.len);
    close(descriptor);
    assert_int_equal(spipe_capture_load_file(path, fixture->store, &fixture->end), SPIPE_OK);
    unlink(path);
    assert_int_equal(fixture->end.reason, SPIPE_CAPTURE_ENDED);
    assert_int_equal(spipe_store_sample_count(fixture->store), 3);
}

static void test_files_that_cannot_be_read_give_a_status(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(spipe_capture_load_file("/nonexistent/x", fixture->store, &fixture->end), SPIPE_E_NOT_FOUND);
    assert_int_equal(spipe_capture_load_file("/tmp", fixture->store, &fixture->end), SPIPE_E_SYSTEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_capture_ends_with_goodbye),
        TEST(test_without_goodbye_it_is_cut),
        TEST(test_an_empty_file_is_cut_at_its_beginning),
        TEST(test_sessions_follow_each_other_after_goodbye_and_after_a_cut),
        TEST(test_units_are_given_in_order_and_without_gaps),
        TEST(test_the_callback_can_stop_the_reading),
        TEST(test_a_capture_cut_at_any_byte_opens_up_to_there),
        TEST(test_a_capture_with_any_byte_changed_opens),
        TEST(test_damage_is_named_by_place_and_cause),
        TEST(test_reading_goes_on_behind_the_next_sync),
        TEST(test_reading_goes_on_at_the_next_session),
        TEST(test_what_is_no_capture_is_said_to_be_none),
        TEST(test_another_major_version_is_not_read),
        TEST(test_bytes_behind_the_goodbye_are_damage),
        TEST(test_kinds_of_later_versions_are_stepped_over),
        TEST(test_messages_larger_than_the_window_s_rest_are_whole),
        TEST(test_a_file_reads_as_its_bytes_do),
        TEST(test_files_that_cannot_be_read_give_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
