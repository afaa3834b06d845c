/* SPDX-License-Identifier: MIT */
/*
 * The environment of a program that is started with the agent.
 *
 * The agent takes these variables out again before the program's own code runs, so that neither the program nor what it
 * starts sees them.
 */
#ifndef SPIPE_TOOL_ENVIRONMENT_H
#define SPIPE_TOOL_ENVIRONMENT_H

struct spipe_environment {
    const char *agent; /* path of the library; must hold no space, colon or dollar sign */
    const char *endpoint;
    const char *token;
    const char *log; /* NULL: the user's own setting, if any, stays */
    unsigned filters; /* how many filters of system calls this process is under itself */
};

/* Returns a new array, ended by NULL: `inherited` in its order, the agent before what LD_PRELOAD holds already, then
 * the variables of ours. Free it with spipe_environment_free(). NULL when there is no memory. */
char **spipe_environment_make(char *const *inherited, const struct spipe_environment *wanted);
void spipe_environment_free(char **environment);

#endif
