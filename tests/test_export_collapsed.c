/* SPDX-License-Identifier: MIT */
#include "profile_kit.h"
#include "protocol/status.h"
#include "viewer-stub/host/export_collapsed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct profile_kit kit;
    struct spipe_symbols *symbols;
    char *text;
};

/* main calls alpha and beta; two threads of one name and one of another. */
static int set_up(void **state)
{
    static struct fixture fixture;
    struct profile_kit *kit = &fixture.kit;
    uint32_t first = 0;
    uint32_t second = 0;
    uint32_t third = 0;
    uint32_t main_stack = 0;
    uint32_t alpha = 0;
    uint32_t beta = 0;

    profile_kit_init(kit);
    first = profile_kit_thread(kit, 100, "demo");
    second = profile_kit_thread(kit, 101, "demo");
    third = profile_kit_thread(kit, 102, "odd;name\n");
    main_stack = profile_kit_stack(kit, 0, profile_kit_function(kit, "main", "", 0));
    alpha = profile_kit_stack(kit, main_stack, profile_kit_function(kit, "alpha(int; long)", "", 0));
    beta = profile_kit_stack(kit, main_stack, profile_kit_function(kit, "beta\r\n\x1b", "", 0));
    profile_kit_sample(kit, first, beta, 1, 1000);
    profile_kit_sample(kit, first, alpha, 2, 2000);
    profile_kit_sample(kit, second, alpha, 3, 3000);
    profile_kit_sample(kit, third, main_stack, 1, 4000);
    profile_kit_sample(kit, third, 0, 1, 5000);
    fixture.symbols = spipe_symbols_new(kit->store);
    fixture.text = NULL;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    free(fixture->text);
    spipe_symbols_free(fixture->symbols);
    profile_kit_done(&fixture->kit);
    return 0;
}

static int export(struct fixture *fixture, const struct spipe_export_options *options)
{
    size_t len = 0;
    FILE *stream = open_memstream(&fixture->text, &len);
    int status = 0;

    assert_non_null(stream);
    status = spipe_export_collapsed(fixture->kit.store, fixture->symbols, options, stream);
    assert_int_equal(fclose(stream), 0);
    return status;
}

static void test_lines_are_sorted_cleaned_and_sum_to_the_nanosecond(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(export(fixture, NULL), 0);
    assert_string_equal(fixture->text, "demo;main;alpha(int: long) 50000000\n"
                                       "demo;main;beta??? 10000000\n"
                                       "odd:name?;[no stack] 10000000\n"
                                       "odd:name?;main 10000000\n");
}

static void test_thread_can_be_left_out(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.leave_out_thread = true};

    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "[no stack] 10000000\n"
                                       "main 10000000\n"
                                       "main;alpha(int: long) 50000000\n"
                                       "main;beta??? 10000000\n");
}

static void test_threads_are_chosen_by_name_and_by_number(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.thread = "101"};

    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "demo;main;alpha(int: long) 30000000\n");
    free(fixture->text);
    options.thread = "demo";
    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "demo;main;alpha(int: long) 50000000\n"
                                       "demo;main;beta??? 10000000\n");
}

static void test_unknown_thread_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.thread = "nobody"};

    assert_int_equal(export(fixture, &options), SPIPE_E_NOT_FOUND);
    assert_string_equal(fixture->text, "");
}

static void test_time_range_excludes_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.from_ns = 2000000, .to_ns = 4000000};

    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "demo;main;alpha(int: long) 50000000\n");
}

static void test_nothing_sampled_gives_an_empty_text(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.from_ns = 900000000};

    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "");
}

/* The wall clock tells of the same threads apart from the CPU samples; each state has a frame of its own. */
static void test_states_of_the_wall_clock_stand_behind_the_thread(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.kind = SPIPE_SOURCE_WALL};

    profile_kit_begin_wall(&fixture->kit);
    profile_kit_wall_sample(&fixture->kit, 1, 1, 2, SPIPE_STATE_RUNNING, 6000);
    profile_kit_wall_sample(&fixture->kit, 1, 1, 3, SPIPE_STATE_WAITING, 7000);
    profile_kit_wall_sample(&fixture->kit, 2, 1, 4, SPIPE_STATE_WAITING, 7000);
    profile_kit_wall_sample(&fixture->kit, 1, 1, 1, SPIPE_STATE_RUNNABLE, 8000);
    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "demo;[running];main 40000000\n"
                                       "demo;[waiting for a CPU];main 20000000\n"
                                       "demo;[waiting];main 140000000\n");
    free(fixture->text);
    options.states = 1u << SPIPE_STATE_RUNNING | 1u << SPIPE_STATE_RUNNABLE;
    assert_int_equal(export(fixture, &options), 0);
    assert_string_equal(fixture->text, "demo;[running];main 40000000\n"
                                       "demo;[waiting for a CPU];main 20000000\n");
    free(fixture->text);
    assert_int_equal(export(fixture, NULL), 0);
    assert_non_null(strstr(fixture->text, "demo;main;alpha(int: long) 50000000\n"));
    assert_null(strstr(fixture->text, "running"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_sorted_cleaned_and_sum_to_the_nanosecond, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_thread_can_be_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_are_chosen_by_name_and_by_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_thread_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time_range_excludes_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_states_of_the_wall_clock_stand_behind_the_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_sampled_gives_an_empty_text, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
