/* SPDX-License-Identifier: MIT */
/*
 * What children tell the process that follows them: which programs they become that cannot carry the agent. The memory is
 * shared with them, since by then they have no session of their own that could say it.
 */
#ifndef SPIPE_AGENT_NOTICES_H
#define SPIPE_AGENT_NOTICES_H

#include "session.h"

/* Makes room for notices of children that are forked from now on, once. Without memory they are not heard. */
void spipe_notices_open(void);

/* In a forked child: until it makes room itself, its notices go where its parent's go. */
void spipe_notices_fork(void);

/* Leaves one, in this process or a child of it; also in a vforked one. */
void spipe_notices_put(const char *path, const char *obstacle);

/* Turns those that have come into markers. Pump only. */
void spipe_notices_drain(struct spipe_session *session);

#endif
