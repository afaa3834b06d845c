/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/dump_record.h"

#include <stdlib.h>
#include <string.h>

/* A record as one line, without its newline; free it. */
static char *dump(const struct spipe_record *record, bool is_json)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    struct spipe_dump_writer writer;
    spipe_dump_writer_init(&writer, stream, is_json);
    spipe_dump_writer_begin_line(&writer, 8, 25, spipe_record_kind_name(record->kind));
    spipe_dump_record(&writer, record);
    spipe_dump_writer_end_line(&writer);
    fclose(stream);
    assert_int_equal(text[len - 1], '\n');
    text[len - 1] = '\0';
    assert_null(strchr(text, '\n'));
    return text;
}

static void test_text_leaves_out_what_is_not_given(void **state)
{
    (void)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_GOODBYE,
                                  .goodbye = {.reason = SPIPE_GOODBYE_TARGET_EXITS, .text = "", .samples_sent = 7}};
    char *text = dump(&record, false);
    assert_string_equal(text, "         8      25 goodbye        reason=1 reason_name=\"target exits\" samples_sent=7");
    free(text);
}

static void test_json_has_every_field(void **state)
{
    (void)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_GOODBYE,
                                  .goodbye = {.reason = SPIPE_GOODBYE_TARGET_EXITS, .text = "", .samples_sent = 7}};
    char *text = dump(&record, true);
    const char *members[] = {"\"offset\"", "\"length\"",       "\"kind\"",           "\"reason\"",
                             "\"text\"",   "\"samples_sent\"", "\"samples_dropped\""};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        assert_non_null(strstr(text, members[i]));
    }
    assert_int_equal(text[0], '{');
    assert_int_equal(text[strlen(text) - 1], '}');
    free(text);
}

static void test_long_columns_are_abbreviated_in_text_only(void **state)
{
    (void)state;
    uint32_t numbers[100];
    for (uint32_t i = 0; i < 100; i++) {
        numbers[i] = 1000 + i;
    }
    struct spipe_record record = {
        .kind = SPIPE_RECORD_STACKS,
        .stacks = {.first_stack_id = 1, .parent_back = numbers, .frame_id = numbers, .count = 100}};
    char *text = dump(&record, false);
    assert_non_null(strstr(text, "frame_id=[1000,1001,1002,1003,1004,1005,...100]"));
    assert_null(strstr(text, "1099"));
    free(text);
    text = dump(&record, true);
    assert_non_null(strstr(text, "1099"));
    free(text);
}

static void test_an_empty_column_is_an_empty_list(void **state)
{
    (void)state;
    uint32_t one = 1;
    struct spipe_record record = {.kind = SPIPE_RECORD_FRAMES,
                                  .frames = {.first_frame_id = 1, .image_id = &one, .offset = &one, .count = 1}};
    char *text = dump(&record, false);
    assert_null(strstr(text, "method_id"));
    free(text);
    text = dump(&record, true);
    assert_non_null(strstr(text, "\"method_id\""));
    free(text);
}

static void test_names_from_the_program_cannot_command_the_terminal(void **state)
{
    (void)state;
    struct spipe_thread thread = {.thread_id = 1, .tid = 2, .name = "\033[2J\n"};
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {.thread = &thread, .thread_count = 1}};
    char *text = dump(&record, false);
    assert_non_null(strstr(text, "name=\"?[2J?\""));
    free(text);
    text = dump(&record, true);
    assert_null(strchr(text, '\033'));
    free(text);
}

static void test_lists_say_how_long_they_are(void **state)
{
    (void)state;
    struct spipe_thread threads[9];
    for (uint32_t i = 0; i < 9; i++) {
        threads[i] = (struct spipe_thread){.thread_id = i + 1, .tid = 100 + i, .name = ""};
    }
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {.thread = threads, .thread_count = 9}};
    char *text = dump(&record, false);
    assert_non_null(strstr(text, "tid=102"));
    assert_null(strstr(text, "tid=103"));
    assert_non_null(strstr(text, "...9]"));
    free(text);
}

static void test_a_kind_that_is_not_known_is_a_line_without_fields(void **state)
{
    (void)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_UNKNOWN};
    char *text = dump(&record, false);
    assert_non_null(strstr(text, "unknown"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_leaves_out_what_is_not_given),
        cmocka_unit_test(test_json_has_every_field),
        cmocka_unit_test(test_long_columns_are_abbreviated_in_text_only),
        cmocka_unit_test(test_an_empty_column_is_an_empty_list),
        cmocka_unit_test(test_names_from_the_program_cannot_command_the_terminal),
        cmocka_unit_test(test_lists_say_how_long_they_are),
        cmocka_unit_test(test_a_kind_that_is_not_known_is_a_line_without_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
