/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "tools/stackpipe/report_wall.h"
#include "viewer-stub/host/capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Frames are functions here, called a, b and c in that order. */
static size_t functions_of(void *user, uint32_t frame, const uint32_t **ret_functions)
{
    static uint32_t function;
    (void)user;
    function = frame;
    *ret_functions = &function;
    return 1;
}

static const char *name_of(void *user, uint32_t function)
{
    static const char *const names[] = {"outer", "middle", "inner"};
    (void)user;
    return names[function];
}

static const char *image_of(void *user, uint32_t function)
{
    (void)user;
    (void)function;
    return "/bin/demo";
}

static const struct spipe_naming naming = {NULL, functions_of, name_of, image_of};

struct fixture {
    struct records records;
    struct spipe_store *store;
    struct spipe_summary summary;
    char *text;
    size_t len;
    FILE *stream;
};

/* A thread that runs for 40 ms, waits for a CPU for 20 and sleeps for 140; another that sleeps for 200. */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct spipe_capture_end end;
    records_init(&fixture->records);
    fixture->store = spipe_store_new(NULL);
    records_begin(&fixture->records, 1);
    records_applied_wall(&fixture->records);
    records_define(&fixture->records);
    records_thread(&fixture->records, 2, 101, "idle");
    records_wall_sample(&fixture->records, 1, 2, 2, SPIPE_STATE_RUNNING, 40000);
    records_wall_sample(&fixture->records, 1, 2, 1, SPIPE_STATE_RUNNABLE, 60000);
    records_wall_sample(&fixture->records, 1, 3, 7, SPIPE_STATE_WAITING, 200000);
    records_wall_sample(&fixture->records, 2, 3, 10, SPIPE_STATE_WAITING, 200000);
    records_wall_ledger(&fixture->records, 1, 10, 200000);
    records_wall_ledger(&fixture->records, 2, 10, 200000);
    int status = spipe_capture_load_memory(fixture->records.data, fixture->records.len, fixture->store, &end);
    status = status != 0 ? status : spipe_summary_init(fixture->store, &naming, &end, 0, &fixture->summary);
    fixture->stream = open_memstream(&fixture->text, &fixture->len);
    *state = fixture;
    return status;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->text);
    spipe_summary_done(&fixture->summary);
    spipe_store_free(fixture->store);
    records_done(&fixture->records);
    free(fixture);
    return 0;
}

static void assert_written(struct fixture *fixture, const char *expected)
{
    fclose(fixture->stream);
    assert_string_equal(fixture->text, expected);
}

static void test_the_header_says_how_the_threads_spent_their_lives(void **state)
{
    struct fixture *fixture = *state;
    spipe_report_wall_write_header(&fixture->summary.wall, fixture->stream);
    assert_written(fixture, "2 threads lived for 400 ms: 40.0 ms running, 20.0 ms waiting for a CPU, 340 ms waiting; "
                            "looked at 50 times a second\n");
}

static void test_functions_have_a_column_for_each_state(void **state)
{
    struct fixture *fixture = *state;
    spipe_report_wall_write_functions(&fixture->summary.wall, fixture->stream);
    assert_written(fixture, "\n    self    total   running ms for a CPU ms   waiting ms  function  image\n"
                            " 85.00 %  85.00 %          0.0          0.0        340.0  inner     demo\n"
                            " 15.00 % 100.00 %         40.0         20.0          0.0  middle    demo\n"
                            "  0.00 % 100.00 %          0.0          0.0          0.0  outer     demo\n");
}

static void test_each_state_has_a_tree_with_shares_of_all_time(void **state)
{
    struct fixture *fixture = *state;
    int status =
        spipe_report_wall_write_trees(&fixture->summary.wall, fixture->store, &naming, fixture->stream);
    assert_int_equal(status, 0);
    assert_written(fixture, "\n   total     self  call tree, running\n"
                            " 10.00 %   0.00 %  outer\n"
                            " 10.00 %  10.00 %   middle\n"
                            "\n   total     self  call tree, waiting for a CPU\n"
                            "  5.00 %   0.00 %  outer\n"
                            "  5.00 %   5.00 %   middle\n"
                            "\n   total     self  call tree, waiting\n"
                            " 85.00 %   0.00 %  outer\n"
                            " 85.00 %   0.00 %   middle\n"
                            " 85.00 %  85.00 %    inner\n");
}

static void test_threads_have_a_column_for_each_state(void **state)
{
    struct fixture *fixture = *state;
    spipe_report_wall_write_threads(&fixture->summary.wall, fixture->stream);
    assert_written(fixture, "\n     tid     lived ms   running ms for a CPU ms   waiting ms  thread\n"
                            "     100        200.0         40.0         20.0        140.0  main\n"
                            "     101        200.0          0.0          0.0        200.0  idle\n");
}

static void test_the_account_is_in_periods(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fixture->summary.wall.attempted, 20);
    assert_int_equal(fixture->summary.wall.sent, 20);
    assert_int_equal(fixture->summary.wall.pending, 0);
    spipe_report_wall_write_ledger(&fixture->summary.wall, fixture->stream);
    assert_written(fixture, "\nledger of the wall clock, in periods\n"
                            "  lived                                              20\n"
                            "  sent                                               20\n"
                            "  pending                                             0\n"
                            "  lost: the pipe was full                             0\n"
                            "  lost: paused                                        0\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_header_says_how_the_threads_spent_their_lives),
        TEST(test_functions_have_a_column_for_each_state),
        TEST(test_each_state_has_a_tree_with_shares_of_all_time),
        TEST(test_threads_have_a_column_for_each_state),
        TEST(test_the_account_is_in_periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
