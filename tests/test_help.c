/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/help.h"

#include <stdlib.h>
#include <string.h>

/* What a function writes, as a string to be freed. */
static char *written_by(void (*write)(const struct spipe_verb *verb, FILE *stream), const struct spipe_verb *verb)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    write(verb, stream);
    fclose(stream);
    return text;
}

static void write_man(const struct spipe_verb *verb, FILE *stream)
{
    spipe_man_write(verb, "9.8.7", stream);
}

static void write_completion(const struct spipe_verb *verb, FILE *stream)
{
    (void)verb;
    spipe_completion_write(stream);
}

static void test_the_usage_shows_every_option_within_the_width(void **state)
{
    (void)state;
    for (size_t i = 0; i < spipe_verb_count; i++) {
        const struct spipe_verb *verb = &spipe_verbs[i];
        char *usage = written_by(spipe_help_write_usage, verb);
        for (size_t j = 0; j < verb->option_count; j++) {
            char name[64];
            if (verb->option[j].letter != 0) {
                snprintf(name, sizeof name, "[-%c", verb->option[j].letter);
            } else {
                snprintf(name, sizeof name, "[--%s", verb->option[j].name);
            }
            assert_non_null(strstr(usage, name));
        }
        for (const char *line = usage; *line != '\0'; line += strcspn(line, "\n") + 1) {
            assert_true(strcspn(line, "\n") <= 100);
        }
        free(usage);
    }
}

static void test_the_help_explains_every_option(void **state)
{
    (void)state;
    char *help = written_by(spipe_help_write_verb, spipe_verb_find("record"));
    assert_non_null(strstr(help, "  -o, --output FILE\n"));
    assert_non_null(strstr(help, "  --rate HZ\n"));
    assert_non_null(strstr(help, "  --children follow|ignore\n"));
    free(help);
}

static void test_a_man_page_has_the_sections_that_readers_expect(void **state)
{
    (void)state;
    char *page = written_by(write_man, spipe_verb_find("record"));
    static const char title[] = ".TH STACKPIPE-RECORD 1 \"\" \"Stackpipe 9.8.7\"";
    assert_int_equal(strncmp(page, title, sizeof title - 1), 0);
    const char *sections[] = {"\n.SH NAME\n",        "\n.SH SYNOPSIS\n",    "\n.SH DESCRIPTION\n", "\n.SH OPTIONS\n",
                              "\n.SH EXIT STATUS\n", "\n.SH ENVIRONMENT\n", "\n.SH SEE ALSO\n"};
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        assert_non_null(strstr(page, sections[i]));
    }
    /* A minus that a reader can paste into a shell. */
    assert_non_null(strstr(page, "\\-\\-rate"));
    free(page);
}

static void test_no_line_of_a_man_page_is_an_accidental_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < spipe_verb_count; i++) {
        char *page = written_by(write_man, &spipe_verbs[i]);
        for (const char *line = page; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
            if (line[0] == '.') {
                static const char *const known[] = {".TH ", ".SH ", ".PP\n", ".TP\n", ".nf\n", ".fi\n", ".B ", ".BR "};
                bool is_known = false;
                for (size_t j = 0; j < sizeof known / sizeof known[0]; j++) {
                    is_known = is_known || strncmp(line, known[j], strlen(known[j])) == 0;
                }
                assert_true(is_known);
            }
            assert_int_not_equal(line[0], '\'');
        }
        free(page);
    }
}

static void test_the_completion_is_a_script_that_bash_takes(void **state)
{
    (void)state;
    char *script = written_by(write_completion, NULL);
    FILE *bash = popen("bash -n", "w");
    assert_non_null(bash);
    fputs(script, bash);
    assert_int_equal(pclose(bash), 0);
    free(script);
}

/* What bash would offer for a line whose last word is being typed. */
static void assert_completes(const char *words, const char *expected)
{
    char *script = written_by(write_completion, NULL);
    char path[] = "/tmp/stackpipe-completion-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fprintf(file, "%s\nCOMP_WORDS=(%s)\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_stackpipe\necho \"${COMPREPLY[*]}\"\n",
            script, words);
    fclose(file);
    char command[128];
    snprintf(command, sizeof command, "bash --norc %s", path);
    FILE *bash = popen(command, "r");
    char line[512] = "";
    assert_non_null(fgets(line, sizeof line, bash));
    pclose(bash);
    remove(path);
    free(script);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, expected);
}

static void test_the_completion_offers_verbs_options_and_words(void **state)
{
    (void)state;
    assert_completes("stackpipe re", "record report");
    assert_completes("stackpipe report --t", "--top --tree --threads");
    assert_completes("stackpipe export --format ''", "collapsed html");
    assert_completes("stackpipe record --children f", "follow");
    assert_completes("stackpipe help doc", "doctor");
    assert_completes("stackpipe record --rate 5 -- stackpipe-no-such-pro", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_usage_shows_every_option_within_the_width),
        cmocka_unit_test(test_the_help_explains_every_option),
        cmocka_unit_test(test_a_man_page_has_the_sections_that_readers_expect),
        cmocka_unit_test(test_no_line_of_a_man_page_is_an_accidental_request),
        cmocka_unit_test(test_the_completion_is_a_script_that_bash_takes),
        cmocka_unit_test(test_the_completion_offers_verbs_options_and_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
