/* SPDX-License-Identifier: MIT */
/*
 * What a program may do with signals, and what it then expects to see of them.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile uint32_t sink;
static volatile sig_atomic_t own_count;
static volatile sig_atomic_t timer_count;
static volatile sig_atomic_t strange_count;
static volatile sig_atomic_t blocks_other;

static void note(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_USER || info->si_code == SI_TKILL)
        own_count++;
    else if (info->si_code == SI_KERNEL)
        timer_count++; /* setitimer()'s come from the kernel */
    else
        strange_count++;
}

static void note_simply(int number)
{
    sigset_t mask;
    (void)number;
    own_count++;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    blocks_other = sigismember(&mask, SIGUSR2);
}

static void print_disposition(const char *what, int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) < 0)
        return;
    const char *handler = action.sa_handler == SIG_DFL       ? "default"
                          : action.sa_handler == SIG_IGN     ? "ignored"
                          : action.sa_sigaction == note      ? "note"
                          : action.sa_handler == note_simply ? "note_simply"
                                                             : "something else";
    printf("%s: signal %d: %s, flags %#x, blocks SIGUSR2 %d, blocks itself %d\n", what, number, handler,
           (unsigned)action.sa_flags, sigismember(&action.sa_mask, SIGUSR2), sigismember(&action.sa_mask, number));
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(number, &action, NULL);
}

static void tick_every(long interval_us)
{
    struct itimerval value = {{0, interval_us}, {0, interval_us}};
    setitimer(ITIMER_PROF, &value, NULL);
}

static int show_all(int argc, char **argv)
{
    sigset_t mask;
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number == SIGPROF || number >= SIGRTMAX - 1)
            print_disposition("found", number);
    }
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (sigismember(&mask, number) == 1)
            printf("blocked: %d\n", number);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        print_disposition("child", SIGPROF);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}

static int die_by_own(int argc, char **argv)
{
    sink = burn_for(100 * MS);
    kill(getpid(), argc > 0 ? atoi(argv[0]) : SIGPROF);
    sink = burn_for(100 * MS);
    return 1;
}

/* Its own handler and its own timer, which it expects to tick once in ten milliseconds of CPU time. */
static int own_timer(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    install(SIGPROF, note, SA_SIGINFO | SA_RESTART);
    print_disposition("set", SIGPROF);
    for (int i = 0; i < 5; i++)
        kill(getpid(), SIGPROF);
    tick_every(10000);
    sink = burn_for(500 * MS);
    tick_every(0);
    print_disposition("still", SIGPROF);
    printf("own %d\nticks %d\nstrange %d\n", (int)own_count, (int)timer_count, (int)strange_count);
    return 3;
}

/* A timer without a handler ends the program. */
static int unhandled_timer(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    tick_every(50000);
    sink = burn_for(1000 * MS);
    return 3;
}

static int by_signal(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    printf("first: %s\n", signal(SIGPROF, note_simply) == SIG_DFL ? "default" : "something else");
    print_disposition("set", SIGPROF);
    printf("second: %s\n", signal(SIGPROF, SIG_IGN) == note_simply ? "note_simply" : "something else");
    kill(getpid(), SIGPROF);
    printf("third: %s\n", signal(SIGPROF, note_simply) == SIG_IGN ? "ignored" : "something else");
    for (int i = 0; i < 5; i++)
        kill(getpid(), SIGPROF);
    sink = burn_for(300 * MS);
    printf("own %d\n", (int)own_count);
    printf("fourth: %s\n", signal(SIGPROF, SIG_DFL) == note_simply ? "note_simply" : "something else");
    fflush(stdout);
    kill(getpid(), SIGPROF);
    return 1;
}

/* The other ways that libc has to set a handler. */
static int by_old_names(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    sighandler_t before = sysv_signal(SIGPROF, note_simply);
    printf("sysv_signal: %s\n", before == SIG_DFL ? "default" : "something else");
    print_disposition("set", SIGPROF);
    sink = burn_for(200 * MS);
    printf("own %d\n", (int)own_count);
    kill(getpid(), SIGPROF);
    printf("own %d\n", (int)own_count);
    print_disposition("once", SIGPROF);
    before = ssignal(SIGPROF, note_simply);
    printf("ssignal: %s\n", before == SIG_DFL ? "default" : "something else");
    sink = burn_for(200 * MS);
    printf("own %d\n", (int)own_count);
    return 0;
}

/* Masks, flags and one-time handlers. */
static int by_flags(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = note_simply, .sa_flags = (int)SA_RESETHAND};
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGPROF, &action, NULL);
    print_disposition("set", SIGPROF);
    kill(getpid(), SIGPROF);
    printf("own %d, SIGUSR2 was blocked %d\n", (int)own_count, (int)blocks_other);
    print_disposition("after", SIGPROF);
    fflush(stdout);
    kill(getpid(), SIGPROF);
    return 1;
}

/* What is ignored stays ignored in programs that are executed. */
static int ignored_by_child(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    signal(SIGPROF, SIG_IGN);
    return WEXITSTATUS(system("grep SigIgn /proc/self/status"));
}

/* Takes the signals that an agent might have gone to. */
static int take_all(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        install(number, note, SA_SIGINFO | SA_RESTART);
    install(SIGPROF, note, SA_SIGINFO | SA_RESTART);
    sink = burn_for(500 * MS);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        kill(getpid(), number);
    printf("own %d\nstrange %d\n", (int)own_count, (int)strange_count);
    return 0;
}

/* A timer of the program's own, by timer_create(), with SIGPROF and a value. */
static int posix_timer(int argc, char **argv)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF, .sigev_value = {.sival_int = 42}};
    struct itimerspec value = {{0, 10000000}, {0, 10000000}};
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    install(SIGPROF, note, SA_SIGINFO | SA_RESTART);
    timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer);
    timer_settime(timer, 0, &value, NULL);
    sink = burn_for(500 * MS);
    timer_delete(timer);
    printf("ticks %d\nown %d\n", (int)strange_count, (int)own_count);
    return 0;
}

/* Waits for whatever signal comes, after work with all of them blocked; another process sends SIGUSR1. */
static int wait_for_any(int argc, char **argv)
{
    sigset_t all;
    struct timespec patience = {1, 0};
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    sink = burn_for(200 * MS);
    pid_t child = fork();
    if (child == 0) {
        usleep(100000);
        kill(getppid(), SIGUSR1);
        _exit(0);
    }
    int number;
    do
        number = sigtimedwait(&all, NULL, &patience);
    while (number == SIGCHLD);
    printf("got %d\n", number);
    waitpid(child, NULL, 0);
    return 0;
}

static const struct verb verbs[] = {
    {"show-all", show_all},         {"die", die_by_own},
    {"own-timer", own_timer},       {"unhandled-timer", unhandled_timer},
    {"by-signal", by_signal},       {"by-old-names", by_old_names},
    {"by-flags", by_flags},         {"ignored-by-child", ignored_by_child},
    {"take-all", take_all},         {"posix-timer", posix_timer},
    {"wait-for-any", wait_for_any},
};

VERBS_MAIN(verbs)
