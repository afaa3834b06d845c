/* SPDX-License-Identifier: MIT */
/* Threads that share out a fixed amount of work, each piece below calls of its own:  work_threads THREADS PIECES */
#include "frames.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 256
#define PIECE_STEPS 60000u

static _Atomic long left;
static _Atomic uint32_t total;

static void work(void *seed)
{
    uint32_t value = *(uint32_t *)seed;
    for (unsigned step = 0; step < PIECE_STEPS; step++)
        value = value * 1664525u + 1013904223u + (value >> 16);
    *(uint32_t *)seed = value;
}

static void *run(void *unused)
{
    long piece;
    (void)unused;
    while ((piece = atomic_fetch_sub(&left, 1)) > 0) {
        uint32_t seed = (uint32_t)piece;
        frames_descend(12, (uint64_t)piece % 5, work, &seed);
        atomic_fetch_add(&total, seed);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS_MAX];
    int count = argc == 3 ? atoi(argv[1]) : 0;
    if (count < 1 || count > THREADS_MAX) {
        fprintf(stderr, "usage: work_threads THREADS PIECES\n");
        return 2;
    }
    atomic_store(&left, atol(argv[2]));
    for (int i = 0; i < count; i++) {
        if (pthread_create(&thread[i], NULL, run, NULL) != 0)
            return 1;
    }
    for (int i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
    printf("%u\n", atomic_load(&total));
    return 0;
}
