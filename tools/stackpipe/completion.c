/* SPDX-License-Identifier: MIT */
#include "help.h"

#include <string.h>

static const char head[] =
    "# bash completion for stackpipe; written from the table that stackpipe --help prints.\n"
    "\n"
    "_stackpipe_words()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\")\n"
    "}\n"
    "\n"
    "_stackpipe_files()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "}\n"
    "\n"
    "_stackpipe_captures()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -f -X '!*.spipe' -- \"$current\"; compgen -d -- \"$current\")\n"
    "    [ ${#COMPREPLY[@]} -gt 0 ] || _stackpipe_files\n"
    "}\n"
    "\n"
    "# The rest of the line belongs to the program: its name, then whatever it completes itself. $1: options with an "
    "argument.\n"
    "_stackpipe_program()\n"
    "{\n"
    "    local at\n"
    "    for ((at = 2; at < COMP_CWORD; at++)); do\n"
    "        case ${COMP_WORDS[at]} in\n"
    "        --) ((at++)); break ;;\n"
    "        -*) case \" $1 \" in *\" ${COMP_WORDS[at]} \"*) ((at++)) ;; esac ;;\n"
    "        *) break ;;\n"
    "        esac\n"
    "    done\n"
    "    if [ \"$at\" -lt \"$COMP_CWORD\" ]; then\n"
    "        if declare -F _command_offset > /dev/null; then _command_offset \"$at\"; else _stackpipe_files; fi\n"
    "        return 0\n"
    "    fi\n"
    "    case $current in\n"
    "    -*) [ \"${COMP_WORDS[COMP_CWORD-1]}\" = -- ] || return 1 ;;\n"
    "    esac\n"
    "    mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
    "}\n"
    "\n"
    "_stackpipe()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb=${COMP_WORDS[1]}\n"
    "    COMPREPLY=()\n";

static const char tail[] = "}\n"
                           "complete -o filenames -F _stackpipe stackpipe\n";

static void write_verb_names(FILE *stream)
{
    for (size_t i = 0; i < spipe_verb_count; i++) {
        fprintf(stream, "%s%s", i > 0 ? " " : "", spipe_verbs[i].name);
    }
}

/* The words of "follow|ignore", separated by spaces. */
static void write_words(const char *words, FILE *stream)
{
    for (; *words != '\0'; words++) {
        fputc(*words == '|' ? ' ' : *words, stream);
    }
}

static void write_action(enum spipe_completion completion, const char *words, FILE *stream)
{
    switch (completion) {
    case SPIPE_COMPLETE_FILES:
        fputs("_stackpipe_files", stream);
        break;
    case SPIPE_COMPLETE_CAPTURES:
        fputs("_stackpipe_captures", stream);
        break;
    case SPIPE_COMPLETE_WORDS:
        fputs("_stackpipe_words '", stream);
        write_words(words, stream);
        fputs("'", stream);
        break;
    case SPIPE_COMPLETE_VERBS:
        fputs("_stackpipe_words '", stream);
        write_verb_names(stream);
        fputs("'", stream);
        break;
    case SPIPE_COMPLETE_NOTHING:
    case SPIPE_COMPLETE_PROGRAM:
        fputs(":", stream);
        break;
    }
}

/* What may follow each option that takes an argument. */
static void write_option_cases(const struct spipe_verb *verb, FILE *stream)
{
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct spipe_option_row *option = &verb->option[i];
        if (option->argument == NULL) {
            continue;
        }
        fprintf(stream, "    %s,--%s", verb->name, option->name);
        if (option->letter != 0) {
            fprintf(stream, " | %s,-%c", verb->name, option->letter);
        }
        fputs(") ", stream);
        write_action(option->completion, option->argument, stream);
        fputs("; return ;;\n", stream);
    }
}

static void write_option_names(const struct spipe_verb *verb, bool with_argument_only, FILE *stream)
{
    for (size_t i = 0; i < verb->option_count; i++) {
        const struct spipe_option_row *option = &verb->option[i];
        if (with_argument_only && option->argument == NULL) {
            continue;
        }
        fprintf(stream, "--%s ", option->name);
        if (option->letter != 0) {
            fprintf(stream, "-%c ", option->letter);
        }
    }
    if (!with_argument_only) {
        fputs("--help", stream);
    }
}

static void write_verb_case(const struct spipe_verb *verb, FILE *stream)
{
    fprintf(stream, "    %s)\n", verb->name);
    if (verb->completion == SPIPE_COMPLETE_PROGRAM) {
        fputs("        _stackpipe_program '", stream);
        write_option_names(verb, true, stream);
        fputs("' && return\n", stream);
    }
    fputs("        case $current in\n        -*) _stackpipe_words '", stream);
    write_option_names(verb, false, stream);
    fputs("' ;;\n        *) ", stream);
    write_action(verb->completion, NULL, stream);
    fputs(" ;;\n        esac\n        ;;\n", stream);
}

void spipe_completion_write(FILE *stream)
{
    fputs(head, stream);
    fputs("    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        _stackpipe_words '", stream);
    write_verb_names(stream);
    fputs(" --help --version'\n        return\n    fi\n    case $verb,$previous in\n", stream);
    for (size_t i = 0; i < spipe_verb_count; i++) {
        write_option_cases(&spipe_verbs[i], stream);
    }
    fputs("    esac\n    case $verb in\n", stream);
    for (size_t i = 0; i < spipe_verb_count; i++) {
        write_verb_case(&spipe_verbs[i], stream);
    }
    fputs("    esac\n", stream);
    fputs(tail, stream);
}
