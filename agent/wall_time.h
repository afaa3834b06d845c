/* SPDX-License-Identifier: MIT */
/*
 * Elapsed time into whole periods, by state.
 *
 * All that passes becomes periods, and what is below one is carried. Which state a period is given to follows from what
 * has passed in each: none is ever a period ahead of its due or two behind it, and the sum is exact.
 */
#ifndef SPIPE_AGENT_WALL_TIME_H
#define SPIPE_AGENT_WALL_TIME_H

#include "protocol/record.h"

#define SPIPE_WALL_STATES 3u

struct spipe_wall_time {
    uint64_t carry_ns;                      /* of all time, what is below a period */
    int64_t owed_ns[SPIPE_WALL_STATES];     /* passed in the state, less the periods given to it */
    uint64_t waiting[SPIPE_WALL_STATES];    /* periods given and not taken yet */
    uint64_t periods;                       /* all that were given */
};

/* Adds what passed in each state, by enum spipe_state. One may be negative, when an earlier one was taken for another;
 * their sum may not. */
void spipe_wall_time_add(struct spipe_wall_time *time, uint64_t period_ns, const int64_t *passed_ns);

/* Takes the periods of a state out, at most as many as a weight holds. */
uint32_t spipe_wall_time_take(struct spipe_wall_time *time, enum spipe_state state);

#endif
