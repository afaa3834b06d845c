/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "complain.h"
#include "help.h"
#include "numbers.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COMPLAINT_MAX 512
/* Numbers that getopt_long() returns for an option of the table, and for --help. Letters lie below. */
#define FIRST_ROW_CODE 1000
#define HELP_CODE      999

static int print_complaint(const struct spipe_verb *verb, const char *text)
{
    spipe_complain("%s: %s", verb->name, text);
    spipe_help_write_usage(verb, stderr);
    return SPIPE_EXIT_USAGE;
}

int spipe_options_complain(const struct spipe_verb *verb, const char *format, ...)
{
    char text[COMPLAINT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return print_complaint(verb, text);
}

/* The verb's options in getopt's terms. `short_text` begins with '+' where options end at the first operand; the ':'
 * after it keeps getopt silent and tells a missing argument from an unknown option. */
static void make_getopt_tables(const struct spipe_verb *verb, char *short_text, struct option *long_table)
{
    assert(verb->option_count <= SPIPE_VERB_OPTIONS_MAX);
    if (verb->operand_max < 0) {
        *short_text++ = '+';
    }
    *short_text++ = ':';
    *short_text++ = 'h';
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct spipe_option_row *row = &verb->option[i];
        if (row->letter != 0) {
            *short_text++ = row->letter;
            if (row->argument != NULL) {
                *short_text++ = ':';
            }
        }
        long_table[i] = (struct option){row->name, row->argument != NULL ? required_argument : no_argument, NULL,
                                        FIRST_ROW_CODE + (int)i};
    }
    *short_text = '\0';
    long_table[verb->option_count] = (struct option){"help", no_argument, NULL, HELP_CODE};
    long_table[verb->option_count + 1] = (struct option){NULL, 0, NULL, 0};
}

/* The option's place in the verb's table. */
static size_t find_row(const struct spipe_verb *verb, int code)
{
    if (code >= FIRST_ROW_CODE) {
        return (size_t)(code - FIRST_ROW_CODE);
    }
    for (size_t i = 0; i < verb->option_count; i++) {
        if (verb->option[i].letter == code) {
            return i;
        }
    }
    assert(!"a letter that getopt was not given");
    return 0;
}

/* What getopt_long() could not take, in words. */
static enum spipe_options_result complain_about_option(const struct spipe_verb *verb, int code, char **argv)
{
    char letter[3] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > 0 && optopt < HELP_CODE;
    const char *what = is_letter ? letter : argv[optind - 1];
    if (code == ':') {
        spipe_options_complain(verb, "%s needs an argument", what);
    } else if (optopt >= HELP_CODE) {
        spipe_options_complain(verb, "%s takes no argument", what);
    } else {
        spipe_options_complain(verb, "there is no option %s", what);
    }
    return SPIPE_OPTIONS_WRONG;
}

static bool check_operands(const struct spipe_options *options)
{
    const struct spipe_verb *verb = options->verb;
    if (options->operand_count < verb->operand_min) {
        spipe_options_complain(verb, "%s is missing", verb->operand_max < 0 ? "PROGRAM" : verb->operands);
        return false;
    }
    if (verb->operand_max >= 0 && options->operand_count > verb->operand_max) {
        spipe_options_complain(verb, "%s is too much", options->operand[verb->operand_max]);
        return false;
    }
    return true;
}

enum spipe_options_result spipe_options_parse(const struct spipe_verb *verb, int argc, char **argv,
                                              struct spipe_options *ret_options)
{
    char short_text[2 * SPIPE_VERB_OPTIONS_MAX + 4];
    struct option long_table[SPIPE_VERB_OPTIONS_MAX + 2];
    make_getopt_tables(verb, short_text, long_table);

    struct spipe_options options = {.verb = verb};
    optind = 0; /* Makes getopt begin anew, whatever was parsed before. */
    int code;
    while ((code = getopt_long(argc, argv, short_text, long_table, NULL)) != -1) {
        if (code == 'h' || code == HELP_CODE) {
            return SPIPE_OPTIONS_HELP;
        }
        if (code == '?' || code == ':') {
            return complain_about_option(verb, code, argv);
        }
        size_t row = find_row(verb, code);
        options.given[row] = true;
        options.argument[row] = optarg;
    }
    options.operand = argv + optind;
    options.operand_count = argc - optind;
    if (!check_operands(&options)) {
        return SPIPE_OPTIONS_WRONG;
    }
    *ret_options = options;
    return SPIPE_OPTIONS_RUN;
}

static size_t index_of(const struct spipe_options *options, const char *name)
{
    for (size_t i = 0; i < options->verb->option_count; i++) {
        if (strcmp(options->verb->option[i].name, name) == 0) {
            return i;
        }
    }
    assert(!"an option that the verb does not have");
    return 0;
}

bool spipe_options_has(const struct spipe_options *options, const char *name)
{
    return options->given[index_of(options, name)];
}

const char *spipe_options_text(const struct spipe_options *options, const char *name, const char *otherwise)
{
    size_t index = index_of(options, name);
    return options->given[index] ? options->argument[index] : otherwise;
}

/* Complains about a number that is none, or is out of bounds. */
static bool refuse_number(const struct spipe_options *options, const char *name, const char *what, const char *bounds)
{
    spipe_options_complain(options->verb, "--%s: '%s' is not %s%s", name, spipe_options_text(options, name, ""), what,
                           bounds);
    return false;
}

bool spipe_options_count(const struct spipe_options *options, const char *name, uint64_t min, uint64_t max,
                         uint64_t *value)
{
    if (!spipe_options_has(options, name)) {
        return true;
    }
    uint64_t count = 0;
    if (spipe_number_parse_count(spipe_options_text(options, name, NULL), &count) != 0 || count < min || count > max) {
        char bounds[64];
        snprintf(bounds, sizeof bounds, " from %llu to %llu", (unsigned long long)min, (unsigned long long)max);
        return refuse_number(options, name, "a whole number", bounds);
    }
    *value = count;
    return true;
}

bool spipe_options_real(const struct spipe_options *options, const char *name, double min, double max, double *value)
{
    if (!spipe_options_has(options, name)) {
        return true;
    }
    double real = 0;
    if (spipe_number_parse_real(spipe_options_text(options, name, NULL), &real) != 0 || real < min || real > max) {
        char bounds[64];
        snprintf(bounds, sizeof bounds, " from %.12g to %.12g", min, max);
        return refuse_number(options, name, "a number", bounds);
    }
    *value = real;
    return true;
}

bool spipe_options_size(const struct spipe_options *options, const char *name, uint64_t min, uint64_t max,
                        uint64_t *value)
{
    if (!spipe_options_has(options, name)) {
        return true;
    }
    uint64_t bytes = 0;
    if (spipe_number_parse_size(spipe_options_text(options, name, NULL), &bytes) != 0 || bytes < min || bytes > max) {
        char bounds[96];
        snprintf(bounds, sizeof bounds, " from %lluK to %lluG", (unsigned long long)(min >> 10),
                 (unsigned long long)(max >> 30));
        return refuse_number(options, name, "a size such as 4M", bounds);
    }
    *value = bytes;
    return true;
}

bool spipe_options_seconds(const struct spipe_options *options, const char *name, uint64_t min_ns, uint64_t max_ns,
                           uint64_t *value_ns)
{
    if (!spipe_options_has(options, name)) {
        return true;
    }
    uint64_t ns = 0;
    if (spipe_number_parse_seconds(spipe_options_text(options, name, NULL), &ns) != 0 || ns < min_ns || ns > max_ns) {
        char bounds[64];
        snprintf(bounds, sizeof bounds, " from %.12g to %.12g", (double)min_ns / 1e9, (double)max_ns / 1e9);
        return refuse_number(options, name, "a number of seconds", bounds);
    }
    *value_ns = ns;
    return true;
}
