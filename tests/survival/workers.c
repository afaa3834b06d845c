/* SPDX-License-Identifier: MIT */
/*
 * Threads with a fixed amount of work, for hosts that misbehave meanwhile.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include "agent/stackpipe.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS_MAX 64
#define DEPTH       24

struct worker {
    pthread_t thread;
    unsigned pieces;
    uint32_t result;
};

static _Atomic int left;

/* Two functions that call each other in many orders, for stacks of many shapes. */
static uint32_t go_right(uint32_t path, unsigned depth, uint32_t seed);

__attribute__((noinline)) static uint32_t go_left(uint32_t path, unsigned depth, uint32_t seed)
{
    if (depth == 0)
        return burn_piece(seed);
    return ((path & 1) != 0 ? go_left(path >> 1, depth - 1, seed) : go_right(path >> 1, depth - 1, seed)) + 1;
}

__attribute__((noinline)) static uint32_t go_right(uint32_t path, unsigned depth, uint32_t seed)
{
    if (depth == 0)
        return burn_piece(seed);
    return ((path & 1) != 0 ? go_left(path >> 1, depth - 1, seed) : go_right(path >> 1, depth - 1, seed)) ^ 1;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (unsigned i = 0; i < worker->pieces; i++)
        worker->result = go_left(i % 512, DEPTH, worker->result + i);
    atomic_fetch_sub(&left, 1);
    return NULL;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static uint32_t run_workers(unsigned count, unsigned pieces, void (*meanwhile)(void))
{
    static struct worker workers[THREADS_MAX];
    uint32_t result = 0;
    atomic_store(&left, (int)count);
    for (unsigned i = 0; i < count; i++) {
        workers[i].pieces = pieces;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    while (meanwhile != NULL && atomic_load(&left) > 0)
        meanwhile();
    for (unsigned i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        result = result * 31 + workers[i].result;
    }
    return result;
}

static unsigned number(int argc, char **argv, int index)
{
    unsigned value = index < argc ? (unsigned)atoi(argv[index]) : 1;
    return value < THREADS_MAX || index > 0 ? value : THREADS_MAX;
}

/* Works, and then waits until `argv[2]` ms have passed since the start. */
static int work_for_a_while(int argc, char **argv, void (*meanwhile)(void))
{
    uint64_t end_ms = now_ms() + number(argc, argv, 2);
    printf("result %u\n", run_workers(number(argc, argv, 0), number(argc, argv, 1), meanwhile));
    while (now_ms() < end_ms)
        usleep(1000);
    return 0;
}

/* `argv[0]` threads of `argv[1]` pieces of some 200 us each, and `argv[2]` ms in all at least. */
static int run_work(int argc, char **argv)
{
    return work_for_a_while(argc, argv, NULL);
}

/* Marks of many names, which take far more room on the wire than samples do. */
static void put_marks(void)
{
    static unsigned count;
    char name[96];
    for (unsigned i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "%080u", count++);
        spipe_mark(name);
    }
    usleep(20000);
}

/* The same, while another thread says much. */
static int run_talk(int argc, char **argv)
{
    return work_for_a_while(argc, argv, put_marks);
}

/* The same as `talk`; then "resident KIB", the most that was ever in memory. */
static int run_memory(int argc, char **argv)
{
    struct rusage usage;
    (void)run_talk(argc, argv);
    getrusage(RUSAGE_SELF, &usage);
    printf("resident %ld\n", usage.ru_maxrss);
    return 0;
}

/* Sleeps `argv[0]` ms in one go, whatever it is woken for; then "cpu_us N", which the whole process has used. */
static int run_idle(int argc, char **argv)
{
    unsigned ms = argc > 0 ? (unsigned)atoi(argv[0]) : 1000;
    struct timespec left_of = {ms / 1000, (long)(ms % 1000) * 1000000};
    struct rusage usage;
    int status = nanosleep(&left_of, NULL);
    getrusage(RUSAGE_SELF, &usage);
    printf("slept %d\ncpu_us %ld\n", status,
           (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec +
               usage.ru_stime.tv_usec);
    return 0;
}

static const struct verb verbs[] = {
    {"work", run_work},
    {"talk", run_talk},
    {"memory", run_memory},
    {"idle", run_idle},
};

VERBS_MAIN(verbs)
