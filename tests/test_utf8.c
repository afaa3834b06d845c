/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_clean(const char *text, const char *expected)
{
    char copy[64];

    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    spipe_utf8_clean(copy, strlen(copy));
    assert_string_equal(copy, expected);
}

static void test_whole_characters_stay(void **state)
{
    (void)state;
    assert_clean("plain", "plain");
    assert_clean("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5",
                 "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5");
}

static void test_control_characters_become_question_marks(void **state)
{
    (void)state;
    assert_clean("a\nb\tc\x7f", "a?b?c?");
    assert_clean("a\xc2\x85z", "a??z");
}

static void test_broken_characters_become_question_marks(void **state)
{
    (void)state;
    assert_clean("\xff\xfe", "??");
    assert_clean("cut \xe2\x82", "cut ??");
    assert_clean("overlong \xc0\xaf", "overlong ??");
    assert_clean("surrogate \xed\xa0\x80", "surrogate ???");
    assert_clean("beyond \xf4\x90\x80\x80", "beyond ????");
}

static void test_cutting_never_splits_a_character(void **state)
{
    const char *text = "a\xe2\x82\xac"
                       "b";

    (void)state;
    assert_int_equal(spipe_utf8_cut(text, 1), 1);
    assert_int_equal(spipe_utf8_cut(text, 2), 1);
    assert_int_equal(spipe_utf8_cut(text, 3), 1);
    assert_int_equal(spipe_utf8_cut(text, 4), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_characters_stay),
        cmocka_unit_test(test_control_characters_become_question_marks),
        cmocka_unit_test(test_broken_characters_become_question_marks),
        cmocka_unit_test(test_cutting_never_splits_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
