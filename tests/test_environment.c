/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/environment.h"

static const struct spipe_environment wanted = {"/lib/agent.so", "unix:/tmp/s", "secret", "/tmp/log", 0};

/* Compares the made environment with what is expected, both ended by NULL. */
static void assert_makes(char *const *inherited, const struct spipe_environment *with, const char *const *expected)
{
    char **made = spipe_environment_make(inherited, with);
    assert_non_null(made);
    size_t i = 0;
    for (; expected[i] != NULL; i++) {
        assert_non_null(made[i]);
        assert_string_equal(made[i], expected[i]);
    }
    assert_null(made[i]);
    spipe_environment_free(made);
}

static void test_filters_of_this_process_are_told(void **state)
{
    (void)state;
    struct spipe_environment filtered = wanted;
    filtered.filters = 2;
    char *inherited[] = {(char *)"STACKPIPE_FILTERS=7", NULL};
    const char *expected[] = {"LD_PRELOAD=/lib/agent.so",
                              "STACKPIPE_ENDPOINT=unix:/tmp/s",
                              "STACKPIPE_TOKEN=secret",
                              "STACKPIPE_START=wait",
                              "STACKPIPE_FILTERS=2",
                              "STACKPIPE_LOG=/tmp/log",
                              NULL};
    assert_makes(inherited, &filtered, expected);
}

static void test_our_variables_follow_the_inherited_ones(void **state)
{
    (void)state;
    char *inherited[] = {(char *)"HOME=/root", (char *)"EMPTY=", NULL};
    const char *expected[] = {"HOME=/root",
                              "EMPTY=",
                              "LD_PRELOAD=/lib/agent.so",
                              "STACKPIPE_ENDPOINT=unix:/tmp/s",
                              "STACKPIPE_TOKEN=secret",
                              "STACKPIPE_START=wait",
                              "STACKPIPE_LOG=/tmp/log",
                              NULL};
    assert_makes(inherited, &wanted, expected);
}

static void test_the_users_own_preload_stays_behind_the_agent_and_in_its_place(void **state)
{
    (void)state;
    char *inherited[] = {(char *)"LD_PRELOAD=/a.so /b.so", (char *)"HOME=/root", NULL};
    const char *expected[] = {"LD_PRELOAD=/lib/agent.so:/a.so /b.so",
                              "HOME=/root",
                              "STACKPIPE_ENDPOINT=unix:/tmp/s",
                              "STACKPIPE_TOKEN=secret",
                              "STACKPIPE_START=wait",
                              "STACKPIPE_LOG=/tmp/log",
                              NULL};
    assert_makes(inherited, &wanted, expected);
}

static void test_an_empty_preload_leaves_no_colon(void **state)
{
    (void)state;
    char *inherited[] = {(char *)"LD_PRELOAD=", NULL};
    const char *expected[] = {"LD_PRELOAD=/lib/agent.so", "STACKPIPE_ENDPOINT=unix:/tmp/s", "STACKPIPE_TOKEN=secret",
                              "STACKPIPE_START=wait",     "STACKPIPE_LOG=/tmp/log",         NULL};
    assert_makes(inherited, &wanted, expected);
}

static void test_leftovers_of_another_recording_are_replaced(void **state)
{
    (void)state;
    char *inherited[] = {(char *)"STACKPIPE_TOKEN=old", (char *)"STACKPIPE_ENDPOINT=old", (char *)"STACKPIPE_START=now",
                         (char *)"STACKPIPE_AGENT=/x", NULL};
    const char *expected[] = {"STACKPIPE_AGENT=/x",
                              "LD_PRELOAD=/lib/agent.so",
                              "STACKPIPE_ENDPOINT=unix:/tmp/s",
                              "STACKPIPE_TOKEN=secret",
                              "STACKPIPE_START=wait",
                              "STACKPIPE_LOG=/tmp/log",
                              NULL};
    assert_makes(inherited, &wanted, expected);
}

static void test_without_a_log_of_ours_the_users_log_stays(void **state)
{
    (void)state;
    struct spipe_environment no_log = wanted;
    no_log.log = NULL;
    char *inherited[] = {(char *)"STACKPIPE_LOG=/mine", NULL};
    const char *expected[] = {"STACKPIPE_LOG=/mine",    "LD_PRELOAD=/lib/agent.so", "STACKPIPE_ENDPOINT=unix:/tmp/s",
                              "STACKPIPE_TOKEN=secret", "STACKPIPE_START=wait",     NULL};
    assert_makes(inherited, &no_log, expected);
}

static void test_names_that_only_begin_alike_are_left_alone(void **state)
{
    (void)state;
    char *inherited[] = {(char *)"LD_PRELOAD_X=1", (char *)"STACKPIPE_TOKENS=2", (char *)"no equals sign", NULL};
    char **made = spipe_environment_make(inherited, &wanted);
    for (size_t i = 0; inherited[i] != NULL; i++) {
        assert_string_equal(made[i], inherited[i]);
    }
    spipe_environment_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_our_variables_follow_the_inherited_ones),
        cmocka_unit_test(test_filters_of_this_process_are_told),
        cmocka_unit_test(test_the_users_own_preload_stays_behind_the_agent_and_in_its_place),
        cmocka_unit_test(test_an_empty_preload_leaves_no_colon),
        cmocka_unit_test(test_leftovers_of_another_recording_are_replaced),
        cmocka_unit_test(test_without_a_log_of_ours_the_users_log_stays),
        cmocka_unit_test(test_names_that_only_begin_alike_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
