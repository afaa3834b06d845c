/* SPDX-License-Identifier: MIT */
#include "backoff.h"

void spipe_backoff_init(struct spipe_backoff *backoff, uint64_t seed)
{
    backoff->random = seed | 1u;
    spipe_backoff_reset(backoff);
}

void spipe_backoff_reset(struct spipe_backoff *backoff)
{
    backoff->longest_ms = SPIPE_BACKOFF_FIRST_MS;
}

/* Marsaglia's xorshift: good enough to be out of step. */
static uint64_t next_random(struct spipe_backoff *backoff)
{
    uint64_t random = backoff->random;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    backoff->random = random;
    return random >> 16;
}

uint32_t spipe_backoff_next_ms(struct spipe_backoff *backoff)
{
    uint32_t half_ms = backoff->longest_ms / 2;
    uint32_t pause_ms = half_ms + (uint32_t)(next_random(backoff) % (half_ms + 1));
    backoff->longest_ms *= 2;
    if (backoff->longest_ms > SPIPE_BACKOFF_LAST_MS)
        backoff->longest_ms = SPIPE_BACKOFF_LAST_MS;
    return pause_ms;
}
