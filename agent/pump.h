/* SPDX-License-Identifier: MIT */
/*
 * The pump: the agent's one thread beside the sampled ones. It connects, opens the session, empties the rings, encodes, sends, answers
 * commands, and says Goodbye. What a sampled thread leaves in its ring is all that the two share.
 */
#ifndef SPIPE_AGENT_PUMP_H
#define SPIPE_AGENT_PUMP_H

/* The thread's function; the argument is not used. Returns when the session is over and no other is to follow. */
void spipe_pump_run(void *unused);

#endif
