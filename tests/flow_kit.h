/* SPDX-License-Identifier: MIT */
/*
 * One session of the agent in one thread: the pump's own code between a memory pipe, a fake clock and a fake sampler.
 * A test says what the host sends, puts samples into rings, and takes the pump's rounds one by one.
 */
#ifndef SPIPE_TESTS_FLOW_KIT_H
#define SPIPE_TESTS_FLOW_KIT_H

#include "agent/session.h"
#include "agent_stream.h"
#include "clock_fake.h"
#include "pipe_memory.h"
#include "sampler_fake.h"
#include "waiting_fake.h"

extern struct spipe_pipe flow_pipe;         /* the agent's end */
extern struct spipe_session *flow_session;  /* while it runs */

/* cmocka's setup and teardown. */
int flow_set_up(void **state);
int flow_tear_down(void **state);

/* The host's bytes: preface and configuration, a command, or a text. */
void flow_send_configuration(struct spipe_configuration configuration);
void flow_send_command(struct spipe_command command);
void flow_send_action(uint32_t command_id, enum spipe_action action);

/* Connects and begins. Fails the test when there is no session. */
void flow_begin(void);

/* flow_send_configuration() and flow_begin(), with the smallest outbox and 10 ms periods. */
void flow_begin_plainly(void);

/* The same with a wall clock of 20 ms. */
void flow_begin_with_wall_clock(void);

/* One round of the pump. False when the session is over. */
bool flow_round(void);

/* The host closes its side; the session ends. */
void flow_finish(void);

/* Reads and checks all that was written so far. */
const struct agent_stream *flow_read(void);

/* The slot of this thread, which the pump has found. */
struct spipe_slot *flow_own_slot(void);

/* An address in another library's code: the `index`-th of many. */
uint64_t flow_address(uint32_t index);

/* A sample with a stack of `depth` frames: the `leaf`-th address, and as its callers those that follow. False when the
 * ring was full. */
bool flow_sample(struct spipe_slot *slot, uint32_t leaf, uint32_t depth, uint32_t weight);

#endif
