/* SPDX-License-Identifier: MIT */
/*
 * Threads that do nothing but small, equal pieces of work, and time each of them: what a piece takes beyond its usual
 * time, less the time that the thread waited for a CPU, is a delay that somebody else has put into it.
 *
 *     quanta THREADS SECONDS
 *
 * Time on the run queue is the kernel's count in /proc/thread-self/schedstat. Interrupts, and what the machine below a
 * virtual one takes, remain in the figures: they are to be compared with those of a run without the suspect.
 */
#define _GNU_SOURCE
#include "burn.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 64
#define STEPS       10000 /* some 20 us */
#define LEARNING    2000  /* pieces that say what is usual */
#define BUCKETS     20    /* powers of two of a microsecond */

struct worker {
    pthread_t thread;
    uint64_t usual_ns;
    uint64_t pieces;
    uint64_t longest_ns;      /* delay */
    uint64_t longest_idle_ns; /* the part of it in which the thread did not run either */
    uint64_t bucket[BUCKETS]; /* delays by length */
};

/* The state at the end of a piece. */
struct moment {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t queued_ns;
};

static _Atomic int is_over;
static volatile uint32_t sink;

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The second number of schedstat: nanoseconds that the thread was ready to run and did not. */
static uint64_t queued_ns(int schedstat)
{
    char text[96];
    ssize_t len = pread(schedstat, text, sizeof text - 1, 0);
    text[len < 0 ? 0 : len] = '\0';
    char *second = strchr(text, ' ');
    return second == NULL ? 0 : strtoull(second, NULL, 10);
}

/* Taken again when the thread was sent to the queue while this looked. */
static struct moment look(int schedstat)
{
    struct moment moment;
    uint64_t before_ns;
    do {
        before_ns = queued_ns(schedstat);
        moment = (struct moment){wall_ns(), burn_thread_ns(), queued_ns(schedstat)};
    } while (moment.queued_ns != before_ns);
    return moment;
}

static void work(void)
{
    uint32_t seed = sink;
    for (int step = 0; step < STEPS; step++)
        seed = seed * 1664525u + 1013904223u;
    sink = seed;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The median of the first pieces' CPU time. */
static uint64_t learn_usual(int schedstat)
{
    static _Thread_local uint64_t cpu_ns[LEARNING];
    struct moment before = look(schedstat);
    for (int i = 0; i < LEARNING; i++) {
        work();
        struct moment after = look(schedstat);
        cpu_ns[i] = after.cpu_ns - before.cpu_ns;
        before = after;
    }
    qsort(cpu_ns, LEARNING, sizeof cpu_ns[0], compare);
    return cpu_ns[LEARNING / 2];
}

static void count_delay(struct worker *worker, const struct moment *before, const struct moment *after)
{
    uint64_t wall = after->wall_ns - before->wall_ns;
    uint64_t cpu = after->cpu_ns - before->cpu_ns;
    uint64_t known = worker->usual_ns + (after->queued_ns - before->queued_ns);
    uint64_t delay = wall > known ? wall - known : 0;
    uint64_t run = cpu + (after->queued_ns - before->queued_ns);
    uint64_t idle = wall > run ? wall - run : 0;
    unsigned bucket = 0;
    while (bucket < BUCKETS - 1 && delay >> bucket >= 1000)
        bucket++;
    worker->bucket[bucket]++;
    worker->pieces++;
    if (delay > worker->longest_ns)
        worker->longest_ns = delay;
    if (idle > worker->longest_idle_ns)
        worker->longest_idle_ns = idle;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    worker->usual_ns = learn_usual(schedstat);
    struct moment before = look(schedstat);
    while (!is_over) {
        work();
        struct moment after = look(schedstat);
        count_delay(worker, &before, &after);
        before = after;
    }
    close(schedstat);
    return NULL;
}

static void print(const struct worker *workers, int count)
{
    struct worker all = {0};
    for (int i = 0; i < count; i++) {
        all.pieces += workers[i].pieces;
        all.usual_ns += workers[i].usual_ns / (uint64_t)count;
        all.longest_ns = workers[i].longest_ns > all.longest_ns ? workers[i].longest_ns : all.longest_ns;
        all.longest_idle_ns =
            workers[i].longest_idle_ns > all.longest_idle_ns ? workers[i].longest_idle_ns : all.longest_idle_ns;
        for (unsigned bucket = 0; bucket < BUCKETS; bucket++)
            all.bucket[bucket] += workers[i].bucket[bucket];
    }
    printf("pieces %llu\nusual_ns %llu\nlongest_ns %llu\nlongest_idle_ns %llu\n", (unsigned long long)all.pieces,
           (unsigned long long)all.usual_ns, (unsigned long long)all.longest_ns,
           (unsigned long long)all.longest_idle_ns);
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++)
        printf("below_us_%lu %llu\n", 1ul << bucket, (unsigned long long)all.bucket[bucket]);
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    int count = argc > 1 ? atoi(argv[1]) : 8;
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    if (count < 1 || count > THREADS_MAX)
        return 2;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            return 1;
    }
    usleep((useconds_t)(seconds * 1e6));
    is_over = 1;
    for (int i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    print(workers, count);
    return 0;
}
