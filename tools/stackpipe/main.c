/* SPDX-License-Identifier: MIT */
/*
 * stackpipe: the verb is looked up in the table, and its file does the rest.
 */
#include "complain.h"
#include "help.h"
#include "options.h"
#include "standard_streams.h"

#include <stdio.h>
#include <string.h>

/* What is asked of the command itself, before any verb. */
static int run_without_verb(const char *word)
{
    if (word != NULL && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
        spipe_help_write_overview(stdout);
        return SPIPE_EXIT_OK;
    }
    if (word != NULL && strcmp(word, "--version") == 0) {
        printf("stackpipe %s\n", SPIPE_VERSION);
        return SPIPE_EXIT_OK;
    }
    if (word == NULL) {
        spipe_complain("a verb is missing");
    } else {
        spipe_complain("there is no verb '%s'", word);
    }
    spipe_help_write_overview(stderr);
    return SPIPE_EXIT_USAGE;
}

static int run_verb(const struct spipe_verb *verb, int argc, char **argv)
{
    struct spipe_options options;
    switch (spipe_options_parse(verb, argc, argv, &options)) {
    case SPIPE_OPTIONS_RUN:
        return verb->run(&options);
    case SPIPE_OPTIONS_HELP:
        spipe_help_write_verb(verb, stdout);
        return SPIPE_EXIT_OK;
    default:
        return SPIPE_EXIT_USAGE;
    }
}

int main(int argc, char **argv)
{
    if (spipe_standard_streams_fill() != 0) {
        return SPIPE_EXIT_FAILED;
    }
    const struct spipe_verb *verb = argc > 1 ? spipe_verb_find(argv[1]) : NULL;
    int code = verb != NULL ? run_verb(verb, argc - 1, argv + 1) : run_without_verb(argc > 1 ? argv[1] : NULL);

    /* A full disk behind standard output would else go unnoticed. Nothing was written there when a program was
     * recorded. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == SPIPE_EXIT_OK) {
        spipe_complain("standard output cannot be written");
        return SPIPE_EXIT_FAILED;
    }
    return code;
}
