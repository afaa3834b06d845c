/* SPDX-License-Identifier: MIT */
/*
 * Programs for company: with other allocators and profilers in the process, or one that comes and goes.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include "taker.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#define THREADS 4
#define BLOCKS  64
#define ROUNDS  4000u
#define TICKS   10

static volatile uint32_t sink;

/* Allocates, grows and frees all the time, and looks whether what it wrote is still there. */
static void *allocate(void *argument)
{
    static __thread unsigned char *block[BLOCKS];
    static __thread size_t size[BLOCKS];
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    uint32_t wrong = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        seed = seed * 1664525u + 1013904223u;
        unsigned at = (seed >> 8) % BLOCKS;
        for (size_t i = 0; i < size[at]; i += 64)
            wrong += block[at][i] != (unsigned char)at;
        size[at] = 1 + (seed >> 14) % (round % 16 == 0 ? 200000 : 2000);
        if (round % 3 == 0) {
            block[at] = realloc(block[at], size[at]);
        } else {
            free(block[at]);
            block[at] = malloc(size[at]);
        }
        memset(block[at], (int)at, size[at]);
        if (round % 50 == 0)
            sink = burn_piece(seed);
    }
    for (unsigned at = 0; at < BLOCKS; at++)
        free(block[at]);
    return (void *)(uintptr_t)wrong;
}

static int allocate_in_threads(int argc, char **argv)
{
    pthread_t thread[THREADS];
    uintptr_t wrong = 0;
    (void)argc;
    (void)argv;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, allocate, (void *)(i + 1));
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(thread[i], &result);
        wrong += (uintptr_t)result;
    }
    printf("wrong %u\n", (unsigned)wrong);
    return 0;
}

static void *work_in_thread(void *unused)
{
    (void)unused;
    sink = burn_for(100 * MS);
    return NULL;
}

static int work(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    (void)argv;
    pthread_create(&thread, NULL, work_in_thread, NULL);
    sink = burn_for(100 * MS);
    pthread_join(thread, NULL);
    printf("worked\n");
    return 0;
}

/* Another profiler's library, whose path is the argument, comes twice, has its ticks each time, and goes. */
static int let_other_come(int argc, char **argv)
{
    if (argc < 1)
        return 99;
    for (int i = 0; i < 2; i++) {
        const struct taker *taker;
        sink = burn_for(30 * MS);
        void *library = dlopen(argv[0], RTLD_NOW);
        if (library == NULL)
            return 98;
        taker = dlsym(library, TAKER_SYMBOL);
        while (taker->ticks < TICKS)
            sink = burn_piece(sink);
        printf("ticked, strange %d\n", (int)taker->strange);
        dlclose(library);
    }
    sink = burn_for(30 * MS);
    printf("alone again\n");
    return 0;
}

static const struct verb verbs[] = {
    {"allocate", allocate_in_threads},
    {"work", work},
    {"other", let_other_come},
};

VERBS_MAIN(verbs)
