/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"

static void test_text_is_put_together_and_always_ended(void **state)
{
    (void)state;
    char memory[64];
    struct spipe_text text;
    spipe_text_init(&text, memory, sizeof memory);
    assert_string_equal(memory, "");
    spipe_text_add(&text, "pid ");
    spipe_text_add_number(&text, 0);
    spipe_text_add(&text, "/");
    spipe_text_add_number(&text, UINT64_MAX);
    spipe_text_add(&text, " 0x");
    spipe_text_add_hex(&text, UINT64_C(0xdeadbeef0));
    spipe_text_add_bytes(&text, "!!!", 1);
    assert_string_equal(memory, "pid 0/18446744073709551615 0xdeadbeef0!");
    assert_int_equal(text.len, strlen(memory));
    assert_false(text.cut);
}

static void test_what_does_not_fit_is_cut_and_said(void **state)
{
    (void)state;
    char memory[9] = "xxxxxxxx";
    struct spipe_text text;
    spipe_text_init(&text, memory, 8);
    spipe_text_add(&text, "1234567");
    assert_false(text.cut);
    spipe_text_add(&text, "8");
    assert_true(text.cut);
    assert_string_equal(memory, "1234567");
    spipe_text_init(&text, memory, 1);
    spipe_text_add_number(&text, 5);
    assert_string_equal(memory, "");
    assert_true(text.cut);
}

static bool take(const char *digits, unsigned base, uint64_t expected, size_t len)
{
    const char *at = digits;
    uint64_t number = 42;
    bool is_number = spipe_text_take_number(&at, digits + strlen(digits), base, &number);
    return is_number && number == expected && (size_t)(at - digits) == len;
}

static void test_numbers_are_read_up_to_what_is_no_digit(void **state)
{
    (void)state;
    assert_true(take("0", 10, 0, 1));
    assert_true(take("123 456", 10, 123, 3));
    assert_true(take("00123x", 10, 123, 5));
    assert_true(take("18446744073709551615", 10, UINT64_MAX, 20));
    assert_true(take("ff-", 16, 255, 2));
    assert_true(take("ffffffffffffffff", 16, UINT64_MAX, 16));
    assert_true(take("12a", 10, 12, 2));
}

static void test_what_is_no_number_is_refused_and_nothing_moves(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "-1", " 1", "FF", "18446744073709551616", "99999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *at = texts[i];
        uint64_t number = 42;
        assert_false(spipe_text_take_number(&at, texts[i] + strlen(texts[i]), 10, &number));
        assert_ptr_equal(at, texts[i]);
        assert_int_equal(number, 42);
    }
}

static void test_a_number_is_not_read_beyond_the_end(void **state)
{
    (void)state;
    const char *digits = "12345";
    const char *at = digits;
    uint64_t number;
    assert_true(spipe_text_take_number(&at, digits + 2, 10, &number));
    assert_int_equal(number, 12);
    assert_false(spipe_text_take_number(&at, digits + 2, 10, &number));
}

static char path[] = "/tmp/spipe-test-files-XXXXXX";

static void test_a_file_is_read_as_far_as_there_is_room(void **state)
{
    (void)state;
    char text[16];
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "0123456789", 10), 10);
    close(file);
    assert_int_equal(spipe_files_read(path, text, sizeof text), 10);
    assert_string_equal(text, "0123456789");
    assert_int_equal(spipe_files_read(path, text, 5), 4);
    assert_string_equal(text, "0123");
    unlink(path);
}

static void test_a_file_that_cannot_be_read_gives_the_systems_error(void **state)
{
    (void)state;
    char text[16];
    assert_int_equal(spipe_files_read("/nonexistent/file", text, sizeof text), -ENOENT);
    assert_int_equal(spipe_files_read("/proc/self/exe/x", text, sizeof text), -ENOTDIR);
    assert_int_equal(spipe_files_read("/tmp", text, sizeof text), -EISDIR);
}

static void test_a_link_is_not_followed(void **state)
{
    (void)state;
    char text[16];
    char link_path[64];
    snprintf(link_path, sizeof link_path, "/tmp/spipe-test-link-%d", (int)getpid());
    assert_int_equal(symlink("/proc/self/comm", link_path), 0);
    assert_int_equal(spipe_files_read(link_path, text, sizeof text), -ELOOP);
    unlink(link_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_put_together_and_always_ended),
        cmocka_unit_test(test_what_does_not_fit_is_cut_and_said),
        cmocka_unit_test(test_numbers_are_read_up_to_what_is_no_digit),
        cmocka_unit_test(test_what_is_no_number_is_refused_and_nothing_moves),
        cmocka_unit_test(test_a_number_is_not_read_beyond_the_end),
        cmocka_unit_test(test_a_file_is_read_as_far_as_there_is_room),
        cmocka_unit_test(test_a_file_that_cannot_be_read_gives_the_systems_error),
        cmocka_unit_test(test_a_link_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
