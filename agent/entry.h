/* SPDX-License-Identifier: MIT */
/* How the agent comes to life in a process, and what it does when the process ends or becomes another program. */
#ifndef SPIPE_AGENT_ENTRY_H
#define SPIPE_AGENT_ENTRY_H

#include <stdbool.h>

/* Starts for an endpoint; NULL: that of the environment. Returns 0 or a status. On a thread of the program. */
int spipe_entry_start(const char *endpoint);

/* The environment for a program that this process becomes by exec: `environment` with our own entries put back, so
 * that the agent comes along; they were taken out at start, so that children run without it. Returns `environment`
 * itself when there is nothing to add. The memory is never freed: it goes with the exec. */
char *const *spipe_entry_exec_environment(char *const *environment);

/* Begins again after an exec that failed. */
void spipe_entry_restart(void);

#endif
