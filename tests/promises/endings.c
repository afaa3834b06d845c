/* SPDX-License-Identifier: MIT */
/*
 * Works a little, then ends in the way that the first argument names.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORK_NS (150 * MS)

static volatile uint32_t sink;

static void begin(void)
{
    sink = burn_for(WORK_NS);
    printf("worked\n");
    fflush(stdout);
}

static int end_by_return(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    begin();
    return 11;
}

static void say_goodbye(void)
{
    printf("exit handler\n");
    fflush(stdout);
}

static int end_by_exit(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    atexit(say_goodbye);
    begin();
    exit(12);
}

static int end_by_underscore_exit(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    begin();
    _exit(13);
}

static int end_by_capital_exit(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    begin();
    _Exit(14);
}

static int end_by_quick_exit(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    at_quick_exit(say_goodbye);
    begin();
    quick_exit(15);
}

static int end_by_system_call(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    begin();
    syscall(SYS_exit_group, 16);
    return 1;
}

static int end_by_pthread_exit(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    atexit(say_goodbye);
    begin();
    pthread_exit(NULL);
    return 1;
}

static void *outlive(void *argument)
{
    (void)argument;
    sink = burn_for(3 * WORK_NS);
    printf("outlived main\n");
    return NULL;
}

static int end_after_main(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    (void)argv;
    pthread_create(&thread, NULL, outlive, NULL);
    begin();
    pthread_exit(NULL);
    return 1;
}

static void *exit_from_thread(void *argument)
{
    (void)argument;
    begin();
    exit(17);
}

static int end_by_thread(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    (void)argv;
    pthread_create(&thread, NULL, exit_from_thread, NULL);
    pthread_join(thread, NULL);
    return 1;
}

static void touch_nothing(void)
{
    static int *volatile nothing;
    *nothing = 1;
}

static int end_by_signal(int argc, char **argv)
{
    struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};
    int number = argc > 0 ? atoi(argv[0]) : SIGTERM;
    begin();
    if (getrlimit(RLIMIT_CORE, &core) == 0) {
        core.rlim_cur = core.rlim_max;
        setrlimit(RLIMIT_CORE, &core);
    }
    if (number == SIGABRT)
        abort();
    if (number == SIGSEGV)
        touch_nothing();
    kill(getpid(), number);
    pause();
    return 1;
}

/* A handler of its own for the fault, which goes on behind it. */
static void exit_from_handler(int number)
{
    _exit(100 + number);
}

static int end_in_handler(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    begin();
    signal(SIGSEGV, exit_from_handler);
    touch_nothing();
    return 1;
}

/* Writes to a pipe that nobody reads, as a program in front of `head` does. */
static int end_by_pipe(int argc, char **argv)
{
    int ends[2];
    (void)argc;
    (void)argv;
    begin();
    if (pipe(ends) < 0)
        return 1;
    close(ends[0]);
    (void)!write(ends[1], "x", 1);
    return 2;
}

/* Works on after the host is gone, and says what became of SIGPIPE. */
static int outlive_host(int argc, char **argv)
{
    struct sigaction action;
    (void)argc;
    (void)argv;
    sink = burn_for(500 * MS);
    sigaction(SIGPIPE, NULL, &action);
    printf("SIGPIPE is %s\n", action.sa_handler == SIG_DFL ? "as it was" : "changed");
    return 18;
}

static const struct verb verbs[] = {
    {"return", end_by_return},
    {"exit", end_by_exit},
    {"_exit", end_by_underscore_exit},
    {"_Exit", end_by_capital_exit},
    {"quick_exit", end_by_quick_exit},
    {"system-call", end_by_system_call},
    {"pthread_exit", end_by_pthread_exit},
    {"after-main", end_after_main},
    {"thread", end_by_thread},
    {"signal", end_by_signal},
    {"in-handler", end_in_handler},
    {"pipe", end_by_pipe},
    {"outlive-host", outlive_host},
};

VERBS_MAIN(verbs)
