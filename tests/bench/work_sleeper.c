/* SPDX-License-Identifier: MIT */
/*
 * Works and sleeps in turn:  work_sleeper WORK_US SLEEP_US TURNS nanosleep|poll
 *
 * The work is a fixed number of steps, of about WORK_US. Prints how many of its sleeps a signal cut short, and what the
 * thread used, in all and for the work, as a JSON object. Nothing is slept twice: a sleep that is cut short is over, as in most programs.
 */
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALIBRATION_STEPS 200000u
#define CALIBRATION_RUNS  9

static volatile uint32_t sink;

static void work(uint64_t steps)
{
    uint32_t value = sink;
    for (uint64_t step = 0; step < steps; step++)
        value = value * 1664525u + 1013904223u + (value >> 16);
    sink = value;
}

static uint64_t used_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* Steps of work in a millisecond, on an undisturbed run. */
static uint64_t calibrate(void)
{
    uint64_t best_ns = UINT64_MAX;
    for (int i = 0; i < CALIBRATION_RUNS; i++) {
        uint64_t start_ns = clock_now_ns();
        work(CALIBRATION_STEPS);
        uint64_t ns = clock_now_ns() - start_ns;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    return (uint64_t)CALIBRATION_STEPS * 1000000u / best_ns;
}

/* True when a signal cut it short. */
static bool sleep_once(bool by_poll, unsigned us)
{
    struct timespec time = {0, (long)us * 1000};
    int status = by_poll ? poll(NULL, 0, (int)(us / 1000)) : nanosleep(&time, NULL);
    return status != 0 && errno == EINTR;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: work_sleeper WORK_US SLEEP_US TURNS nanosleep|poll\n");
        return 2;
    }
    uint64_t steps = calibrate() * (uint64_t)atoi(argv[1]) / 1000;
    unsigned sleep_us = (unsigned)atoi(argv[2]);
    int turns = atoi(argv[3]), cut = 0;
    bool by_poll = strcmp(argv[4], "poll") == 0;
    uint64_t start_ns = clock_now_ns();
    uint64_t work_ns = 0;
    for (int turn = 0; turn < turns; turn++) {
        uint64_t before_ns = used_ns();
        work(steps);
        work_ns += used_ns() - before_ns;
        cut += sleep_once(by_poll, sleep_us);
    }
    printf("{\"turns\": %d, \"cut\": %d, \"cpu_us\": %.0f, \"work_us\": %.0f, \"wall_us\": %.0f}\n", turns, cut,
           (double)used_ns() / 1e3, (double)work_ns / 1e3, (double)(clock_now_ns() - start_ns) / 1e3);
    return 0;
}
