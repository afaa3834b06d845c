/* SPDX-License-Identifier: MIT */
/* A followed child that came by fork(): how its pump begins. Pump only. */
#ifndef SPIPE_AGENT_FORKED_H
#define SPIPE_AGENT_FORKED_H

#include <stdbool.h>

/* Waits whether the child is there to stay: most execute another program at once, or end. Then begins afresh all that the
 * fork has left behind of the parent's state. False when there is to be no session: `is_over` has said so, or there is no
 * memory. */
bool spipe_forked_begin(bool (*is_over)(void));

#endif
