/* SPDX-License-Identifier: MIT */
/*
 * Our variables in the program's environment: read and taken out at the start, and put back for those programs that are
 * to carry the agent. On threads of the program.
 */
#ifndef SPIPE_AGENT_ENVIRONMENT_H
#define SPIPE_AGENT_ENVIRONMENT_H

#include <stddef.h>

/* Who is to carry the agent. */
enum spipe_heir {
    SPIPE_HEIR_NONE = 0,
    SPIPE_HEIR_SELF = 1,    /* the program that this process becomes */
    SPIPE_HEIR_CHILD = 2    /* a program that a child becomes */
};

/* Reads our variables into spipe_control.environment and takes them out of the program's environment, with our entry of
 * LD_PRELOAD: the program is to see the environment that it was meant to have. The token is no longer to be found in
 * /proc/self/environ either. */
void spipe_environment_take(const char *own_path);

/* How much memory spipe_environment_extend() needs, which is at least 1. */
size_t spipe_environment_size(char *const *environment, enum spipe_heir heir);

/* `environment` with our entries for that heir, in `memory`, which lasts as long as what is returned is used; its texts
 * are partly those of `environment`. Returns `environment` itself when there is nothing to add, `memory` is NULL, or we
 * did not come by LD_PRELOAD. Touches nothing else, so a vforked child may call it too. */
char *const *spipe_environment_extend(char *const *environment, enum spipe_heir heir, void *memory);

/* Puts our entries for children into the program's own environment, for functions of libc that start programs with that
 * and with no other. They stay there: who has it in hand at the moment is not known. Once is enough. */
void spipe_environment_open(void);

#endif
