/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/record.h"

static void test_the_preface_is_the_eight_bytes_of_the_specification(void **state)
{
    (void)state;
    const uint8_t expected[] = {0x53, 0x54, 0x4B, 0x50, 0x49, 0x50, 0x45, 0x01};
    assert_int_equal(sizeof(spipe_preface), sizeof(expected));
    assert_memory_equal(spipe_preface, expected, sizeof(expected));
}

static void test_kinds_have_names_in_lower_case(void **state)
{
    (void)state;
    assert_string_equal(spipe_record_kind_name(SPIPE_RECORD_REFUSAL), "refusal");
    assert_string_equal(spipe_record_kind_name(SPIPE_RECORD_SAMPLES), "samples");
    assert_string_equal(spipe_record_kind_name(SPIPE_RECORD_COMMAND_RESULT), "command result");
    assert_string_equal(spipe_record_kind_name(SPIPE_RECORD_GOODBYE), "goodbye");
}

static void test_each_known_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = SPIPE_RECORD_UNKNOWN; a <= SPIPE_RECORD_AUDITS; a++) {
        for (int b = SPIPE_RECORD_UNKNOWN; b < a; b++) {
            assert_string_not_equal(spipe_record_kind_name((enum spipe_record_kind)a),
                                    spipe_record_kind_name((enum spipe_record_kind)b));
        }
    }
}

static void test_stand_ins_say_why_a_stack_ends(void **state)
{
    (void)state;
    assert_string_equal(spipe_stand_in_name(SPIPE_STAND_IN_TOO_DEEP), "too deep");
    assert_string_equal(spipe_stand_in_name(SPIPE_STAND_IN_KERNEL), "kernel");
    for (uint32_t a = 0; a <= SPIPE_STAND_IN_NOT_SEEN; a++) {
        for (uint32_t b = 0; b < a; b++) {
            assert_string_not_equal(spipe_stand_in_name(a), spipe_stand_in_name(b));
        }
    }
}

static void test_goodbyes_say_why_a_session_ended(void **state)
{
    (void)state;
    assert_string_equal(spipe_goodbye_reason_name(SPIPE_GOODBYE_TARGET_EXITS), "target exits");
    assert_string_equal(spipe_goodbye_reason_name(SPIPE_GOODBYE_AGENT_FAILED), "agent failed");
}

static void test_numbers_of_later_versions_are_called_unknown(void **state)
{
    (void)state;
    assert_string_equal(spipe_record_kind_name((enum spipe_record_kind)17), "unknown");
    assert_string_equal(spipe_stand_in_name(11), "unknown");
    assert_string_equal(spipe_stand_in_name(UINT32_MAX), "unknown");
    assert_string_equal(spipe_goodbye_reason_name(6), "unknown");
    assert_string_equal(spipe_goodbye_reason_name(UINT32_MAX), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_preface_is_the_eight_bytes_of_the_specification),
        cmocka_unit_test(test_kinds_have_names_in_lower_case),
        cmocka_unit_test(test_each_known_kind_has_a_name_of_its_own),
        cmocka_unit_test(test_stand_ins_say_why_a_stack_ends),
        cmocka_unit_test(test_goodbyes_say_why_a_session_ended),
        cmocka_unit_test(test_numbers_of_later_versions_are_called_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
