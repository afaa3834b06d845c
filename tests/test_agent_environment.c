/* SPDX-License-Identifier: MIT */
/* What the agent takes out of the program's environment, and what it puts back for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/control.h"
#include "agent/environment.h"
#include "agent/greeting.h"
#include "agent/past.h"

#include <stdlib.h>
#include <string.h>

#define OWN_PATH "/lib/agent.so"

extern char **environ;

static char **environment_before;
static char token[64];

/* The program's first environment, taken in once as at a start. */
static int set_up(void **state)
{
    static char preload[64];
    static char *entries[] = {(char *)"HOME=/root",
                              preload,
                              (char *)"STACKPIPE_ENDPOINT=unix:/tmp/x",
                              token,
                              (char *)"STACKPIPE_START=wait",
                              (char *)"STACKPIPE_PARENT=000102030405060708090a0b0c0d0e0f",
                              (char *)"PATH=/bin",
                              NULL};
    (void)state;
    strcpy(token, "STACKPIPE_TOKEN=a secret");
    strcpy(preload, "LD_PRELOAD=/lib/first.so:" OWN_PATH ":/lib/last.so");
    environment_before = environ;
    environ = entries;
    spipe_environment_take(OWN_PATH);
    spipe_greeting_name_process();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    environ = environment_before;
    return 0;
}

static const char *value_in(char *const *environment, const char *name)
{
    const char *found = NULL;
    size_t len = strlen(name);
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=') {
            assert_null(found);
            found = *environment + len + 1;
        }
    }
    return found;
}

static void test_the_program_sees_what_it_was_meant_to_have(void **state)
{
    (void)state;
    assert_string_equal(environ[0], "HOME=/root");
    assert_string_equal(environ[1], "LD_PRELOAD=/lib/first.so:/lib/last.so");
    assert_string_equal(environ[2], "PATH=/bin");
    assert_null(environ[3]);
    assert_string_equal(spipe_control.environment.token, "a secret");
    assert_true(spipe_control.environment.wait);
}

static void test_the_token_is_written_over(void **state)
{
    (void)state;
    assert_string_equal(token, "STACKPIPE_TOKEN=xxxxxxxx");
}

static char *const *extend(char *const *environment, enum spipe_heir heir, void **ret_memory)
{
    *ret_memory = malloc(spipe_environment_size(environment, heir));
    return spipe_environment_extend(environment, heir, *ret_memory);
}

static void check_common(char *const *extended)
{
    assert_string_equal(value_in(extended, "HOME"), "/root");
    assert_string_equal(value_in(extended, "STACKPIPE_ENDPOINT"), "unix:/tmp/x");
    assert_string_equal(value_in(extended, "STACKPIPE_TOKEN"), "a secret");
    assert_string_equal(value_in(extended, "STACKPIPE_START"), "wait");
    assert_string_equal(value_in(extended, "LD_PRELOAD"), OWN_PATH ":/lib/first.so:/lib/last.so");
}

static void test_a_child_of_a_process_without_a_session_names_its_grandparent(void **state)
{
    void *memory;
    (void)state;
    char *const *extended = extend(environ, SPIPE_HEIR_CHILD, &memory);
    check_common(extended);
    assert_string_equal(value_in(extended, "STACKPIPE_PARENT"), "000102030405060708090a0b0c0d0e0f");
    assert_null(value_in(extended, "STACKPIPE_PROCESS"));
    free(memory);
}

static void have_a_session(void)
{
    uint8_t process_id[16];
    uint8_t session_id[16];
    memset(process_id, 0xab, sizeof process_id);
    memset(session_id, 0xcd, sizeof session_id);
    spipe_greeting_continue(process_id, 3);
    spipe_past_continue(session_id);
}

static void test_a_child_names_its_parent_and_the_process_itself_its_past(void **state)
{
    void *memory;
    (void)state;
    have_a_session();
    char *const *extended = extend(environ, SPIPE_HEIR_CHILD, &memory);
    check_common(extended);
    assert_string_equal(value_in(extended, "STACKPIPE_PARENT"), "abababababababababababababababab");
    assert_null(value_in(extended, "STACKPIPE_PROCESS"));
    free(memory);
    extended = extend(environ, SPIPE_HEIR_SELF, &memory);
    check_common(extended);
    assert_string_equal(value_in(extended, "STACKPIPE_PARENT"), "000102030405060708090a0b0c0d0e0f");
    assert_string_equal(value_in(extended, "STACKPIPE_PROCESS"),
                        "abababababababababababababababab:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd:3");
    free(memory);
}

static void test_extending_twice_adds_nothing(void **state)
{
    void *once_memory;
    void *twice_memory;
    (void)state;
    char *const *once = extend(environ, SPIPE_HEIR_CHILD, &once_memory);
    char *const *twice = extend(once, SPIPE_HEIR_CHILD, &twice_memory);
    size_t count = 0;
    while (once[count] != NULL)
        count++;
    check_common(twice);
    assert_null(twice[count]);
    free(once_memory);
    free(twice_memory);
}

static void test_nobody_gets_nothing(void **state)
{
    (void)state;
    assert_ptr_equal(spipe_environment_extend(environ, SPIPE_HEIR_NONE, &token), environ);
    assert_ptr_equal(spipe_environment_extend(environ, SPIPE_HEIR_CHILD, NULL), environ);
}

static void test_no_environment_at_all_becomes_ours(void **state)
{
    void *memory;
    (void)state;
    char *const *extended = extend(NULL, SPIPE_HEIR_CHILD, &memory);
    assert_string_equal(value_in(extended, "LD_PRELOAD"), OWN_PATH);
    assert_string_equal(value_in(extended, "STACKPIPE_ENDPOINT"), "unix:/tmp/x");
    free(memory);
}

static void test_the_programs_own_environment_is_opened_once(void **state)
{
    (void)state;
    spipe_environment_open();
    char **opened = environ;
    check_common(opened);
    spipe_environment_open();
    assert_ptr_equal(environ, opened);
    /* A copy, as setenv() makes one, is as good. */
    static char *copy[32];
    for (size_t i = 0; opened[i] != NULL; i++)
        copy[i] = opened[i];
    environ = copy;
    spipe_environment_open();
    assert_ptr_equal(environ, copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_program_sees_what_it_was_meant_to_have),
        cmocka_unit_test(test_the_token_is_written_over),
        cmocka_unit_test(test_a_child_of_a_process_without_a_session_names_its_grandparent),
        cmocka_unit_test(test_a_child_names_its_parent_and_the_process_itself_its_past),
        cmocka_unit_test(test_extending_twice_adds_nothing),
        cmocka_unit_test(test_nobody_gets_nothing),
        cmocka_unit_test(test_no_environment_at_all_becomes_ours),
        cmocka_unit_test(test_the_programs_own_environment_is_opened_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
