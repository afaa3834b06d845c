/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "taker.h"

#include <sys/time.h>

struct taker taker;

static void tick(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_KERNEL)
        taker.ticks++;
    else
        taker.strange++;
}

static void set_timer(long interval_us)
{
    struct itimerval value = {{0, interval_us}, {0, interval_us}};
    setitimer(ITIMER_PROF, &value, NULL);
}

__attribute__((constructor)) static void come(void)
{
    struct sigaction action = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGPROF, &action, NULL);
    set_timer(10000);
}

__attribute__((destructor)) static void go(void)
{
    set_timer(0);
    signal(SIGPROF, SIG_IGN);
}
