/* SPDX-License-Identifier: MIT */
/*
 * The pump: the agent's one thread beside the sampled ones. It connects, opens the session, empties the rings, encodes,
 * sends, answers commands, and says Goodbye. What a sampled thread leaves in its ring is all that the two share.
 */
#ifndef SPIPE_AGENT_PUMP_H
#define SPIPE_AGENT_PUMP_H

#include "protocol/endpoint.h"
#include "session.h"

/* The thread's function; the argument is not used. Returns when the session is over and no other is to follow. */
void spipe_pump_run(void *unused);

/* In a forked child, on its own thread, before there is a pump: closes what it has copies of, and, when it is followed,
 * forgets the session, which is its parent's. */
void spipe_pump_fork(bool is_followed);

/* The steps that it takes, in this order; a test takes them one by one. None of them waits, but for
 * spipe_pump_connect(), which waits for the host, and spipe_pump_finish(), which gives the host 200 ms. */

/* Reads the endpoint of the environment; it is all -1 when that is of no use. */
const struct spipe_endpoint *spipe_pump_prepare(void);

/* Connects and reads the host's first words. False when there is to be no session. */
bool spipe_pump_connect(void);

/* Answers them and starts sampling. NULL, with the pipe closed, when that failed. */
struct spipe_session *spipe_pump_begin(void);

/* Hears the host, empties the rings, sends. False when the session is over. */
bool spipe_pump_round(void);

/* Says Goodbye and closes. */
void spipe_pump_finish(void);

#endif
