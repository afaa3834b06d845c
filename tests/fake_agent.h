/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of the pipe without an agent: for tests of what hosts the pipe.
 *
 * It says what it is told to say. Functions return 0 or a status; nothing waits longer than some seconds.
 */
#ifndef SPIPE_TESTS_FAKE_AGENT_H
#define SPIPE_TESTS_FAKE_AGENT_H

#include "protocol/pipe.h"
#include "protocol/record.h"

struct fake_agent {
    struct spipe_pipe pipe;
    uint64_t sent_bytes;
    uint64_t samples;
};

/* Connects to an endpoint as STACKPIPE_ENDPOINT holds it. */
int fake_agent_connect(struct fake_agent *agent, const char *endpoint);

/* Waits for the preface and the configuration. Texts of the configuration are valid until the next call. */
int fake_agent_read_configuration(struct fake_agent *agent, struct spipe_configuration *ret_configuration);

/* True when the other side has sent something that was not read, or has hung up, within `timeout_ms`. */
bool fake_agent_is_readable(struct fake_agent *agent, uint32_t timeout_ms);

int fake_agent_send_raw(struct fake_agent *agent, const void *bytes, size_t len);
int fake_agent_send(struct fake_agent *agent, const struct spipe_record *record);

/* The preface, Hello and Applied, then a thread, an image, a frame and a stack, so that samples may follow. */
int fake_agent_send_opening(struct fake_agent *agent);

/* `count` CPU samples of 10 ms each, one after another. */
int fake_agent_send_samples(struct fake_agent *agent, uint32_t count);

/* A ledger that closes for what was sent, and Goodbye. */
int fake_agent_send_ending(struct fake_agent *agent, enum spipe_goodbye_reason reason);

int fake_agent_send_refusal(struct fake_agent *agent, const char *text);

/* Waits until the other side has closed, and closes. */
void fake_agent_finish(struct fake_agent *agent);

#endif
