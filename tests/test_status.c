/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <string.h>

#include "protocol/status.h"

static const int statuses[] = {
#define VALUE(name, value, message) name,
    SPIPE_STATUS_MAP(VALUE)
#undef VALUE
};

#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

static void test_each_status_has_a_name_and_a_message_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(statuses[i], statuses[k]);
            assert_string_not_equal(spipe_status_name(statuses[i]), spipe_status_name(statuses[k]));
            assert_string_not_equal(spipe_status_message(statuses[i]), spipe_status_message(statuses[k]));
        }
    }
}

static void test_errors_are_negative_and_only_success_is_zero(void **state)
{
    (void)state;
    assert_int_equal(SPIPE_OK, 0);
    for (size_t i = 1; i < STATUS_COUNT; i++) {
        assert_true(statuses[i] < 0);
    }
}

static void test_names_are_those_of_the_constants(void **state)
{
    (void)state;
    assert_string_equal(spipe_status_name(SPIPE_OK), "SPIPE_OK");
    assert_string_equal(spipe_status_name(SPIPE_E_LIMIT), "SPIPE_E_LIMIT");
}

static void test_messages_end_without_a_full_stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATUS_COUNT; i++) {
        const char *message = spipe_status_message(statuses[i]);
        assert_true(message[0] != '\0' && message[strlen(message) - 1] != '.');
    }
}

static void test_numbers_that_are_no_status_have_words_too(void **state)
{
    (void)state;
    const int others[] = {1, -1000, INT_MAX, INT_MIN};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_string_equal(spipe_status_name(others[i]), "SPIPE_E_UNKNOWN");
        assert_string_equal(spipe_status_message(others[i]), "an unknown status");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_status_has_a_name_and_a_message_of_its_own),
        cmocka_unit_test(test_errors_are_negative_and_only_success_is_zero),
        cmocka_unit_test(test_names_are_those_of_the_constants),
        cmocka_unit_test(test_messages_end_without_a_full_stop),
        cmocka_unit_test(test_numbers_that_are_no_status_have_words_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
