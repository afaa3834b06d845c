/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/opening.h"
#include "protocol/record.h"

struct row {
    const char *bytes;
    size_t len;
    bool is_end;                    /* judged once more when all is there */
    enum spipe_opening verdict;
    size_t text_len;
};

#define ROW(text, ...) {text, sizeof(text) - 1, __VA_ARGS__}

/* The bytes are copied to a block of exactly their size, so that a look beyond them is seen by AddressSanitizer. */
static enum spipe_opening judge(const char *bytes, size_t len, bool is_end, size_t *ret_len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    enum spipe_opening verdict = spipe_opening_judge(copy, len, is_end, ret_len);
    free(copy);
    return verdict;
}

static void assert_whole(const struct row *row)
{
    size_t text_len = 0;
    assert_int_equal(judge(row->bytes, row->len, row->is_end, &text_len), row->verdict);
    if (row->verdict == SPIPE_OPENING_TEXT)
        assert_int_equal(text_len, row->text_len);
}

/* Byte by byte the verdict is the same, and comes at the first byte that allows it. */
static void assert_in_bytes(const struct row *row)
{
    size_t text_len = 0;
    for (size_t len = 1; len <= row->len; len++) {
        enum spipe_opening verdict = judge(row->bytes, len, false, &text_len);
        if (verdict == SPIPE_OPENING_MORE)
            continue;
        assert_int_equal(verdict, row->verdict);
        if (verdict == SPIPE_OPENING_TEXT)
            assert_int_equal(text_len, row->text_len);
        return;
    }
    if (row->is_end) {
        assert_int_equal(judge(row->bytes, row->len, true, &text_len), row->verdict);
        assert_int_equal(text_len, row->verdict == SPIPE_OPENING_TEXT ? row->text_len : 0);
    } else {
        assert_int_equal(row->verdict, SPIPE_OPENING_MORE);
    }
}

static void check(const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_whole(&row[i]);
        assert_in_bytes(&row[i]);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void test_the_preface_means_protobuf(void **state)
{
    (void)state;
    const struct row rows[] = {
        ROW("STKPIPE\1", false, SPIPE_OPENING_PROTOBUF, 0),
        ROW("STKPIPE\1\x12\x0a\x10", false, SPIPE_OPENING_PROTOBUF, 0),
        ROW("STKPIPE\1", true, SPIPE_OPENING_PROTOBUF, 0),
    };
    CHECK(rows);
}

static void test_another_major_version_is_told_apart(void **state)
{
    (void)state;
    const struct row rows[] = {
        ROW("STKPIPE\2", false, SPIPE_OPENING_OTHER_MAJOR, 0),
        ROW("STKPIPE\0", false, SPIPE_OPENING_OTHER_MAJOR, 0),
        ROW("STKPIPE\xff\x01", true, SPIPE_OPENING_OTHER_MAJOR, 0),
    };
    CHECK(rows);
}

static void test_a_host_that_forgot_the_preface_is_told_so(void **state)
{
    (void)state;
    const struct row rows[] = {
        ROW("\x12\x0a\x10", false, SPIPE_OPENING_NO_PREFACE, 0),            /* a message of 18 bytes */
        ROW("\x0a\x08\x20\x01", false, SPIPE_OPENING_NO_PREFACE, 0),        /* of 10: its length is a newline */
        ROW("{\x0a\x79", false, SPIPE_OPENING_NO_PREFACE, 0),               /* of 123: a brace and a newline */
        ROW("{\0", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("A\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\0", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\0rate=100\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\xa0\x20\x0a\x9d\x20", false, SPIPE_OPENING_NO_PREFACE, 0),    /* of 4128: a length of two bytes */
        ROW("rate=100\x01\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("r\xc3\xa4te=100\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("STKPIPF\1", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("A", true, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\xef\xbb\xbf", true, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\xef\xbb\xbf" "x\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\xef\xbb" "rate=1\n", false, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("\xef\xbb", true, SPIPE_OPENING_NO_PREFACE, 0),
        ROW("{\"rate\":\x7f" "1}", false, SPIPE_OPENING_NO_PREFACE, 0),
    };
    CHECK(rows);
}

static void test_a_text_ends_with_its_line_a_nul_or_the_input(void **state)
{
    (void)state;
    const struct row rows[] = {
        ROW("rate=100\n", false, SPIPE_OPENING_TEXT, 8),
        ROW("rate=100\r\nmore", false, SPIPE_OPENING_TEXT, 9),
        ROW("rate=100\0more", false, SPIPE_OPENING_TEXT, 8),
        ROW("rate=100", true, SPIPE_OPENING_TEXT, 8),
        ROW("hi", true, SPIPE_OPENING_TEXT, 2),
        ROW("rate\t= 7\n", false, SPIPE_OPENING_TEXT, 8),
        ROW("\xef\xbb\xbf" "rate=100\n", false, SPIPE_OPENING_TEXT, 11),
        ROW("STK", true, SPIPE_OPENING_TEXT, 3),
        ROW("STKPIPER is not us\n", false, SPIPE_OPENING_OTHER_MAJOR, 0),
        ROW("STK PIPE\n", false, SPIPE_OPENING_TEXT, 8),
    };
    CHECK(rows);
}

static void test_an_object_ends_with_its_last_brace_on_whatever_line(void **state)
{
    (void)state;
    const struct row rows[] = {
        ROW("{\"rate\":100}", false, SPIPE_OPENING_TEXT, 12),
        ROW("{\"rate\":100}{\"rate\":1}", false, SPIPE_OPENING_TEXT, 12),
        ROW("{\"rate\":100}\x01", false, SPIPE_OPENING_TEXT, 12),
        ROW("{}", false, SPIPE_OPENING_TEXT, 2),
        ROW("{\"rate\":100,\n\"depth\":5}\n", false, SPIPE_OPENING_TEXT, 23),
        ROW("{\"a\":{\"b\":[1,{}]},\"rate\":3}", false, SPIPE_OPENING_TEXT, 27),
        ROW("{\"a\":\"}\",\"rate\":3}", false, SPIPE_OPENING_TEXT, 18),
        ROW("{\"a\":\"\\\"}\",\"b\":\"\\\\\"}x", false, SPIPE_OPENING_TEXT, 20),
        ROW("{\"rate\":100\n", true, SPIPE_OPENING_TEXT, 12),
        ROW("{\"rate\":100\n\0", false, SPIPE_OPENING_TEXT, 12),
        ROW("{\"rate\":100", false, SPIPE_OPENING_MORE, 0),
    };
    CHECK(rows);
}

static void test_what_is_not_decided_yet_waits(void **state)
{
    (void)state;
    const struct row rows[] = {
        ROW("S", false, SPIPE_OPENING_MORE, 0),
        ROW("STKPIPE", false, SPIPE_OPENING_MORE, 0),
        ROW("rate=100", false, SPIPE_OPENING_MORE, 0),
        ROW("x", false, SPIPE_OPENING_MORE, 0),
        ROW("\xef", false, SPIPE_OPENING_MORE, 0),
        ROW("\xef\xbb\xbf", false, SPIPE_OPENING_MORE, 0),
    };
    size_t text_len;
    CHECK(rows);
    assert_int_equal(spipe_opening_judge((const uint8_t *)"", 0, false, &text_len), SPIPE_OPENING_MORE);
}

static void test_a_text_without_end_is_cut_at_its_limit(void **state)
{
    (void)state;
    char bytes[SPIPE_OPENING_TEXT_MAX + 100];
    size_t text_len;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(judge(bytes, SPIPE_OPENING_TEXT_MAX - 1, false, &text_len), SPIPE_OPENING_MORE);
    assert_int_equal(judge(bytes, SPIPE_OPENING_TEXT_MAX, false, &text_len), SPIPE_OPENING_TEXT);
    assert_int_equal(text_len, SPIPE_OPENING_TEXT_MAX);
    assert_int_equal(judge(bytes, sizeof bytes, false, &text_len), SPIPE_OPENING_TEXT);
    assert_int_equal(text_len, SPIPE_OPENING_TEXT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_preface_means_protobuf),
        cmocka_unit_test(test_another_major_version_is_told_apart),
        cmocka_unit_test(test_a_host_that_forgot_the_preface_is_told_so),
        cmocka_unit_test(test_a_text_ends_with_its_line_a_nul_or_the_input),
        cmocka_unit_test(test_an_object_ends_with_its_last_brace_on_whatever_line),
        cmocka_unit_test(test_what_is_not_decided_yet_waits),
        cmocka_unit_test(test_a_text_without_end_is_cut_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
