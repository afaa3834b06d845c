/* SPDX-License-Identifier: MIT */
/* Filters of system calls that the process is under before the agent starts. */
#ifndef SPIPE_AGENT_FILTER_H
#define SPIPE_AGENT_FILTER_H

#include <stdbool.h>

/* True when there are more of them than the launcher said to be under itself (STACKPIPE_FILTERS), or, when it did not,
 * than the system's first process is under: then one of them was made for this program, knows nothing of us, and may end
 * the program for a call of ours. Makes no calls but those that the loader has just made. */
bool spipe_filter_is_strange(void);

#endif
