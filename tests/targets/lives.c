/* SPDX-License-Identifier: MIT */
/*
 * Threads that spend their lives in known ways.
 *
 *     lives MILLISECONDS
 *
 * Each thread is called as the function in which it spends its time. Prints a line for each: its name, its CPU time, how
 * long it was in calls that wait, how long it lived (all in ns), and how many of those calls ended before their time.
 */
#define _GNU_SOURCE
#include "burn.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct life {
    const char *name;
    void (*run)(struct life *life);
    pthread_t thread;
    uint64_t cpu_ns;
    uint64_t waited_ns;
    uint64_t lived_ns;
    unsigned cut_short;
};

static uint64_t end_ns;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_over;
static int ends[2];
static volatile uint32_t sink;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_for(struct life *life, uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
    uint64_t begin_ns = now_ns();

    if (nanosleep(&time, NULL) != 0)
        life->cut_short++;
    life->waited_ns += now_ns() - begin_ns;
}

__attribute__((noinline)) static void life_works(struct life *life)
{
    (void)life;
    while (now_ns() < end_ns)
        sink = burn_piece(sink);
}

__attribute__((noinline)) static void life_sleeps(struct life *life)
{
    while (now_ns() < end_ns)
        sleep_for(life, 70000000);
}

__attribute__((noinline)) static void life_locks(struct life *life)
{
    uint64_t begin_ns = now_ns();

    pthread_mutex_lock(&held);
    pthread_mutex_unlock(&held);
    life->waited_ns += now_ns() - begin_ns;
}

__attribute__((noinline)) static void life_waits(struct life *life)
{
    uint64_t begin_ns = now_ns();

    pthread_mutex_lock(&guard);
    while (!is_over)
        pthread_cond_wait(&changed, &guard);
    pthread_mutex_unlock(&guard);
    life->waited_ns += now_ns() - begin_ns;
}

__attribute__((noinline)) static void life_reads(struct life *life)
{
    uint64_t begin_ns = now_ns();
    char byte;

    while (read(ends[0], &byte, 1) < 0)
        life->cut_short += errno == EINTR;
    life->waited_ns += now_ns() - begin_ns;
}

__attribute__((noinline)) static void life_alternates(struct life *life)
{
    while (now_ns() < end_ns) {
        sink = burn_for(30000000);
        sleep_for(life, 70000000);
    }
}

static void *begin(void *argument)
{
    struct life *life = argument;
    uint64_t begin_ns = now_ns();

    pthread_setname_np(pthread_self(), life->name);
    life->run(life);
    life->cpu_ns = burn_thread_ns();
    life->lived_ns = now_ns() - begin_ns;
    return NULL;
}

static void end_all(void)
{
    struct timespec time = {.tv_sec = (time_t)(end_ns / 1000000000u), .tv_nsec = (long)(end_ns % 1000000000u)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0) {
    }
    pthread_mutex_unlock(&held);
    pthread_mutex_lock(&guard);
    is_over = 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&guard);
    if (write(ends[1], "x", 1) != 1)
        abort();
}

int main(int argc, char **argv)
{
    static struct life lives[] = {
        {.name = "life_works", .run = life_works}, {.name = "life_sleeps", .run = life_sleeps},
        {.name = "life_locks", .run = life_locks}, {.name = "life_waits", .run = life_waits},
        {.name = "life_reads", .run = life_reads}, {.name = "life_alternates", .run = life_alternates},
    };
    size_t count = sizeof lives / sizeof lives[0];

    if (argc != 2 || pipe(ends) != 0)
        return 2;
    pthread_mutex_lock(&held);
    end_ns = now_ns() + strtoull(argv[1], NULL, 10) * 1000000u;
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&lives[i].thread, NULL, begin, &lives[i]) != 0)
            return 1;
    }
    end_all();
    for (size_t i = 0; i < count; i++) {
        pthread_join(lives[i].thread, NULL);
        printf("%s %llu %llu %llu %u\n", lives[i].name, (unsigned long long)lives[i].cpu_ns,
               (unsigned long long)lives[i].waited_ns, (unsigned long long)lives[i].lived_ns, lives[i].cut_short);
    }
    return 0;
}
