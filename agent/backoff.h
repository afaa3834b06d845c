/* SPDX-License-Identifier: MIT */
/*
 * How long to wait before the next attempt: each pause up to twice the one before, and each shortened at random by up to
 * a half, so that many agents that have lost the same host do not come back in step.
 */
#ifndef SPIPE_AGENT_BACKOFF_H
#define SPIPE_AGENT_BACKOFF_H

#include <stdint.h>

#define SPIPE_BACKOFF_FIRST_MS 100u
#define SPIPE_BACKOFF_LAST_MS 5000u

struct spipe_backoff {
    uint32_t longest_ms;    /* of the next pause */
    uint64_t random;
};

/* `seed` is any number that other processes do not have. */
void spipe_backoff_init(struct spipe_backoff *backoff, uint64_t seed);

/* Begins again with the shortest pause. */
void spipe_backoff_reset(struct spipe_backoff *backoff);

uint32_t spipe_backoff_next_ms(struct spipe_backoff *backoff);

#endif
