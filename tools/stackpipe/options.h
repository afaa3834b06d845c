/* SPDX-License-Identifier: MIT */
/*
 * A command line taken apart by the table of verbs.
 *
 * What is wrong is said here, once: a line on standard error, then the verb's usage. Options are asked for by their
 * long name, which has to be one of the verb's.
 */
#ifndef SPIPE_TOOL_OPTIONS_H
#define SPIPE_TOOL_OPTIONS_H

#include "verbs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_options {
    const struct spipe_verb *verb;
    bool given[SPIPE_VERB_OPTIONS_MAX];
    const char *argument[SPIPE_VERB_OPTIONS_MAX]; /* of the last time it was given; NULL for flags */
    char **operand;                               /* ends with NULL; borrowed from argv */
    int operand_count;
};

enum spipe_options_result {
    SPIPE_OPTIONS_RUN,  /* do what they say */
    SPIPE_OPTIONS_HELP, /* --help was among them */
    SPIPE_OPTIONS_WRONG /* the complaint is printed */
};

/* `argv[0]` is the verb. argv may be reordered. */
enum spipe_options_result spipe_options_parse(const struct spipe_verb *verb, int argc, char **argv,
                                              struct spipe_options *ret_options);

bool spipe_options_has(const struct spipe_options *options, const char *name);

/* The option's argument, or `otherwise` when it was not given. */
const char *spipe_options_text(const struct spipe_options *options, const char *name, const char *otherwise);

/* Numbers: `value` stays as it is when the option was not given. False when it is no such number or not within `min`
 * and `max`; the complaint is then printed. */
bool spipe_options_count(const struct spipe_options *options, const char *name, uint64_t min, uint64_t max,
                         uint64_t *value);
bool spipe_options_real(const struct spipe_options *options, const char *name, double min, double max, double *value);
bool spipe_options_size(const struct spipe_options *options, const char *name, uint64_t min, uint64_t max,
                        uint64_t *value);
bool spipe_options_seconds(const struct spipe_options *options, const char *name, uint64_t min_ns, uint64_t max_ns,
                           uint64_t *value_ns);

/* Prints "stackpipe VERB: ..." and the usage. Returns SPIPE_EXIT_USAGE. */
int spipe_options_complain(const struct spipe_verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
