/* SPDX-License-Identifier: MIT */
/*
 * Many threads, of all lives.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

#define MANY_MAX 1000
#define CREATORS 4

static volatile uint32_t sink;

static void *work_for(void *argument)
{
    sink = burn_for(*(uint64_t *)argument);
    return NULL;
}

/* `argv[0]` threads at once, each of which works `argv[1]` ms. */
static int run_many(int argc, char **argv)
{
    static pthread_t thread[MANY_MAX];
    unsigned count = argc > 0 ? (unsigned)atoi(argv[0]) : 200;
    uint64_t work_ns = (argc > 1 ? (uint64_t)atoi(argv[1]) : 5) * MS;
    for (unsigned i = 0; i < count && i < MANY_MAX; i++) {
        if (pthread_create(&thread[i], NULL, work_for, &work_ns) != 0)
            return 78;
    }
    for (unsigned i = 0; i < count && i < MANY_MAX; i++)
        pthread_join(thread[i], NULL);
    printf("%u threads\n", count);
    return 0;
}

struct storm {
    unsigned count;
    uint64_t work_ns;
};

static void *create_one_after_another(void *argument)
{
    const struct storm *storm = argument;
    uint64_t work_ns = storm->work_ns;
    for (unsigned i = 0; i < storm->count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work_for, &work_ns) != 0)
            abort();
        pthread_join(thread, NULL);
    }
    return NULL;
}

/* `argv[0]` threads in all, a few at a time, each of which works `argv[1]` us. */
static int run_storm(int argc, char **argv)
{
    pthread_t creator[CREATORS];
    unsigned count = argc > 0 ? (unsigned)atoi(argv[0]) : 2000;
    struct storm storm = {count / CREATORS, (argc > 1 ? (uint64_t)atoi(argv[1]) : 500) * 1000};
    for (unsigned i = 0; i < CREATORS; i++)
        pthread_create(&creator[i], NULL, create_one_after_another, &storm);
    for (unsigned i = 0; i < CREATORS; i++)
        pthread_join(creator[i], NULL);
    printf("%u threads\n", count);
    return 0;
}

/* Blocks all signals, as threads do that leave them to another one, and works. */
static void *work_blocked(void *argument)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    return work_for(argument);
}

static int run_blocked(int argc, char **argv)
{
    pthread_t thread;
    uint64_t work_ns = 1600 * MS;
    (void)argc;
    (void)argv;
    pthread_create(&thread, NULL, work_blocked, &work_ns);
    pthread_join(thread, NULL);
    printf("blocked\n");
    return 0;
}

static sem_t may_end;

static void *wait_on_small_stack(void *argument)
{
    (void)argument;
    sem_wait(&may_end);
    return NULL;
}

/* Threads with the smallest stacks there are, and those that end by other means. */
static void *end_by_exit(void *argument)
{
    (void)work_for(argument);
    pthread_exit(NULL);
}

static void *end_by_cancel(void *argument)
{
    (void)work_for(argument);
    for (;;)
        pause();
    return NULL;
}

static int run_ends(int argc, char **argv)
{
    pthread_t small;
    pthread_t thread[2];
    pthread_attr_t attributes;
    uint64_t work_ns = 60 * MS;
    void *result = NULL;
    (void)argc;
    (void)argv;
    sem_init(&may_end, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN));
    pthread_create(&small, &attributes, wait_on_small_stack, NULL);
    pthread_create(&thread[0], NULL, end_by_exit, &work_ns);
    pthread_create(&thread[1], NULL, end_by_cancel, &work_ns);
    pthread_join(thread[0], NULL);
    sink = burn_for(100 * MS);
    pthread_cancel(thread[1]);
    pthread_join(thread[1], &result);
    sem_post(&may_end);
    pthread_join(small, NULL);
    printf("cancelled %d\n", result == PTHREAD_CANCELED);
    return 0;
}

/* How much of the process is in memory, while 200 threads work: "resident KIB". */
static int show_memory(int argc, char **argv)
{
    static pthread_t thread[200];
    uint64_t work_ns = 5 * MS;
    char line[256];
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 200; i++)
        pthread_create(&thread[i], NULL, work_for, &work_ns);
    for (unsigned i = 0; i < 200; i++)
        pthread_join(thread[i], NULL);
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0)
            printf("resident %ld\n", atol(line + 6));
        if (strncmp(line, "VmSize:", 7) == 0)
            printf("mapped %ld\n", atol(line + 7));
    }
    if (status != NULL)
        fclose(status);
    return 0;
}

static const struct verb verbs[] = {
    {"many", run_many}, {"storm", run_storm}, {"blocked", run_blocked}, {"ends", run_ends}, {"memory", show_memory},
};

VERBS_MAIN(verbs)
