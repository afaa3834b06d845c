/* SPDX-License-Identifier: MIT */
/*
 * Programs that work for a while and die by a fault of their own.
 */
#define _GNU_SOURCE
#include "parts.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORK_NS (60 * MS)

static volatile uint32_t sink;
static volatile char *volatile nowhere;
static pthread_barrier_t together;

static void work(void)
{
    sink = burn_for(WORK_NS);
    (void)!write(1, "worked\n", 7);
}

static void fault(void)
{
    *nowhere = 1;
}

static void *work_and_fault(void *unused)
{
    (void)unused;
    work();
    fault();
    return NULL;
}

static int fault_in_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)work_and_fault(NULL);
    return 0;
}

static void *work_on(void *unused)
{
    (void)unused;
    for (;;)
        sink = burn_piece(sink);
    return NULL;
}

static int fault_in_thread(int argc, char **argv)
{
    pthread_t thread[2];
    (void)argc;
    (void)argv;
    pthread_create(&thread[0], NULL, work_on, NULL);
    pthread_create(&thread[1], NULL, work_and_fault, NULL);
    pthread_join(thread[1], NULL);
    return 0;
}

static void fault_in_turn(int number)
{
    (void)number;
    work();
    fault();
}

static int fault_in_handler(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    signal(SIGUSR1, fault_in_turn);
    work();
    raise(SIGUSR1);
    return 0;
}

/* Its handler for faults makes one itself. */
static int fault_twice(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    signal(SIGSEGV, fault_in_turn);
    work();
    fault();
    return 0;
}

static void *fault_together(void *unused)
{
    (void)unused;
    sink = burn_for(WORK_NS);
    pthread_barrier_wait(&together);
    fault();
    return NULL;
}

static int fault_in_two_threads(int argc, char **argv)
{
    pthread_t thread[2];
    (void)argc;
    (void)argv;
    pthread_barrier_init(&together, NULL, 2);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, fault_together, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

static void *work_and_abort(void *unused)
{
    (void)unused;
    work();
    abort();
    return NULL;
}

static int abort_in_thread(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    (void)argv;
    pthread_create(&thread, NULL, work_and_abort, NULL);
    pthread_join(thread, NULL);
    return 0;
}

static int trap(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    work();
    __builtin_trap();
}

static int divide(int argc, char **argv)
{
    volatile int zero = argc > 100;
    volatile int some = 7;
    (void)argv;
    work();
    return some / zero;
}

/* Memory of a file that has become shorter. */
static int lose_file(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int file = memfd_create("short", 0);
    if (file < 0 || ftruncate(file, 4096) < 0)
        return 98;
    nowhere = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (ftruncate(file, 0) < 0)
        return 98;
    work();
    fault();
    return 0;
}

static int overflow(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    work();
    return (int)recurse_without_end(1);
}

static const struct verb verbs[] = {
    {"main", fault_in_main},
    {"thread", fault_in_thread},
    {"handler", fault_in_handler},
    {"twice", fault_twice},
    {"two-threads", fault_in_two_threads},
    {"abort", abort_in_thread},
    {"trap", trap},
    {"divide", divide},
    {"lost-file", lose_file},
    {"overflow", overflow},
};

VERBS_MAIN(verbs)
