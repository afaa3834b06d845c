/* SPDX-License-Identifier: MIT */
/*
 * Many threads.
 *
 *     threads together COUNT MILLISECONDS    all alive at once, each uses so much CPU time
 *     threads storm COUNT MILLISECONDS       20 at a time, each lives about so long and works a fifth of it
 *
 * Prints how many threads came to their end.
 */
#define _GNU_SOURCE
#include "burn.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORM_WIDTH 20

static uint64_t work_ns;
static uint64_t sleep_ns;
static pthread_barrier_t barrier;
static unsigned ended;          /* by all threads, atomically */
static volatile uint32_t sink;

static void sleep_for(uint64_t ns)
{
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

    while (nanosleep(&left, &left) != 0) {
    }
}

static void *run_together(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    sink = burn_for(work_ns);
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void *run_in_storm(void *unused)
{
    (void)unused;
    sink = burn_for(work_ns);
    sleep_for(sleep_ns);
    __atomic_fetch_add(&ended, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* Starts `count` threads and waits for them all. */
static void run_threads(unsigned count, void *(*function)(void *))
{
    pthread_t *thread = calloc(count, sizeof *thread);

    for (unsigned i = 0; thread != NULL && i < count; i++) {
        if (pthread_create(&thread[i], NULL, function, NULL) != 0) {
            fprintf(stderr, "threads: thread %u cannot be made\n", i);
            exit(1);
        }
    }
    for (unsigned i = 0; thread != NULL && i < count; i++) {
        pthread_join(thread[i], NULL);
    }
    free(thread);
}

int main(int argc, char **argv)
{
    unsigned count = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    uint64_t life_ns = argc == 4 ? strtoull(argv[3], NULL, 10) * 1000000u : 0;

    if (count > 0 && strcmp(argv[1], "together") == 0) {
        work_ns = life_ns;
        pthread_barrier_init(&barrier, NULL, count);
        run_threads(count, run_together);
    } else if (count > 0 && strcmp(argv[1], "storm") == 0) {
        work_ns = life_ns / 5;
        sleep_ns = life_ns - work_ns;
        for (unsigned left = count; left > 0;) {
            unsigned batch = left < STORM_WIDTH ? left : STORM_WIDTH;

            run_threads(batch, run_in_storm);
            left -= batch;
        }
    } else {
        fprintf(stderr, "usage: threads together|storm COUNT MILLISECONDS\n");
        return 2;
    }
    printf("%u threads ended\n", ended);
    return 0;
}
