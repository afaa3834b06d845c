/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 16

/* A command line, taken apart. What is complained about goes to `complaint`. */
struct parsed {
    char *argv[WORDS_MAX + 1];
    char complaint[2048];
    enum spipe_options_result result;
    struct spipe_options options;
};

/* Sends standard error into a file while `parsed` is filled. */
static int capture_stderr(FILE *file)
{
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    return saved;
}

static void release_stderr(FILE *file, int saved, char *text, size_t size)
{
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void parse(struct parsed *parsed, const char *const *words)
{
    static char copies[WORDS_MAX][64];
    int argc = 0;
    for (; words[argc] != NULL; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
        parsed->argv[argc] = copies[argc];
    }
    parsed->argv[argc] = NULL;
    FILE *file = tmpfile();
    int saved = capture_stderr(file);
    parsed->result = spipe_options_parse(spipe_verb_find(words[0]), argc, parsed->argv, &parsed->options);
    release_stderr(file, saved, parsed->complaint, sizeof parsed->complaint);
}

#define PARSE(parsed, ...) parse((parsed), (const char *const[]){__VA_ARGS__, NULL})

static size_t count_lines_before_usage(const char *text)
{
    size_t lines = 0;
    const char *usage = strstr(text, "usage:");
    assert_non_null(usage);
    for (; text < usage; text++) {
        lines += *text == '\n';
    }
    return lines;
}

static void test_options_and_operands_may_stand_in_any_order(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report", "--top", "5", "a.spipe", "--json");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_RUN);
    assert_int_equal(parsed.options.operand_count, 1);
    assert_string_equal(parsed.options.operand[0], "a.spipe");
    assert_true(spipe_options_has(&parsed.options, "json"));
    assert_false(spipe_options_has(&parsed.options, "tree"));
    assert_string_equal(spipe_options_text(&parsed.options, "top", NULL), "5");
}

static void test_options_of_the_program_stay_the_programs(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "record", "-q", "--", "ls", "-q", "--rate", "7");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_RUN);
    assert_int_equal(parsed.options.operand_count, 4);
    assert_string_equal(parsed.options.operand[1], "-q");
    assert_false(spipe_options_has(&parsed.options, "rate"));
}

static void test_the_two_dashes_may_be_left_out(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "record", "-o", "x.spipe", "ls", "--json");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_RUN);
    assert_int_equal(parsed.options.operand_count, 2);
    assert_string_equal(spipe_options_text(&parsed.options, "output", NULL), "x.spipe");
}

static void test_an_unknown_option_gets_one_line_and_the_usage(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report", "--nonsense", "a.spipe");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_int_equal(count_lines_before_usage(parsed.complaint), 1);
    assert_non_null(strstr(parsed.complaint, "there is no option --nonsense"));
    assert_non_null(strstr(parsed.complaint, "usage: stackpipe report FILE"));

    PARSE(&parsed, "report", "-z", "a.spipe");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "there is no option -z"));
}

static void test_a_missing_argument_is_named(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report", "a.spipe", "--top");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "--top needs an argument"));

    PARSE(&parsed, "record", "-o");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "-o needs an argument"));
}

static void test_a_flag_with_an_argument_is_refused(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report", "--json=yes", "a.spipe");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "takes no argument"));
}

static void test_missing_and_surplus_operands_are_refused(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "FILE is missing"));
    PARSE(&parsed, "record", "--");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "PROGRAM is missing"));
    PARSE(&parsed, "dump", "a", "b");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_WRONG);
    assert_non_null(strstr(parsed.complaint, "b is too much"));
}

static void test_help_wins_over_missing_operands(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "record", "--help");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_HELP);
    PARSE(&parsed, "record", "-h");
    assert_int_equal(parsed.result, SPIPE_OPTIONS_HELP);
}

static void test_numbers_outside_their_bounds_are_complained_about(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report", "a.spipe", "--top", "0");
    uint64_t top = 20;
    FILE *file = tmpfile();
    int saved = capture_stderr(file);
    bool taken = spipe_options_count(&parsed.options, "top", 1, 100, &top);
    release_stderr(file, saved, parsed.complaint, sizeof parsed.complaint);
    assert_false(taken);
    assert_int_equal(top, 20);
    assert_non_null(strstr(parsed.complaint, "--top: '0' is not a whole number from 1 to 100"));
}

static void test_a_number_that_is_not_given_stays_as_it_was(void **state)
{
    (void)state;
    struct parsed parsed;
    PARSE(&parsed, "report", "a.spipe");
    uint64_t top = 20;
    assert_true(spipe_options_count(&parsed.options, "top", 1, 100, &top));
    assert_int_equal(top, 20);
}

static void test_every_verb_has_room_for_its_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < spipe_verb_count; i++) {
        assert_true(spipe_verbs[i].option_count <= SPIPE_VERB_OPTIONS_MAX);
        assert_ptr_equal(spipe_verb_find(spipe_verbs[i].name), &spipe_verbs[i]);
    }
    assert_null(spipe_verb_find("nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_operands_may_stand_in_any_order),
        cmocka_unit_test(test_options_of_the_program_stay_the_programs),
        cmocka_unit_test(test_the_two_dashes_may_be_left_out),
        cmocka_unit_test(test_an_unknown_option_gets_one_line_and_the_usage),
        cmocka_unit_test(test_a_missing_argument_is_named),
        cmocka_unit_test(test_a_flag_with_an_argument_is_refused),
        cmocka_unit_test(test_missing_and_surplus_operands_are_refused),
        cmocka_unit_test(test_help_wins_over_missing_operands),
        cmocka_unit_test(test_numbers_outside_their_bounds_are_complained_about),
        cmocka_unit_test(test_a_number_that_is_not_given_stays_as_it_was),
        cmocka_unit_test(test_every_verb_has_room_for_its_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
