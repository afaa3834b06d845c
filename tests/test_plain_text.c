/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/plain_text.h"

#include <stdlib.h>
#include <string.h>

static void assert_written(const char *text, const char *expected)
{
    char *written = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&written, &len);
    spipe_plain_text_write(text, stream);
    fclose(stream);
    assert_string_equal(written, expected);
    free(written);
}

static void test_control_characters_never_reach_the_terminal(void **state)
{
    (void)state;
    assert_written("a\033[31mb\n\x7f", "a?[31mb??");
    /* U+009B begins an escape sequence on some terminals; U+00E9 is a letter. */
    assert_written("\xc2\x9b"
                   "31m caf\xc3\xa9",
                   "?31m caf\xc3\xa9");
    assert_written("\xc2", "\xc2");
}

static void test_wrapped_lines_stay_within_the_width(void **state)
{
    (void)state;
    char *written = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&written, &len);
    spipe_plain_text_wrap("one two three four five", 2, 11, stream);
    fclose(stream);
    assert_string_equal(written, "  one two\n  three\n  four five\n");
    free(written);
}

static void test_durations_have_three_digits_and_a_unit(void **state)
{
    (void)state;
    char text[SPIPE_PLAIN_NUMBER_MAX];
    assert_string_equal(spipe_plain_text_duration(0, text), "0 ns");
    assert_string_equal(spipe_plain_text_duration(831, text), "831 ns");
    assert_string_equal(spipe_plain_text_duration(12400000, text), "12.4 ms");
    assert_string_equal(spipe_plain_text_duration(3210000000u, text), "3.21 s");
    assert_string_equal(spipe_plain_text_duration(UINT64_C(432100000000), text), "432 s");
}

static void test_sizes_and_counts_read_as_words(void **state)
{
    (void)state;
    char text[SPIPE_PLAIN_NUMBER_MAX];
    assert_string_equal(spipe_plain_text_size(1, text), "1 byte");
    assert_string_equal(spipe_plain_text_size(1023, text), "1023 bytes");
    assert_string_equal(spipe_plain_text_size(3584, text), "3.5 KiB");
    assert_string_equal(spipe_plain_text_size(17u << 20, text), "17.0 MiB");
    assert_string_equal(spipe_plain_text_count(1, "sample", text), "1 sample");
    assert_string_equal(spipe_plain_text_count(0, "sample", text), "0 samples");
}

static void test_a_part_of_nothing_is_no_percent(void **state)
{
    (void)state;
    assert_true(spipe_plain_text_percent(5, 0) == 0);
    assert_true(spipe_plain_text_percent(1, 4) == 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters_never_reach_the_terminal),
        cmocka_unit_test(test_wrapped_lines_stay_within_the_width),
        cmocka_unit_test(test_durations_have_three_digits_and_a_unit),
        cmocka_unit_test(test_sizes_and_counts_read_as_words),
        cmocka_unit_test(test_a_part_of_nothing_is_no_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
