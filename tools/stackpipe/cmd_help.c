/* SPDX-License-Identifier: MIT */
#include "help.h"
#include "options.h"

#include <stdio.h>

int cmd_help(const struct spipe_options *options)
{
    if (options->operand_count == 0) {
        spipe_help_write_overview(stdout);
        return SPIPE_EXIT_OK;
    }
    const struct spipe_verb *verb = spipe_verb_find(options->operand[0]);
    if (verb == NULL) {
        return spipe_options_complain(options->verb, "there is no verb '%s'", options->operand[0]);
    }
    spipe_help_write_verb(verb, stdout);
    return SPIPE_EXIT_OK;
}
