/* SPDX-License-Identifier: MIT */
/*
 * A program with known shares: each part burns CPU time in a way that is hard to unwind, measures what it has used by
 * the thread's own clock, and writes that down, so that a profile can be compared with the truth.
 *
 *     shares TRUTH_FILE PLUGIN MILLISECONDS
 *
 * TRUTH_FILE gets lines "total FUNCTION NS" (the function and all it calls), "self FUNCTION NS" and "thread NAME NS".
 * MILLISECONDS is the unit of work: the program uses about 20 units.
 */
#define _GNU_SOURCE
#include "burn.h"
#include "shares.h"

#include <alloca.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8
#define RECURSION_DEPTH 60

static FILE *truth_file;
static uint64_t unit_ns;
static volatile uint32_t sink;
static volatile sig_atomic_t handled;

static void write_truth(const char *kind, const char *name, uint64_t cpu_ns)
{
    fprintf(truth_file, "%s %s %llu\n", kind, name, (unsigned long long)cpu_ns);
}

/* A leaf without a frame of its own: the return address lies at the stack pointer for all of its code. */
static __attribute__((noinline)) uint32_t leaf(uint32_t seed)
{
    for (int step = 0; step < 4000000; step++) {
        seed = seed * 1664525u + 1013904223u;
    }
    return seed;
}

static __attribute__((noinline)) void part_leaf(void)
{
    uint64_t start = burn_thread_ns();
    uint64_t in_leaf = 0;

    while (burn_thread_ns() - start < 2 * unit_ns) {
        uint64_t before = burn_thread_ns();

        sink = leaf(sink);
        in_leaf += burn_thread_ns() - before;
    }
    write_truth("self", "leaf", in_leaf);
}

/* A function of another library, called through the PLT from a loop so tight that many samples lie in the stub. */
static __attribute__((noinline)) void part_plt(void)
{
    uint64_t end = burn_thread_ns() + 2 * unit_ns;

    while (burn_thread_ns() < end) {
        uint32_t seed = sink;

        for (int call = 0; call < 100000; call++) {
            seed = shares_far_away(seed);
        }
        sink = seed;
    }
}

static __attribute__((noinline)) uint32_t recurse(int depth)
{
    uint32_t result = depth > 0 ? recurse(depth - 1) : burn_for(unit_ns / 20);

    sink = result;
    return result + (uint32_t)depth;
}

static __attribute__((noinline)) void part_recursion(void)
{
    for (int turn = 0; turn < 40; turn++) {
        sink = recurse(RECURSION_DEPTH);
    }
}

/* The frame's size is known at run time only; callers can be found through the saved base pointer alone. */
static __attribute__((noinline)) void part_alloca(void)
{
    for (unsigned turn = 0; turn < 20; turn++) {
        size_t size = 64 + (turn * 7919u) % 3000;
        char *room = alloca(size);

        memset(room, (int)turn, size);
        sink = burn_for(unit_ns / 10) + (uint32_t)room[size / 2];
    }
}

static __attribute__((noinline)) void part_exceptions(void)
{
    uint64_t end = burn_thread_ns() + 2 * unit_ns;

    while (burn_thread_ns() < end) {
        sink = shares_throw_and_catch(100);
    }
}

static __attribute__((noinline)) void part_plugin(const char *path)
{
    void *plugin = dlopen(path, RTLD_NOW);
    uint32_t (*work)(uint64_t);

    if (plugin == NULL) {
        fprintf(stderr, "shares: %s\n", dlerror());
        exit(1);
    }
    *(void **)&work = dlsym(plugin, "plugin_work");
    sink = work(2 * unit_ns);
    dlclose(plugin);
}

static void on_signal(int number)
{
    sink = burn_for(unit_ns / 20) + (uint32_t)number;
    handled++;
}

static __attribute__((noinline)) void part_signal(void)
{
    for (int turn = 0; turn < 40; turn++) {
        raise(SIGUSR1);
        sink += 1;
    }
}

struct worker {
    pthread_t thread;
    int number;
    uint64_t used_ns;
};

static __attribute__((noinline)) void *part_threads(void *argument)
{
    struct worker *worker = argument;
    char name[16];

    snprintf(name, sizeof name, "worker-%d", worker->number);
    pthread_setname_np(pthread_self(), name);
    sink = burn_for(unit_ns * (uint64_t)worker->number / 6);
    worker->used_ns = burn_thread_ns();
    return NULL;
}

/* Each of the threads uses another amount of CPU time. */
static void run_threads(void)
{
    struct worker worker[THREADS];
    uint64_t total_ns = 0;

    for (int i = 0; i < THREADS; i++) {
        worker[i].number = i + 1;
        if (pthread_create(&worker[i].thread, NULL, part_threads, &worker[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        char name[16];

        pthread_join(worker[i].thread, NULL);
        snprintf(name, sizeof name, "worker-%d", worker[i].number);
        write_truth("thread", name, worker[i].used_ns);
        total_ns += worker[i].used_ns;
    }
    write_truth("total", "part_threads", total_ns);
}

static void run_part(const char *name, void (*part)(void))
{
    uint64_t start = burn_thread_ns();

    part();
    write_truth("total", name, burn_thread_ns() - start);
}

int main(int argc, char **argv)
{
    uint64_t start;

    if (argc != 4 || (truth_file = fopen(argv[1], "w")) == NULL) {
        fprintf(stderr, "usage: shares TRUTH_FILE PLUGIN MILLISECONDS\n");
        return 2;
    }
    unit_ns = strtoull(argv[3], NULL, 10) * 1000000u;
    signal(SIGUSR1, on_signal);

    run_part("part_leaf", part_leaf);
    run_part("part_plt", part_plt);
    run_part("part_recursion", part_recursion);
    run_part("part_alloca", part_alloca);
    run_part("part_exceptions", part_exceptions);
    run_part("part_signal", part_signal);
    start = burn_thread_ns();
    part_plugin(argv[2]);
    write_truth("total", "part_plugin", burn_thread_ns() - start);
    run_threads();
    fclose(truth_file);
    printf("done, %d signals\n", (int)handled);
    return 0;
}
