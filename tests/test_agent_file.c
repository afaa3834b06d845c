/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/agent_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_the_users_choice_comes_first_and_becomes_absolute(void **state)
{
    tool_files_write(tool_files_path(state, "mine.so"), "x", 1, 0644);
    assert_int_equal(chdir(*state), 0);
    setenv("STACKPIPE_AGENT", "./mine.so", 1);
    char path[PATH_MAX];
    assert_int_equal(spipe_agent_file_find(path), 0);
    assert_string_equal(path, tool_files_path(state, "mine.so"));
    unsetenv("STACKPIPE_AGENT");
}

static void test_a_choice_that_is_not_there_is_named_and_nothing_else_taken(void **state)
{
    (void)state;
    setenv("STACKPIPE_AGENT", "/no/such/agent.so", 1);
    char path[PATH_MAX];
    assert_int_equal(spipe_agent_file_find(path), SPIPE_E_NOT_FOUND);
    assert_string_equal(path, "/no/such/agent.so");
    unsetenv("STACKPIPE_AGENT");
}

static void test_an_empty_choice_is_none(void **state)
{
    (void)state;
    setenv("STACKPIPE_AGENT", "", 1);
    char path[PATH_MAX];
    int status = spipe_agent_file_find(path);
    assert_true(status == 0 || status == SPIPE_E_NOT_FOUND);
    assert_int_equal(path[0], '/');
    assert_non_null(strstr(path, "libstackpipe-agent.so"));
    unsetenv("STACKPIPE_AGENT");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_users_choice_comes_first_and_becomes_absolute),
        TEST(test_a_choice_that_is_not_there_is_named_and_nothing_else_taken),
        TEST(test_an_empty_choice_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
