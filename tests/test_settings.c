/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/settings.h"

#define TICK_US 4000u

static struct spipe_settings apply(struct spipe_configuration asked)
{
    struct spipe_settings settings;
    asked.token = "secret";
    spipe_settings_apply(&settings, &asked, TICK_US);
    return settings;
}

/* True when the field is named, with words, among what could not be honoured. */
static bool is_unmet(const struct spipe_settings *settings, uint32_t field_number)
{
    for (size_t i = 0; i < settings->unmet_count; i++) {
        if (settings->unmet[i].field_number == field_number)
            return settings->unmet[i].text[0] != '\0';
    }
    return false;
}

static void test_what_is_not_asked_gets_its_default(void **state)
{
    (void)state;
    struct spipe_settings settings = apply((struct spipe_configuration){0});
    assert_int_equal(settings.applied.cpu_period_us, SPIPE_PERIOD_DEFAULT_US);
    assert_int_equal(settings.applied.max_depth, SPIPE_DEPTH_DEFAULT);
    assert_int_equal(settings.applied.flush_interval_ms, SPIPE_FLUSH_DEFAULT_MS);
    assert_int_equal(settings.applied.buffer_kib, SPIPE_BUFFER_DEFAULT_KIB);
    assert_int_equal(settings.applied.budget_ppm, 10000);
    assert_int_equal(settings.applied.stop_after_ms, 0);
    assert_int_equal(settings.unmet_count, 0);
}

static void test_the_default_period_is_the_tick_where_that_is_slower(void **state)
{
    (void)state;
    struct spipe_settings settings;
    spipe_settings_apply(&settings, &(struct spipe_configuration){.token = ""}, 15625);
    assert_int_equal(settings.applied.cpu_period_us, 15625);
}

static void test_what_is_asked_within_the_limits_is_taken(void **state)
{
    (void)state;
    struct spipe_settings settings = apply((struct spipe_configuration){
        .cpu_period_us = 1000, .max_depth = 64, .flush_interval_ms = 100, .buffer_kib = 65536, .stop_after_ms = 9,
        .checkpoint_interval_ms = 8, .send_arguments = true, .reconnect_ms = 7, .hold = true, .budget_ppm = 5000});
    assert_int_equal(settings.applied.cpu_period_us, 1000);
    assert_int_equal(settings.applied.max_depth, 64);
    assert_int_equal(settings.applied.flush_interval_ms, 100);
    assert_int_equal(settings.applied.buffer_kib, 65536);
    assert_int_equal(settings.applied.stop_after_ms, 9);
    assert_int_equal(settings.applied.checkpoint_interval_ms, 8);
    assert_int_equal(settings.applied.reconnect_ms, 7);
    assert_int_equal(settings.applied.budget_ppm, 5000);
    assert_true(settings.applied.send_arguments);
    assert_true(settings.applied.hold);
    assert_int_equal(settings.unmet_count, 0);
}

static void test_the_token_is_never_sent_back(void **state)
{
    (void)state;
    assert_string_equal(apply((struct spipe_configuration){0}).applied.token, "");
}

static void test_numbers_below_the_limits_are_raised_and_named(void **state)
{
    (void)state;
    struct spipe_settings settings =
        apply((struct spipe_configuration){.cpu_period_us = 1, .flush_interval_ms = 1, .buffer_kib = 1, .budget_ppm = 1});
    assert_int_equal(settings.applied.cpu_period_us, SPIPE_PERIOD_MIN_US);
    assert_int_equal(settings.applied.flush_interval_ms, SPIPE_FLUSH_MIN_MS);
    assert_int_equal(settings.applied.buffer_kib, SPIPE_BUFFER_MIN_KIB);
    assert_true(is_unmet(&settings, 3));
    assert_true(is_unmet(&settings, 7));
    assert_int_equal(settings.applied.budget_ppm, SPIPE_BUDGET_MIN_PPM);
    assert_true(is_unmet(&settings, 8));
    assert_true(is_unmet(&settings, 14));
    assert_int_equal(settings.unmet_count, 4);
}

static void test_numbers_above_the_limits_are_lowered_and_named(void **state)
{
    (void)state;
    struct spipe_settings settings =
        apply((struct spipe_configuration){.cpu_period_us = UINT32_MAX, .max_depth = UINT32_MAX,
                                           .flush_interval_ms = UINT32_MAX, .buffer_kib = UINT32_MAX});
    assert_int_equal(settings.applied.cpu_period_us, SPIPE_PERIOD_MAX_US);
    assert_int_equal(settings.applied.max_depth, SPIPE_DEPTH_MAX);
    assert_int_equal(settings.applied.flush_interval_ms, SPIPE_FLUSH_MAX_MS);
    assert_int_equal(settings.applied.buffer_kib, SPIPE_BUFFER_MAX_KIB);
    assert_true(is_unmet(&settings, 3));
    assert_true(is_unmet(&settings, 6));
    assert_true(is_unmet(&settings, 7));
    assert_true(is_unmet(&settings, 8));
}

static void test_the_wall_clock_is_off_unless_it_is_asked_for(void **state)
{
    (void)state;
    struct spipe_settings settings = apply((struct spipe_configuration){0});
    assert_int_equal(settings.applied.wall_period_us, 0);
    settings = apply((struct spipe_configuration){.wall_period_us = 20000});
    assert_int_equal(settings.applied.wall_period_us, 20000);
    assert_int_equal(settings.unmet_count, 0);
    settings = apply((struct spipe_configuration){.wall_period_us = 5});
    assert_int_equal(settings.applied.wall_period_us, SPIPE_WALL_PERIOD_MIN_US);
    assert_true(is_unmet(&settings, 4));
}

static void test_what_this_agent_cannot_do_is_off_and_named(void **state)
{
    (void)state;
    struct spipe_settings settings =
        apply((struct spipe_configuration){.allocation_bytes = 6, .follow_children = true});
    assert_int_equal(settings.applied.allocation_bytes, 0);
    assert_true(settings.applied.follow_children);
    assert_true(is_unmet(&settings, 5));
}

static void test_the_hash_is_of_what_matters_for_a_comparison(void **state)
{
    (void)state;
    struct spipe_settings settings = apply((struct spipe_configuration){.stop_after_ms = 5});
    struct spipe_settings same = apply((struct spipe_configuration){.flush_interval_ms = 20, .buffer_kib = 2048});
    struct spipe_settings faster = apply((struct spipe_configuration){.cpu_period_us = 5000});
    struct spipe_settings wall = apply((struct spipe_configuration){.wall_period_us = 20000});
    uint8_t a[8];
    uint8_t b[8];
    spipe_settings_hash(&settings, "fake", a);
    spipe_settings_hash(&same, "fake", b);
    assert_memory_equal(a, b, 8);
    spipe_settings_hash(&faster, "fake", b);
    assert_memory_not_equal(a, b, 8);
    spipe_settings_hash(&wall, "fake", b);
    assert_memory_not_equal(a, b, 8);
    spipe_settings_hash(&settings, "other", b);
    assert_memory_not_equal(a, b, 8);
}

/* ------------------------------------------------------------------------------------------------------------- text */

static char ignored_memory[64];

static struct spipe_configuration parse(const char *text)
{
    struct spipe_configuration asked;
    struct spipe_text ignored;
    spipe_text_init(&ignored, ignored_memory, sizeof ignored_memory);
    spipe_settings_parse_text(text, strlen(text), &asked, &ignored);
    return asked;
}

static void assert_rate(const char *text, uint32_t period_us, const char *ignored)
{
    assert_int_equal(parse(text).cpu_period_us, period_us);
    assert_string_equal(ignored_memory, ignored);
}

static void test_each_word_sets_its_number(void **state)
{
    (void)state;
    struct spipe_configuration asked = parse("period_us=1 depth=2,flush_ms=3;stop_after_ms=4\tbuffer_kib=5 budget_ppm=6");
    assert_int_equal(asked.cpu_period_us, 1);
    assert_int_equal(asked.max_depth, 2);
    assert_int_equal(asked.flush_interval_ms, 3);
    assert_int_equal(asked.stop_after_ms, 4);
    assert_int_equal(asked.buffer_kib, 5);
    assert_int_equal(asked.budget_ppm, 6);
    assert_string_equal(asked.token, "");
    assert_string_equal(ignored_memory, "");
}

static void test_a_rate_becomes_a_period(void **state)
{
    (void)state;
    assert_rate("rate=100", 10000, "");
    assert_rate("rate=1000\r", 1000, "");
    assert_rate("rate=0", 0, "");
    assert_rate("rate=3", 333333, "");
    assert_rate("rate=99.9", 10101, "");
    assert_rate("rate=2000000", 1, "");
    assert_rate("rate=99999999999", 1, "");
}

static void test_json_says_the_same(void **state)
{
    (void)state;
    assert_rate("{\"rate\":100}", 10000, "");
    assert_rate("{ \"depth\" : 5, \"rate\" : 100 }", 10000, "");
    assert_rate("{\"rate\":\"100\"}", 10000, "");
    assert_int_equal(parse("{\"depth\":7,\n \"rate\":50}").max_depth, 7);
}

static void test_what_is_not_known_is_named(void **state)
{
    (void)state;
    assert_rate("verbose=1 rate=100", 10000, "verbose");
    assert_rate("Hello viewer2", 0, "Hello viewer2");
    assert_rate("{\"client\":\"my viewer\",\"rate\":100}", 10000, "client");
    assert_rate("rate=-5 depth", 0, "rate depth");
    assert_rate("rate=fast", 0, "rate");
    assert_rate("rate=1e3", 0, "rate");
    assert_rate("rate=99999999999999999999", 0, "rate");
    assert_rate("rate", 0, "rate");
    assert_rate("rate=", 0, "rate");
    assert_rate("rates=5", 0, "rates");
    assert_rate("\"unclosed\":\"", 0, "unclosed");
    assert_rate("", 0, "");
    assert_rate("= : , ;;", 0, "");
}

static void test_many_unknown_words_are_cut_not_overrun(void **state)
{
    (void)state;
    parse("aaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb cccccccccccccccc dddddddddddddddd eeeeeeeeeeeeeeee rate=5");
    assert_int_equal(strlen(ignored_memory), sizeof ignored_memory - 1);
}

static void test_a_text_may_end_anywhere(void **state)
{
    (void)state;
    static const char text[] = "{\"rate\": 100, \"x\": \"y\", \"depth\" : 64}";
    struct spipe_configuration asked;
    struct spipe_text ignored;
    for (size_t len = 0; len < sizeof text; len++) {
        spipe_text_init(&ignored, ignored_memory, sizeof ignored_memory);
        spipe_settings_parse_text(text, len, &asked, &ignored);
        assert_true(asked.max_depth == 0 || asked.max_depth == 6 || asked.max_depth == 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_asked_gets_its_default),
        cmocka_unit_test(test_the_default_period_is_the_tick_where_that_is_slower),
        cmocka_unit_test(test_what_is_asked_within_the_limits_is_taken),
        cmocka_unit_test(test_the_token_is_never_sent_back),
        cmocka_unit_test(test_numbers_below_the_limits_are_raised_and_named),
        cmocka_unit_test(test_numbers_above_the_limits_are_lowered_and_named),
        cmocka_unit_test(test_the_wall_clock_is_off_unless_it_is_asked_for),
        cmocka_unit_test(test_what_this_agent_cannot_do_is_off_and_named),
        cmocka_unit_test(test_the_hash_is_of_what_matters_for_a_comparison),
        cmocka_unit_test(test_each_word_sets_its_number),
        cmocka_unit_test(test_a_rate_becomes_a_period),
        cmocka_unit_test(test_json_says_the_same),
        cmocka_unit_test(test_what_is_not_known_is_named),
        cmocka_unit_test(test_many_unknown_words_are_cut_not_overrun),
        cmocka_unit_test(test_a_text_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
