/* SPDX-License-Identifier: MIT */
/*
 * Threads in masses, that live for moments, that change their names, or that nobody waits for.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#define CREATORS    4
#define CROWD_MAX   2000
#define SMALL_STACK (64 * 1024)

static volatile uint32_t sink;
static _Atomic uint32_t total;

static unsigned number(int argc, char **argv, int index, unsigned usual)
{
    return index < argc ? (unsigned)atoi(argv[index]) : usual;
}

static pthread_attr_t *small_stacks(void)
{
    static pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, SMALL_STACK);
    return &attributes;
}

/* ---------------------------------------------------------------------------------------------- one after another */

static void *add_one(void *argument)
{
    atomic_fetch_add(&total, 1);
    return argument;
}

static void *create_short_ones(void *argument)
{
    for (unsigned i = 0; i < *(unsigned *)argument; i++) {
        pthread_t thread;
        void *result;
        if (pthread_create(&thread, NULL, add_one, argument) != 0 || pthread_join(thread, &result) != 0 ||
            result != argument)
            abort();
    }
    return NULL;
}

/* `argv[0]` threads that do nothing worth a word. */
static int run_short(int argc, char **argv)
{
    pthread_t creator[CREATORS];
    unsigned count = number(argc, argv, 0, 1000) / CREATORS;
    for (unsigned i = 0; i < CREATORS; i++)
        pthread_create(&creator[i], NULL, create_short_ones, &count);
    for (unsigned i = 0; i < CREATORS; i++)
        pthread_join(creator[i], NULL);
    printf("total %u\n", atomic_load(&total));
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- all at once */

static sem_t may_work;
static _Atomic unsigned waiting;
static uint64_t work_ns;

static void *wait_and_work(void *argument)
{
    atomic_fetch_add(&waiting, 1);
    sem_wait(&may_work);
    sink = burn_for(work_ns);
    return argument;
}

/* `argv[0]` threads, all of which are there before the first one works; then each works `argv[1]` ms. */
static int run_together(int argc, char **argv)
{
    static pthread_t thread[CROWD_MAX];
    unsigned count = number(argc, argv, 0, 100);
    work_ns = number(argc, argv, 1, 1) * MS;
    sem_init(&may_work, 0, 0);
    for (unsigned i = 0; i < count && i < CROWD_MAX; i++) {
        if (pthread_create(&thread[i], small_stacks(), wait_and_work, NULL) != 0)
            return 78;
    }
    while (atomic_load(&waiting) < count)
        usleep(1000);
    for (unsigned i = 0; i < count; i++)
        sem_post(&may_work);
    for (unsigned i = 0; i < count && i < CROWD_MAX; i++)
        pthread_join(thread[i], NULL);
    printf("threads %u\n", count);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- names */

static void *rename_often(void *argument)
{
    unsigned rounds = *(unsigned *)argument;
    char name[16];
    char found[16];
    for (unsigned i = 0; i < rounds; i++) {
        /* Bytes that are no text too. */
        snprintf(name, sizeof name, "%c%c \xc3 \n%u", 1 + (int)(i % 31), ')', i % 100000);
        pthread_setname_np(pthread_self(), name);
        pthread_getname_np(pthread_self(), found, sizeof found);
        if (strcmp(name, found) != 0)
            abort();
        if (i % 64 == 0)
            sink = burn_piece(i);
    }
    return NULL;
}

static int run_names(int argc, char **argv)
{
    pthread_t thread[8];
    unsigned rounds = number(argc, argv, 0, 1000);
    for (unsigned i = 0; i < 8; i++)
        pthread_create(&thread[i], NULL, rename_often, &rounds);
    for (unsigned i = 0; i < 8; i++)
        pthread_join(thread[i], NULL);
    printf("renamed\n");
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- detached */

static void *work_for_ever(void *argument)
{
    for (uint32_t i = 0;; i++)
        sink = burn_piece(i);
    return argument;
}

/* The program ends while `argv[0]` threads that nobody waits for work. */
static int run_detached(int argc, char **argv)
{
    unsigned count = number(argc, argv, 0, 50);
    pthread_attr_t *attributes = small_stacks();
    pthread_attr_setdetachstate(attributes, PTHREAD_CREATE_DETACHED);
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, attributes, work_for_ever, NULL) != 0)
            return 78;
    }
    sink = burn_for(100 * MS);
    printf("detached %u\n", count);
    return 5;
}

static const struct verb verbs[] = {
    {"short", run_short},
    {"together", run_together},
    {"names", run_names},
    {"detached", run_detached},
};

VERBS_MAIN(verbs)
