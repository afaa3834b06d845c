/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "agent/next_symbol.h"

/* The agent's code is linked into this program, so the program itself is what the search begins behind. */

static void test_the_next_definition_is_the_one_that_the_loader_names(void **state)
{
    (void)state;
    static const char *const names[] = {"getpid", "sigaction", "execve", "pthread_create", "pthread_exit",
                                        "prctl",  "fork",      "vfork",  "dlclose",        "_exit"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *expected = dlsym(RTLD_NEXT, names[i]);
        assert_non_null(expected);
        assert_ptr_equal(spipe_next_symbol(names[i]), expected);
    }
}

static void test_a_function_that_chooses_its_implementation_is_asked(void **state)
{
    (void)state;
    assert_ptr_equal(spipe_next_symbol("strlen"), dlsym(RTLD_NEXT, "strlen"));
    assert_ptr_equal(spipe_next_symbol("memcpy"), dlsym(RTLD_NEXT, "memcpy"));
}

static void test_what_is_found_can_be_called(void **state)
{
    (void)state;
    pid_t (*own_pid)(void);
    void *symbol = spipe_next_symbol("getpid");
    memcpy(&own_pid, &symbol, sizeof own_pid);
    assert_int_equal(own_pid(), getpid());
}

static void test_a_name_that_nobody_defines_is_not_found(void **state)
{
    (void)state;
    assert_null(spipe_next_symbol("spipe_no_such_function"));
    assert_null(spipe_next_symbol(""));
    assert_null(spipe_next_symbol("main"));
}

static void test_the_programs_own_path_is_empty(void **state)
{
    (void)state;
    assert_string_equal(spipe_next_symbol_own_path(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_definition_is_the_one_that_the_loader_names),
        cmocka_unit_test(test_a_function_that_chooses_its_implementation_is_asked),
        cmocka_unit_test(test_what_is_found_can_be_called),
        cmocka_unit_test(test_a_name_that_nobody_defines_is_not_found),
        cmocka_unit_test(test_the_programs_own_path_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
