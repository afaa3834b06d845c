/* SPDX-License-Identifier: MIT */
#include "help.h"

#include "plain_text.h"

#include <string.h>

#define WIDTH 100

/* An option as the usage shows it: "[-o FILE]", "[--rate HZ]". */
static void format_usage_option(const struct spipe_option_row *option, char *text, size_t size)
{
    char name[64];
    if (option->letter != 0) {
        snprintf(name, sizeof name, "-%c", option->letter);
    } else {
        snprintf(name, sizeof name, "--%s", option->name);
    }
    snprintf(text, size, "[%s%s%s]", name, option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
}

static void append_word(FILE *stream, int *column, int indent, const char *word)
{
    int len = (int)strlen(word);
    if (*column + 1 + len > WIDTH) {
        fprintf(stream, "\n%*s", indent, "");
        *column = indent;
    }
    fprintf(stream, " %s", word);
    *column += 1 + len;
}

void spipe_help_write_usage(const struct spipe_verb *verb, FILE *stream)
{
    int column = fprintf(stream, "usage: stackpipe %s", verb->name);
    int indent = column;
    /* The file comes first and the program last, as people type them. */
    bool operands_last = verb->operand_max < 0;
    if (!operands_last && verb->operands[0] != '\0') {
        append_word(stream, &column, indent, verb->operands);
    }
    for (size_t i = 0; i < verb->option_count; i++) {
        char word[96];
        format_usage_option(&verb->option[i], word, sizeof word);
        append_word(stream, &column, indent, word);
    }
    if (operands_last) {
        append_word(stream, &column, indent, verb->operands);
    }
    fputc('\n', stream);
}

static void write_option(const struct spipe_option_row *option, FILE *stream)
{
    if (option->letter != 0) {
        fprintf(stream, "  -%c, --%s", option->letter, option->name);
    } else {
        fprintf(stream, "  --%s", option->name);
    }
    fprintf(stream, "%s%s\n", option->argument != NULL ? " " : "", option->argument != NULL ? option->argument : "");
    spipe_plain_text_wrap(option->text, 8, WIDTH, stream);
}

static void write_paragraphs(const char *const *paragraphs, FILE *stream)
{
    bool was_example = false;
    for (size_t i = 0; paragraphs[i] != NULL; i++) {
        bool is_example = paragraphs[i][0] == ' ';
        if (!(is_example && was_example)) {
            fputc('\n', stream);
        }
        if (is_example) {
            fprintf(stream, "%s\n", paragraphs[i]);
        } else {
            spipe_plain_text_wrap(paragraphs[i], 0, WIDTH, stream);
        }
        was_example = is_example;
    }
}

void spipe_help_write_verb(const struct spipe_verb *verb, FILE *stream)
{
    spipe_help_write_usage(verb, stream);
    write_paragraphs(verb->paragraphs, stream);
    if (verb->option_count > 0) {
        fputc('\n', stream);
    }
    for (size_t i = 0; i < verb->option_count; i++) {
        write_option(&verb->option[i], stream);
    }
}

void spipe_help_write_overview(FILE *stream)
{
    fputs("usage: stackpipe VERB [OPTION...] [OPERAND...]\n", stream);
    write_paragraphs(spipe_verbs_about, stream);
    fputc('\n', stream);
    for (size_t i = 0; i < spipe_verb_count; i++) {
        fprintf(stream, "  %-11s %s\n", spipe_verbs[i].name, spipe_verbs[i].summary);
    }
    fputs("\n'stackpipe help VERB' and 'stackpipe VERB --help' say more; 'stackpipe --version' prints the version.\n",
          stream);
}
