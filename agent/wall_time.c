/* SPDX-License-Identifier: MIT */
#include "wall_time.h"

static unsigned most_owed(const struct spipe_wall_time *time)
{
    unsigned most = 0;
    for (unsigned state = 1; state < SPIPE_WALL_STATES; state++) {
        if (time->owed_ns[state] > time->owed_ns[most])
            most = state;
    }
    return most;
}

static void give(struct spipe_wall_time *time, unsigned state, uint64_t periods, uint64_t period_ns)
{
    time->waiting[state] += periods;
    time->periods += periods;
    time->owed_ns[state] -= (int64_t)(periods * period_ns);
}

/* All but a few of many at once; a state that has got too much before has to wait for the others. */
static uint64_t give_most(struct spipe_wall_time *time, uint64_t count, uint64_t period_ns)
{
    uint64_t left = count;
    for (unsigned state = 0; state < SPIPE_WALL_STATES; state++) {
        uint64_t due = time->owed_ns[state] > 0 ? (uint64_t)time->owed_ns[state] / period_ns : 0;
        uint64_t periods = due > SPIPE_WALL_STATES ? due - SPIPE_WALL_STATES : 0;
        if (periods > left)
            periods = left;
        give(time, state, periods, period_ns);
        left -= periods;
    }
    return left;
}

void spipe_wall_time_add(struct spipe_wall_time *time, uint64_t period_ns, const int64_t *passed_ns)
{
    for (unsigned state = 0; state < SPIPE_WALL_STATES; state++) {
        time->owed_ns[state] += passed_ns[state];
        time->carry_ns += (uint64_t)passed_ns[state];
    }
    uint64_t left = give_most(time, time->carry_ns / period_ns, period_ns);
    time->carry_ns %= period_ns;
    for (; left > 0; left--)
        give(time, most_owed(time), 1, period_ns);
}

uint32_t spipe_wall_time_take(struct spipe_wall_time *time, enum spipe_state state)
{
    uint64_t periods = time->waiting[state] < UINT32_MAX ? time->waiting[state] : UINT32_MAX;
    time->waiting[state] -= periods;
    return (uint32_t)periods;
}
