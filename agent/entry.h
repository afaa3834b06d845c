/* SPDX-License-Identifier: MIT */
/* How the agent comes to life in a process, and comes back to it. */
#ifndef SPIPE_AGENT_ENTRY_H
#define SPIPE_AGENT_ENTRY_H

#include <stdbool.h>

/* Starts for an endpoint; NULL: that of the environment. Returns 0 or a status. On a thread of the program. */
int spipe_entry_start(const char *endpoint);

/* Begins again, in a process whose agent said Goodbye for something that then did not come about, an exec that failed
 * say. Keeps errno. */
void spipe_entry_come_back(bool has_left);

#endif
