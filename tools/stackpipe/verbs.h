/* SPDX-License-Identifier: MIT */
/*
 * The one table of verbs: dispatch, usage, --help, the man pages and the completion all come from it.
 *
 * A verb is a row in verbs.c and a file cmd_<verb>.c. Texts are plain; a paragraph that begins with a space is shown as
 * it is (an example).
 */
#ifndef SPIPE_TOOL_VERBS_H
#define SPIPE_TOOL_VERBS_H

#include <stdbool.h>
#include <stddef.h>

#define SPIPE_VERB_OPTIONS_MAX 12

/* Exit codes of our own; what a recorded program returns is passed through. */
#define SPIPE_EXIT_OK           0
#define SPIPE_EXIT_FAILED       1
#define SPIPE_EXIT_USAGE        2
#define SPIPE_EXIT_NOT_RECORDED 125
#define SPIPE_EXIT_CANNOT_RUN   126
#define SPIPE_EXIT_NOT_FOUND    127

struct spipe_options;

/* What the shell may offer for an argument. */
enum spipe_completion {
    SPIPE_COMPLETE_NOTHING = 0,
    SPIPE_COMPLETE_FILES,
    SPIPE_COMPLETE_CAPTURES, /* files, those named *.spipe first */
    SPIPE_COMPLETE_WORDS,    /* the words that `argument` lists, separated by '|' */
    SPIPE_COMPLETE_PROGRAM,  /* a command and its arguments */
    SPIPE_COMPLETE_VERBS
};

struct spipe_option_row {
    const char *name;     /* without the dashes */
    char letter;          /* 0: none */
    const char *argument; /* what stands for it in the usage; NULL: a flag */
    enum spipe_completion completion;
    const char *text;
};

struct spipe_verb {
    const char *name;
    int (*run)(const struct spipe_options *options); /* returns the exit code */
    const char *operands;                            /* as in the usage, "" when there are none */
    int operand_min;
    int operand_max;                  /* -1: any number, and options end at the first one */
    enum spipe_completion completion; /* of the operands */
    const char *summary;              /* one line, without a full stop */
    const char *const *paragraphs;    /* ends with NULL */
    const struct spipe_option_row *option;
    size_t option_count;
};

extern const struct spipe_verb spipe_verbs[];
extern const size_t spipe_verb_count;

/* Paragraphs about all verbs, for `stackpipe help` and stackpipe(1). End with NULL. */
extern const char *const spipe_verbs_about[];

/* An environment variable that the command reads. */
struct spipe_variable_row {
    const char *name;
    const char *text;
};
extern const struct spipe_variable_row spipe_verbs_variables[];
extern const size_t spipe_verbs_variable_count;

/* Exit codes in words. */
struct spipe_exit_row {
    const char *code;
    const char *text;
};
extern const struct spipe_exit_row spipe_verbs_exits[];
extern const size_t spipe_verbs_exit_count;

/* Returns the verb, or NULL. */
const struct spipe_verb *spipe_verb_find(const char *name);

/* Each one is a file. */
int cmd_record(const struct spipe_options *options);
int cmd_report(const struct spipe_options *options);
int cmd_export(const struct spipe_options *options);
int cmd_dump(const struct spipe_options *options);
int cmd_endpoints(const struct spipe_options *options);
int cmd_doctor(const struct spipe_options *options);
int cmd_help(const struct spipe_options *options);

#endif
