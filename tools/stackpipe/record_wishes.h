/* SPDX-License-Identifier: MIT */
/*
 * What a command line of `record` asks for.
 */
#ifndef SPIPE_TOOL_RECORD_WISHES_H
#define SPIPE_TOOL_RECORD_WISHES_H

#include "options.h"

#include "protocol/record.h"

#include <stdbool.h>

struct spipe_record_wishes {
    const char *output;
    const char *endpoint; /* NULL: a private one */
    bool quiet;
    char **argv;                              /* of the program */
    struct spipe_configuration configuration; /* without the token */
};

/* Returns 0, or SPIPE_EXIT_USAGE after having said what is wrong. */
int spipe_record_wishes_read(const struct spipe_options *options, struct spipe_record_wishes *ret_wishes);

#endif
