/* SPDX-License-Identifier: MIT */
/*
 * Captures that agents once wrote, and what they come to: a reader must go on reading them, with the same result.
 *
 * Each tests/data/NAME.spipe has its summary beside it, NAME.json; places are given as image+offset, so that nothing of this machine
 * matters.
 */
#include "protocol/status.h"
#include "viewer-stub/host/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOP 20u
#define TEXT_MAX 65536u

static size_t read_text(const char *name, const char *ending, char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s", SPIPE_TEST_DATA, name, ending);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(text, 1, TEXT_MAX - 1, file);
    fclose(file);
    text[len] = '\0';
    return len;
}

static void summarize(const char *name, char *text)
{
    char path[512];
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_capture_end end;
    struct spipe_summary summary;
    snprintf(path, sizeof path, "%s/%s.spipe", SPIPE_TEST_DATA, name);
    assert_non_null(store);
    assert_int_equal(spipe_capture_load_file(path, store, &end), SPIPE_OK);
    assert_int_equal(spipe_summary_init(store, NULL, &end, TOP, &summary), SPIPE_OK);

    FILE *stream = tmpfile();
    assert_non_null(stream);
    spipe_summary_write_json(&summary, store, &end, stream);
    rewind(stream);
    text[fread(text, 1, TEXT_MAX - 1, stream)] = '\0';
    fclose(stream);
    spipe_summary_done(&summary);
    spipe_store_free(store);
}

static void check(const char *name)
{
    char *expected = malloc(TEXT_MAX);
    char *found = malloc(TEXT_MAX);
    assert_non_null(expected);
    assert_non_null(found);
    summarize(name, found);
    /* GOLDEN=print shows what to put there when a capture is added. */
    if (getenv("GOLDEN") != NULL)
        printf("%s\n%s", name, found);
    assert_true(read_text(name, ".json", expected) > 0);
    assert_string_equal(found, expected);
    free(expected);
    free(found);
}

static void test_samples_above_the_tick_are_read_as_ever(void **state)
{
    (void)state;
    check("python3_above_the_tick");
}

static void test_sessions_joined_by_exec_are_read_as_ever(void **state)
{
    (void)state;
    check("three_programs_by_exec");
}

static void test_threads_that_end_are_read_as_ever(void **state)
{
    (void)state;
    check("threads_that_end");
}

static void test_a_capture_cut_in_a_message_is_read_as_ever(void **state)
{
    (void)state;
    check("cut_in_a_message");
}

static void test_lives_by_the_wall_clock_are_read_as_ever(void **state)
{
    (void)state;
    check("lives_by_the_wall_clock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_above_the_tick_are_read_as_ever),
        cmocka_unit_test(test_sessions_joined_by_exec_are_read_as_ever),
        cmocka_unit_test(test_threads_that_end_are_read_as_ever),
        cmocka_unit_test(test_lives_by_the_wall_clock_are_read_as_ever),
        cmocka_unit_test(test_a_capture_cut_in_a_message_is_read_as_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
