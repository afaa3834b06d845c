/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct spipe_json json;
    char *text;
    size_t len;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    spipe_json_init(&fixture->json, open_memstream(&fixture->text, &fixture->len), false);
    *state = fixture;
    return fixture->json.stream == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->text);
    free(fixture);
    return 0;
}

static void assert_written(struct fixture *fixture, const char *expected)
{
    fclose(fixture->json.stream);
    assert_string_equal(fixture->text, expected);
}

static void test_objects_and_arrays_have_their_commas(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_json *json = &fixture->json;
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "a", UINT64_MAX);
    spipe_json_key(json, "b");
    spipe_json_begin_array(json);
    spipe_json_signed(json, -1);
    spipe_json_bool(json, true);
    spipe_json_null(json);
    spipe_json_begin_object(json);
    spipe_json_end_object(json);
    spipe_json_end_array(json);
    spipe_json_member_text(json, "c", "d");
    spipe_json_end_object(json);
    assert_written(fixture, "{\"a\": 18446744073709551615, \"b\": [-1, true, null, {}], \"c\": \"d\"}");
}

static void test_pretty_output_has_a_member_a_line(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_json *json = &fixture->json;
    json->pretty = true;
    spipe_json_begin_object(json);
    spipe_json_member_bool(json, "a", false);
    spipe_json_key(json, "b");
    spipe_json_begin_array(json);
    spipe_json_end_array(json);
    spipe_json_end_object(json);
    assert_written(fixture, "{\n  \"a\": false,\n  \"b\": []\n}");
}

static void test_texts_are_escaped(void **state)
{
    struct fixture *fixture = *state;
    spipe_json_text(&fixture->json, "\"\\/\b\f\n\r\t\x01\x7f \xc3\xa4 \xf0\x9f\x98\x80");
    assert_written(fixture, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u007f \xc3\xa4 \xf0\x9f\x98\x80\"");
}

static void test_control_characters_of_two_bytes_are_escaped_too(void **state)
{
    struct fixture *fixture = *state;
    spipe_json_text(&fixture->json, "\xc2\x9b\xc2\xa0");
    assert_written(fixture, "\"\\u009b\xc2\xa0\"");
}

static void test_what_is_no_utf8_becomes_the_replacement_character(void **state)
{
    struct fixture *fixture = *state;
    spipe_json_begin_array(&fixture->json);
    spipe_json_text(&fixture->json, "\xff");
    spipe_json_text(&fixture->json, "\xc0\x80");         /* overlong */
    spipe_json_text(&fixture->json, "\xed\xa0\x80");     /* a surrogate */
    spipe_json_text(&fixture->json, "\xf4\x90\x80\x80"); /* beyond the last */
    spipe_json_text(&fixture->json, "a\xe2\x82");        /* cut */
    spipe_json_end_array(&fixture->json);
#define R "\xef\xbf\xbd"
    assert_written(fixture, "[\"" R "\", \"" R R "\", \"" R R R "\", \"" R R R R "\", \"a" R R "\"]");
}

static void test_texts_with_a_length_may_hold_nul(void **state)
{
    struct fixture *fixture = *state;
    spipe_json_text_len(&fixture->json, "a\0b", 3);
    assert_written(fixture, "\"a\\u0000b\"");
}

static void test_numbers_that_json_does_not_have_are_null(void **state)
{
    struct fixture *fixture = *state;
    spipe_json_begin_array(&fixture->json);
    spipe_json_real(&fixture->json, 0.1);
    spipe_json_real(&fixture->json, 100);
    spipe_json_real(&fixture->json, (double)NAN);
    spipe_json_real(&fixture->json, (double)INFINITY);
    spipe_json_end_array(&fixture->json);
    assert_written(fixture, "[0.1, 100, null, null]");
}

static void test_bytes_are_written_as_hex(void **state)
{
    struct fixture *fixture = *state;
    spipe_json_hex(&fixture->json, (const uint8_t *)"\x00\xff\x1a", 3);
    assert_written(fixture, "\"00ff1a\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_objects_and_arrays_have_their_commas),
        TEST(test_pretty_output_has_a_member_a_line),
        TEST(test_texts_are_escaped),
        TEST(test_control_characters_of_two_bytes_are_escaped_too),
        TEST(test_what_is_no_utf8_becomes_the_replacement_character),
        TEST(test_texts_with_a_length_may_hold_nul),
        TEST(test_numbers_that_json_does_not_have_are_null),
        TEST(test_bytes_are_written_as_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
