/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/out_file.h"

#include <stdlib.h>
#include <unistd.h>

static void test_a_result_takes_its_place_when_it_is_whole(void **state)
{
    const char *path = tool_files_path(state, "result");
    tool_files_write(path, "old", 3, 0644);
    struct spipe_out_file file;
    assert_int_equal(spipe_out_file_open(&file, path), 0);
    fputs("new", file.stream);
    fflush(file.stream);
    char *before = tool_files_read(path, NULL);
    assert_string_equal(before, "old");
    free(before);
    assert_int_equal(spipe_out_file_close(&file, true), 0);
    char *after = tool_files_read(path, NULL);
    assert_string_equal(after, "new");
    free(after);
    assert_int_equal(access(file.part, F_OK), -1);
}

static void test_a_result_that_failed_leaves_the_old_one(void **state)
{
    const char *path = tool_files_path(state, "result");
    tool_files_write(path, "old", 3, 0644);
    struct spipe_out_file file;
    assert_int_equal(spipe_out_file_open(&file, path), 0);
    fputs("new", file.stream);
    assert_int_equal(spipe_out_file_close(&file, false), 0);
    char *after = tool_files_read(path, NULL);
    assert_string_equal(after, "old");
    free(after);
    assert_int_equal(access(file.part, F_OK), -1);
}

static void test_devices_are_written_directly_and_a_full_one_is_noticed(void **state)
{
    (void)state;
    struct spipe_out_file file;
    assert_int_equal(spipe_out_file_open(&file, "/dev/full"), 0);
    fputs("new", file.stream);
    assert_int_equal(spipe_out_file_close(&file, true), SPIPE_E_SYSTEM);
}

static void test_a_folder_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct spipe_out_file file;
    assert_int_equal(spipe_out_file_open(&file, "/no/such/folder/result"), SPIPE_E_SYSTEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_result_takes_its_place_when_it_is_whole),
        TEST(test_a_result_that_failed_leaves_the_old_one),
        TEST(test_devices_are_written_directly_and_a_full_one_is_noticed),
        TEST(test_a_folder_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
