/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/frame_names.h"
#include "agent/images.h"
#include "agent/text_dialect.h"
#include "flow_kit.h"
#include "json_lines.h"

static char *written;       /* all that the agent wrote, ended by NUL */

static int tear_down(void **state)
{
    free(written);
    written = NULL;
    return flow_tear_down(state);
}

static void begin(const char *text)
{
    pipe_memory_feed(&flow_pipe, text, strlen(text));
    flow_begin();
}

/* Reads what was written; each line of it must be JSON. Returns how many there are. */
static size_t read_lines(void)
{
    struct spipe_bytes bytes = pipe_memory_written(&flow_pipe);
    size_t count;
    free(written);
    written = malloc(bytes.len + 1);
    assert_non_null(written);
    memcpy(written, bytes.data, bytes.len);
    written[bytes.len] = '\0';
    assert_int_equal(strlen(written), bytes.len);
    assert_true(json_is_lines(written, bytes.len, &count));
    return count;
}

static void assert_has(const char *part)
{
    if (strstr(written, part) == NULL)
        fail_msg("%s is not in:\n%.2000s", part, written);
}

static void assert_has_not(const char *part)
{
    if (strstr(written, part) != NULL)
        fail_msg("%s is in:\n%.2000s", part, written);
}

/* -------------------------------------------------------------------------------------------------------- the judge */

static void test_the_judge_of_json_knows_it(void **state)
{
    (void)state;
    static const char *const good[] = {"{}", "[]", "0", "-1.5e+3", "\"\\u001f\\n\"",
                                       "{\"a\":[1,{\"b\":null}],\"c\":true}", " [ 1 , \"\xc3\xa4\" ] "};
    static const char *const bad[] = {"", "{", "{\"a\"}", "{a:1}", "[1,]", "01", "\"\x01\"", "\"\\x\"", "\"\xff\"",
                                      "\"\xc3\"", "\"\xed\xa0\x80\"", "{} {}", "tru", "\"open", "1.", "{\"a\":1,}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(json_is_value(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(json_is_value(bad[i], strlen(bad[i])));
}

/* --------------------------------------------------------------------------------------------------------- sessions */

static void test_a_session_is_a_hello_a_line_for_each_sample_and_a_goodbye(void **state)
{
    (void)state;
    begin("rate=200\n");
    struct spipe_slot *slot = flow_own_slot();
    clock_fake_advance(3 * CLOCK_FAKE_MS);
    assert_true(flow_sample(slot, 1, 3, 2));
    assert_true(flow_sample(slot, 4, 3, 1));
    assert_true(flow_round());
    flow_finish();
    assert_int_equal(read_lines(), 4);
    assert_int_equal(strncmp(written, "{\"hello\":{\"agent\":\"stackpipe ", 29), 0);
    assert_has("\"period_us\":5000,\"mechanism\":\"fake\",\"ignored\":[]}}\n{\"sample\":{\"time_us\":3");
    assert_has("\"weight_us\":10000,\"stack\":[\"");
    assert_has("\"samples_sent\":2,\"samples_dropped\":0}}\n");
}

static void test_the_hello_names_what_was_not_understood(void **state)
{
    (void)state;
    begin("{\"rate\":100,\"verbose\":true,\"format\":\"json\",\"depth\":9}");
    assert_int_equal(read_lines(), 1);
    assert_has("\"ignored\":[\"verbose\",\"format\"]");
    assert_has("\"period_us\":10000");
}

static void test_a_stack_is_leaf_first_and_names_what_the_agent_knows(void **state)
{
    (void)state;
    begin("rate=100\n");
    uint64_t address[3] = {0, 16, flow_address(0)};
    const struct spipe_code_map *map = spipe_images_code_map();
    for (uint32_t i = 0; i < 2000000 && address[0] == 0; i++) {
        if (strchr(spipe_frame_names_get(flow_address(i * 11)), '+') == NULL)
            address[0] = flow_address(i * 11);
    }
    assert_true(map->count > 0);
    char expected[1200];
    snprintf(expected, sizeof expected, "\"stack\":[\"%s\",\"0x10\",\"libc.so.6+0x", spipe_frame_names_get(address[0]));
    assert_true(sampler_fake_put(flow_own_slot(), clock_fake_now(), 1, address, 3, SPIPE_WALK_ROOT));
    assert_true(flow_round());
    read_lines();
    assert_has(expected);
}

static void test_the_agents_own_frames_are_not_shown(void **state)
{
    (void)state;
    begin("rate=100\n");
    uint64_t address[2] = {(uint64_t)(uintptr_t)spipe_text_dialect_hello, 16};
    assert_true(sampler_fake_put(flow_own_slot(), clock_fake_now(), 1, address, 2, SPIPE_WALK_ROOT));
    assert_true(sampler_fake_put(flow_own_slot(), clock_fake_now(), 1, address, 1, SPIPE_WALK_ROOT));
    assert_true(flow_round());
    assert_int_equal(read_lines(), 3);
    assert_has("\"stack\":[\"0x10\"]}}");
    assert_has("\"stack\":[]}}");
}

static void test_names_of_threads_may_hold_any_byte(void **state)
{
    (void)state;
    begin("rate=100\n");
    struct spipe_slot *slot = flow_own_slot();
    memcpy(slot->name, "a\"b\\c\x01\x1f\xff\xc3(\xe2\x82", 13);
    assert_true(flow_sample(slot, 1, 1, 1));
    assert_true(flow_round());
    assert_int_equal(read_lines(), 2);
    assert_has("\"thread\":\"a\\\"b\\\\c\\u0001\\u001f?" "?(?" "?\",");
}

static void test_a_stack_too_long_for_a_line_is_cut_and_says_so(void **state)
{
    (void)state;
    static uint64_t address[2000];
    begin("rate=100\n");
    struct spipe_raw_sample sample = {.time_ns = clock_fake_now(), .weight = 1};
    for (unsigned i = 0; i < 2000; i++)
        address[i] = UINT64_C(0x7fffff0000000000) + i * UINT64_C(0x1000000000);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t depth = i == 0 ? 2000 : 1000;
        spipe_text_dialect_sample(flow_session, flow_own_slot(), &sample, address, depth);
    }
    static uint64_t long_one[4000];
    for (unsigned i = 0; i < 4000; i++)
        long_one[i] = address[i % 2000];
    spipe_text_dialect_sample(flow_session, flow_own_slot(), &sample, long_one, 4000);
    assert_true(flow_round());
    assert_int_equal(read_lines(), 4);
    assert_has("\",\"...\"]}}\n");
    assert_int_equal(flow_session->samples_sent, 3);
}

static void test_what_the_host_says_later_is_read_and_forgotten(void **state)
{
    (void)state;
    static char chatter[300000];
    begin("rate=100\n");
    memset(chatter, 'x', sizeof chatter);
    pipe_memory_feed(&flow_pipe, chatter, sizeof chatter);
    assert_true(flow_round());
    size_t len = 0;
    assert_true(spipe_pipe_read(&flow_pipe, chatter, 1, &len) != 0 || len == 0);
    assert_int_equal(flow_session->failure, 0);
    assert_int_equal(read_lines(), 1);
}

static void test_drops_are_in_the_goodbye(void **state)
{
    (void)state;
    begin("rate=100\n");
    struct spipe_slot *slot = flow_own_slot();
    unsigned taken = 0;
    while (flow_sample(slot, 1, 40, 1))
        taken++;
    flow_finish();
    assert_int_equal(read_lines(), taken + 2);
    char expected[80];
    snprintf(expected, sizeof expected, "\"samples_sent\":%u,\"samples_dropped\":1}}", taken);
    assert_has(expected);
    assert_has_not("...");
}

/* ------------------------------------------------------------------------------------------------------------ names */

static void test_a_name_is_the_same_however_often_it_is_asked_for(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static char *first[COUNT];
    begin("rate=100\n");
    for (uint32_t i = 0; i < COUNT; i++)
        first[i] = strdup(spipe_frame_names_get(flow_address(i * 97)));
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < COUNT; i++)
            assert_string_equal(spipe_frame_names_get(flow_address(i * 97)), first[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        free(first[i]);
}

static void test_more_names_than_are_kept_are_still_right(void **state)
{
    (void)state;
    char expected[32];
    begin("rate=100\n");
    for (uint64_t i = 1; i < 400000; i++) {
        uint64_t address = UINT64_C(0x7ffff00000000000) + i;
        snprintf(expected, sizeof expected, "0x%llx", (unsigned long long)address);
        assert_string_equal(spipe_frame_names_get(address), expected);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, flow_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_judge_of_json_knows_it),
        TEST(test_a_session_is_a_hello_a_line_for_each_sample_and_a_goodbye),
        TEST(test_the_hello_names_what_was_not_understood),
        TEST(test_a_stack_is_leaf_first_and_names_what_the_agent_knows),
        TEST(test_the_agents_own_frames_are_not_shown),
        TEST(test_names_of_threads_may_hold_any_byte),
        TEST(test_a_stack_too_long_for_a_line_is_cut_and_says_so),
        TEST(test_what_the_host_says_later_is_read_and_forgotten),
        TEST(test_drops_are_in_the_goodbye),
        TEST(test_a_name_is_the_same_however_often_it_is_asked_for),
        TEST(test_more_names_than_are_kept_are_still_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
