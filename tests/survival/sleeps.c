/* SPDX-License-Identifier: MIT */
/*
 * Works a little and sleeps a little, many times, in each of the calls that a signal can cut short. Prints what came
 * back: all of it is the same when nobody sends signals.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROUNDS   100
#define WORK_NS  (300 * 1000)
#define SLEEP_NS (1000 * 1000)

static volatile uint32_t sink;

/* One sleep: what it returned, with errno where that is negative. */
typedef long sleep_call(void);

/* Sleeps until all rounds came back as they should; others are counted by what they were. */
static int sleep_often(sleep_call *call, long wanted, int wanted_errno)
{
    unsigned interrupted = 0;
    unsigned strange = 0;
    for (unsigned done = 0; done < ROUNDS;) {
        sink = burn_for(WORK_NS);
        long result = call();
        if (result == wanted && (result >= 0 || errno == wanted_errno))
            done++;
        else if (result < 0 && errno == EINTR)
            interrupted++;
        else
            strange++;
    }
    printf("interrupted %u\nstrange %u\n", interrupted, strange);
    return 0;
}

static long call_nanosleep(void)
{
    struct timespec time = {0, SLEEP_NS};
    return nanosleep(&time, NULL);
}

static int sleep_in_nanosleep(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return sleep_often(call_nanosleep, 0, 0);
}

static const struct verb verbs[] = {
    {"nanosleep", sleep_in_nanosleep},
};

VERBS_MAIN(verbs)
