/* SPDX-License-Identifier: MIT */
/*
 * Ends of a program that has threads and handlers of its own; the usual ones are in ../promises/endings.c.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define WORKERS 3

static volatile uint32_t sink;

static void *work_for_ever(void *argument)
{
    (void)argument;
    for (;;)
        sink = burn_piece(sink);
    return NULL;
}

static void begin(void)
{
    sink = burn_for(80 * MS);
    printf("worked\n");
    fflush(stdout);
}

static void start_workers(void)
{
    pthread_t worker;
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&worker, NULL, work_for_ever, NULL);
    begin();
}

static void *exit_in_thread(void *argument)
{
    (void)argument;
    exit(41);
}

static int exit_among_threads(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    (void)argv;
    start_workers();
    pthread_create(&thread, NULL, exit_in_thread, NULL);
    pthread_join(thread, NULL);
    return 1;
}

static int return_among_threads(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    start_workers();
    return 42;
}

static void exit_in_handler(int number)
{
    (void)number;
    exit(43);
}

static int exit_in_signal_handler(int argc, char **argv)
{
    struct itimerval soon = {{0, 0}, {0, 20000}};
    (void)argc;
    (void)argv;
    begin();
    signal(SIGALRM, exit_in_handler);
    setitimer(ITIMER_REAL, &soon, NULL);
    work_for_ever(NULL);
    return 1;
}

static void leave_at_once(void)
{
    _exit(44);
}

static int exit_in_exit_handler(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    atexit(leave_at_once);
    begin();
    return 1;
}

static int abort_among_threads(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    start_workers();
    abort();
}

static int die_by_tgkill(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    start_workers();
    syscall(SYS_tgkill, getpid(), gettid(), SIGTERM);
    pause();
    return 1;
}

static int exit_by_last_thread(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    begin();
    syscall(SYS_exit, 45);
    return 1;
}

static const struct verb verbs[] = {
    {"exit-among-threads", exit_among_threads},
    {"return-among-threads", return_among_threads},
    {"exit-in-handler", exit_in_signal_handler},
    {"exit-in-atexit", exit_in_exit_handler},
    {"abort-among-threads", abort_among_threads},
    {"tgkill", die_by_tgkill},
    {"last-thread", exit_by_last_thread},
};

VERBS_MAIN(verbs)
