/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "tools/stackpipe/numbers.h"

static void test_a_count_is_digits_and_nothing_else(void **state)
{
    (void)state;
    uint64_t count = 7;
    assert_int_equal(spipe_number_parse_count("120", &count), 0);
    assert_int_equal(count, 120);
    const char *wrong[] = {"", " 1", "+1", "-1", "1 ", "1x", "0x10", "1.0"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(spipe_number_parse_count(wrong[i], &count), SPIPE_E_FORMAT);
    }
    assert_int_equal(count, 120);
}

static void test_a_count_above_64_bits_is_over_the_limit(void **state)
{
    (void)state;
    uint64_t count = 0;
    assert_int_equal(spipe_number_parse_count("18446744073709551615", &count), 0);
    assert_true(count == UINT64_MAX);
    assert_int_equal(spipe_number_parse_count("18446744073709551616", &count), SPIPE_E_LIMIT);
}

static void test_sizes_take_units_in_powers_of_1024(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t bytes;
    } right[] = {{"4096", 4096},    {"64K", 65536},   {"64k", 65536},     {"4M", 4194304},
                 {"4MiB", 4194304}, {"4MB", 4194304}, {"1G", 1073741824}, {"12B", 12}};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        uint64_t bytes = 0;
        assert_int_equal(spipe_number_parse_size(right[i].text, &bytes), 0);
        assert_int_equal(bytes, right[i].bytes);
    }
}

static void test_sizes_refuse_other_words_and_overflow(void **state)
{
    (void)state;
    uint64_t bytes = 0;
    const char *wrong[] = {"", "M", "4X", "4 M", "4Mx", "-4M", "1.5M"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(spipe_number_parse_size(wrong[i], &bytes), SPIPE_E_FORMAT);
    }
    assert_int_equal(spipe_number_parse_size("99999999999999T", &bytes), SPIPE_E_LIMIT);
}

static void test_seconds_may_have_fractions(void **state)
{
    (void)state;
    uint64_t ns = 0;
    assert_int_equal(spipe_number_parse_seconds("2", &ns), 0);
    assert_int_equal(ns, 2000000000);
    assert_int_equal(spipe_number_parse_seconds("0.25", &ns), 0);
    assert_int_equal(ns, 250000000);
    assert_int_equal(spipe_number_parse_seconds(".5", &ns), 0);
    assert_int_equal(ns, 500000000);
}

static void test_words_that_strtod_would_take_are_no_numbers(void **state)
{
    (void)state;
    double real = 1;
    const char *wrong[] = {"inf", "nan", "0x10", "1e3", ".", "", " 1", "-1", "+1", "1,5"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(spipe_number_parse_real(wrong[i], &real), SPIPE_E_FORMAT);
    }
    assert_true(real == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_count_is_digits_and_nothing_else),
        cmocka_unit_test(test_a_count_above_64_bits_is_over_the_limit),
        cmocka_unit_test(test_sizes_take_units_in_powers_of_1024),
        cmocka_unit_test(test_sizes_refuse_other_words_and_overflow),
        cmocka_unit_test(test_seconds_may_have_fractions),
        cmocka_unit_test(test_words_that_strtod_would_take_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
