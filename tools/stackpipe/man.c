/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <ctype.h>
#include <string.h>

/* Writes text that roff shows as it is: no requests, no escapes, no typographic dashes and quotes. */
static void write_escaped(const char *text, FILE *stream)
{
    if (*text == '.' || *text == '\'') {
        fputs("\\&", stream);
    }
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '\\':
            fputs("\\e", stream);
            break;
        case '-':
            fputs("\\-", stream);
            break;
        case '\'':
            fputs("\\(aq", stream);
            break;
        default:
            fputc(*text, stream);
        }
    }
}

static void write_title(const char *name, const char *version, FILE *stream)
{
    fputs(".TH ", stream);
    for (; *name != '\0'; name++) {
        fputc(toupper((unsigned char)*name), stream);
    }
    fprintf(stream, " 1 \"\" \"Stackpipe %s\" \"Stackpipe\"\n", version);
}

static void write_paragraphs(const char *const *paragraphs, FILE *stream)
{
    bool was_example = false;
    for (size_t i = 0; paragraphs[i] != NULL; i++) {
        bool is_example = paragraphs[i][0] == ' ';
        if (is_example != was_example) {
            fputs(is_example ? ".PP\n.nf\n" : ".fi\n", stream);
        }
        if (!is_example) {
            fputs(".PP\n", stream);
        }
        write_escaped(paragraphs[i], stream);
        fputc('\n', stream);
        was_example = is_example;
    }
    if (was_example) {
        fputs(".fi\n", stream);
    }
}

static void write_item(const char *term, const char *text, FILE *stream)
{
    fputs(".TP\n\\fB", stream);
    write_escaped(term, stream);
    fputs("\\fR\n", stream);
    write_escaped(text, stream);
    fputc('\n', stream);
}

static void write_option(const struct spipe_option_row *option, FILE *stream)
{
    fputs(".TP\n\\fB", stream);
    if (option->letter != 0) {
        fprintf(stream, "\\-%c\\fR, \\fB", option->letter);
    }
    fputs("\\-\\-", stream);
    write_escaped(option->name, stream);
    fputs("\\fR", stream);
    if (option->argument != NULL) {
        fputs(" \\fI", stream);
        write_escaped(option->argument, stream);
        fputs("\\fR", stream);
    }
    fputc('\n', stream);
    write_escaped(option->text, stream);
    fputc('\n', stream);
}

static void write_synopsis(const struct spipe_verb *verb, FILE *stream)
{
    fprintf(stream, ".SH SYNOPSIS\n.B stackpipe %s\n", verb->name);
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct spipe_option_row *option = &verb->option[i];
        fputs("[\\fB", stream);
        if (option->letter != 0) {
            fprintf(stream, "\\-%c", option->letter);
        } else {
            fputs("\\-\\-", stream);
            write_escaped(option->name, stream);
        }
        fputs("\\fR", stream);
        if (option->argument != NULL) {
            fputs(" \\fI", stream);
            write_escaped(option->argument, stream);
            fputs("\\fR", stream);
        }
        fputs("]\n", stream);
    }
    if (verb->operands[0] != '\0') {
        write_escaped(verb->operands, stream);
        fputc('\n', stream);
    }
}

static void write_common_sections(FILE *stream)
{
    fputs(".SH EXIT STATUS\n", stream);
    for (size_t i = 0; i < spipe_verbs_exit_count; i++) {
        write_item(spipe_verbs_exits[i].code, spipe_verbs_exits[i].text, stream);
    }
    fputs(".SH ENVIRONMENT\n", stream);
    for (size_t i = 0; i < spipe_verbs_variable_count; i++) {
        write_item(spipe_verbs_variables[i].name, spipe_verbs_variables[i].text, stream);
    }
}

/* Names all pages but the one that is being written. */
static void write_see_also(const struct spipe_verb *present, FILE *stream)
{
    fputs(".SH SEE ALSO\n", stream);
    const char *separator = "";
    if (present != NULL) {
        fputs(".BR stackpipe (1)", stream);
        separator = ",\n";
    }
    for (size_t i = 0; i < spipe_verb_count; i++) {
        if (&spipe_verbs[i] != present && strcmp(spipe_verbs[i].name, "help") != 0) {
            fprintf(stream, "%s.BR stackpipe\\-%s (1)", separator, spipe_verbs[i].name);
            separator = ",\n";
        }
    }
    fputc('\n', stream);
}

static void write_verb_page(const struct spipe_verb *verb, const char *version, FILE *stream)
{
    char name[64];
    snprintf(name, sizeof name, "stackpipe-%s", verb->name);
    write_title(name, version, stream);
    fprintf(stream, ".SH NAME\nstackpipe\\-%s \\- %s\n", verb->name, verb->summary);
    write_synopsis(verb, stream);
    fputs(".SH DESCRIPTION\n", stream);
    write_paragraphs(verb->paragraphs, stream);
    if (verb->option_count > 0) {
        fputs(".SH OPTIONS\n", stream);
    }
    for (size_t i = 0; i < verb->option_count; i++) {
        write_option(&verb->option[i], stream);
    }
}

static void write_command_page(const char *version, FILE *stream)
{
    write_title("stackpipe", version, stream);
    fputs(".SH NAME\nstackpipe \\- a sampling profiler made of one small library and one open pipe\n"
          ".SH SYNOPSIS\n.B stackpipe\n\\fIVERB\\fR [\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]\n.SH DESCRIPTION\n",
          stream);
    write_paragraphs(spipe_verbs_about, stream);
    fputs(".SH VERBS\n", stream);
    for (size_t i = 0; i < spipe_verb_count; i++) {
        write_item(spipe_verbs[i].name, spipe_verbs[i].summary, stream);
    }
}

void spipe_man_write(const struct spipe_verb *verb, const char *version, FILE *stream)
{
    if (verb != NULL) {
        write_verb_page(verb, version, stream);
    } else {
        write_command_page(version, stream);
    }
    write_common_sections(stream);
    write_see_also(verb, stream);
}
