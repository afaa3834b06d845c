/* SPDX-License-Identifier: MIT */
/*
 * A program that brings the agent along and starts it itself, when much has happened already.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include "agent/stackpipe.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <unistd.h>

#define EARLY 4

static volatile uint32_t sink;
static _Atomic int is_over;
static volatile sig_atomic_t strange_count;
static volatile sig_atomic_t own_count;

static void *work_until_over(void *argument)
{
    (void)argument;
    while (!is_over)
        sink = burn_for(2 * MS);
    return NULL;
}

/* Threads that were there before the agent started. */
static int early_threads(int argc, char **argv)
{
    pthread_t thread[EARLY];
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < EARLY; i++)
        pthread_create(&thread[i], NULL, work_until_over, NULL);
    sink = burn_for(20 * MS);
    printf("start %d\n", spipe_start(getenv("PROMISE_ENDPOINT")));
    printf("again %d\n", spipe_start(getenv("PROMISE_ENDPOINT")));
    spipe_mark("begun");
    sink = burn_for(150 * MS);
    is_over = 1;
    for (unsigned i = 0; i < EARLY; i++)
        pthread_join(thread[i], NULL);
    spipe_stop();
    return 0;
}

static void note(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_USER)
        own_count++;
    else if (info->si_code != SI_KERNEL)
        strange_count++;
}

/* A handler for SIGPROF and its timer were there before. */
static int early_handler(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction found;
    (void)argc;
    (void)argv;
    sigaction(SIGPROF, &action, NULL);
    if (spipe_start(getenv("PROMISE_ENDPOINT")) != 0)
        return 78;
    sink = burn_for(300 * MS);
    kill(getpid(), SIGPROF);
    sigaction(SIGPROF, NULL, &found);
    printf("own %d\nstrange %d\nkept %d\n", (int)own_count, (int)strange_count, found.sa_sigaction == note);
    return 0;
}

/* Only a timer was there: without a handler its signal would end the program, as it should. */
static int early_timer(int argc, char **argv)
{
    struct itimerval value = {{0, 0}, {0, 200000}};
    (void)argc;
    (void)argv;
    setitimer(ITIMER_PROF, &value, NULL);
    if (spipe_start(getenv("PROMISE_ENDPOINT")) != 0)
        return 78;
    sink = burn_for(1000 * MS);
    return 79;
}

/* In a set-uid program the environment is not believed. */
static int say_secure(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("secure %d\n", getauxval(AT_SECURE) != 0);
    printf("start %d\n", spipe_start(NULL));
    sink = burn_for(50 * MS);
    return 0;
}

static const struct verb verbs[] = {
    {"early-threads", early_threads},
    {"early-handler", early_handler},
    {"early-timer", early_timer},
    {"secure", say_secure},
};

VERBS_MAIN(verbs)
