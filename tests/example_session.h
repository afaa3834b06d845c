/* SPDX-License-Identifier: MIT */
/*
 * The session that protocol/README.md shows byte by byte, as records.
 */
#ifndef SPIPE_TESTS_EXAMPLE_SESSION_H
#define SPIPE_TESTS_EXAMPLE_SESSION_H

#include "protocol/encode.h"

/* Appends all that the host sends, and all that the agent answers; fails the test when something cannot be encoded. */
void example_session_host_bytes(struct spipe_buffer *buffer);
void example_session_agent_bytes(struct spipe_buffer *buffer);

#endif
