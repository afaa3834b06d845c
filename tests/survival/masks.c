/* SPDX-License-Identifier: MIT */
/*
 * Programs that block signals, wait for them, and read them from descriptors: they find those that they have sent
 * themselves, and no others.
 */
#define _GNU_SOURCE
#include "parts.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SIGNALS 200
#define CHURNS  5000

static volatile uint32_t sink;
static _Atomic int own_count;
static sigset_t all;

static void count_own(int number)
{
    (void)number;
    own_count++;
}

static void block_all(void)
{
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

/* ------------------------------------------------------------------------------------------------------- waiting */

/* What a waiting thread has got: numbers, order, and others. */
struct receipt {
    int count;
    int wrong;
    int (*receive)(int *ret_value);
};

static int receive_by_info(int *ret_value)
{
    siginfo_t info;
    int number = sigwaitinfo(&all, &info);
    *ret_value = info.si_value.sival_int;
    return number;
}

static int receive_by_timed(int *ret_value)
{
    siginfo_t info;
    struct timespec patience = {20, 0};
    int number = sigtimedwait(&all, &info, &patience);
    *ret_value = info.si_value.sival_int;
    return number;
}

/* This one says nothing of values. */
static int receive_by_wait(int *ret_value)
{
    int number;
    *ret_value = -1;
    return sigwait(&all, &number) == 0 ? number : -1;
}

static int descriptor;

static int receive_by_descriptor(int *ret_value)
{
    struct signalfd_siginfo info;
    if (read(descriptor, &info, sizeof info) != sizeof info)
        return -1;
    *ret_value = info.ssi_int;
    return (int)info.ssi_signo;
}

/* Works with all signals blocked between one and the next, so that others' signals would be waiting. */
static void *receive_all(void *argument)
{
    struct receipt *receipt = argument;
    block_all();
    for (; receipt->count < SIGNALS; receipt->count++) {
        int value;
        sink = burn_piece(sink);
        int number = receipt->receive(&value);
        receipt->wrong += number != SIGRTMIN || (value != -1 && value != receipt->count);
    }
    return NULL;
}

/* They are sent faster than they are taken, and queue in their order. */
static int wait_by(int (*receive)(int *ret_value))
{
    struct receipt receipt = {0, 0, receive};
    pthread_t thread;
    block_all();
    pthread_create(&thread, NULL, receive_all, &receipt);
    for (int i = 0; i < SIGNALS; i++) {
        pthread_sigqueue(thread, SIGRTMIN, (union sigval){.sival_int = i});
        sink = burn_piece(sink);
    }
    pthread_join(thread, NULL);
    printf("received %d\nwrong %d\n", receipt.count, receipt.wrong);
    return 0;
}

static int wait_by_info(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return wait_by(receive_by_info);
}

static int wait_by_timed(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return wait_by(receive_by_timed);
}

static int wait_by_wait(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return wait_by(receive_by_wait);
}

static int wait_by_descriptor(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(30 * MS);
    sigfillset(&all);
    descriptor = signalfd(-1, &all, SFD_CLOEXEC);
    return wait_by(receive_by_descriptor);
}

/* A descriptor for the signal that profilers use, and all others: it gives what the program has sent, no more. */
static int read_own_sigprof(int argc, char **argv)
{
    struct signalfd_siginfo info;
    int got = 0;
    int wrong = 0;
    (void)argc;
    (void)argv;
    sink = burn_for(30 * MS);
    block_all();
    sink = burn_for(50 * MS);
    descriptor = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    for (int i = 0; i < SIGNALS; i++) {
        raise(SIGPROF);
        sink = burn_piece(sink);
        for (; read(descriptor, &info, sizeof info) == sizeof info; got++)
            wrong += info.ssi_signo != SIGPROF || info.ssi_code != SI_TKILL;
    }
    printf("got %d\nwrong %d\n", got, wrong);
    return 0;
}

/* -------------------------------------------------------------------------------------------------------- blocking */

static int count_pending(void)
{
    sigset_t pending;
    int count = 0;
    sigpending(&pending);
    for (int number = 1; number <= SIGRTMAX; number++)
        count += sigismember(&pending, number) == 1;
    return count;
}

static void *work_blocked(void *unused)
{
    int pending = 0;
    (void)unused;
    block_all();
    for (int i = 0; i < 10; i++) {
        sink = burn_for(3 * MS);
        pending += count_pending();
    }
    own_count += pending;
    return NULL;
}

static int block_in_threads(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    run_in_threads(work_blocked);
    sink = burn_for(20 * MS);
    printf("pending %d\n", own_count);
    return 0;
}

/* From the start, so that all threads inherit it. */
static int block_in_program(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    block_all();
    run_in_threads(work_blocked);
    (void)work_blocked(NULL);
    raise(SIGUSR1);
    printf("pending %d, then %d\n", own_count, count_pending());
    return 0;
}

/* Each own signal comes exactly when it is let in. */
static void *churn(void *unused)
{
    int wrong = 0;
    sigset_t before;
    sigset_t now;
    (void)unused;
    for (int i = 0; i < CHURNS; i++) {
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (i % 16 == 0)
            raise(SIGUSR1);
        sink = sink * 1664525u + 1013904223u;
        wrong += count_pending() != (i % 16 == 0);
        pthread_sigmask(SIG_SETMASK, &before, &now);
        wrong += sigismember(&before, SIGPROF) != 0 || sigismember(&now, SIGPROF) != 1;
    }
    printf("wrong %d\n", wrong);
    return NULL;
}

static int churn_masks(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sigfillset(&all);
    signal(SIGUSR1, count_own);
    run_in_threads(churn);
    printf("own %d\n", own_count);
    return 0;
}

static const struct verb verbs[] = {
    {"wait-by-info", wait_by_info},         {"wait-by-timed", wait_by_timed},
    {"wait-by-wait", wait_by_wait},         {"wait-by-descriptor", wait_by_descriptor},
    {"read-own-sigprof", read_own_sigprof}, {"block-in-threads", block_in_threads},
    {"block-in-program", block_in_program}, {"churn", churn_masks},
};

VERBS_MAIN(verbs)
