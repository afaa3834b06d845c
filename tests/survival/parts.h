/* SPDX-License-Identifier: MIT */
/*
 * What several target programs of the survival list do.
 */
#ifndef SPIPE_TESTS_SURVIVAL_PARTS_H
#define SPIPE_TESTS_SURVIVAL_PARTS_H

#include "../promises/verbs.h"

#include <pthread.h>

#define PARTS_THREADS 3

/* Runs it in some threads at once, to their ends. */
static inline void run_in_threads(void *(*run)(void *))
{
    pthread_t thread[PARTS_THREADS];
    for (int i = 0; i < PARTS_THREADS; i++)
        pthread_create(&thread[i], NULL, run, NULL);
    for (int i = 0; i < PARTS_THREADS; i++)
        pthread_join(thread[i], NULL);
}

/* Takes two kilobytes of stack more each time, and works a little, until there is none. */
static __attribute__((noinline, unused)) uint32_t recurse_without_end(uint32_t seed)
{
    volatile unsigned char room[2048];
    room[seed % sizeof room] = (unsigned char)(seed % 64 == 0 ? burn_piece(seed) : seed);
    if (seed == UINT32_MAX)
        return 0; /* never so deep */
    return recurse_without_end(seed + 1) + room[seed % sizeof room];
}

#endif
