/* SPDX-License-Identifier: MIT */
/*
 * What one sample costs the thread that it is taken of, the signal included.
 *
 *     sample_cost DEPTH SAMPLES EVICT_KIB same|new
 *
 * The thread sends itself a signal from below DEPTH functions and looks at the clock before and after: the call that
 * sends it, the delivery, the handler and the return are in between. Every other time the signal is one with an empty
 * handler, so both see the same moments of the machine. EVICT_KIB of other memory are walked before each sample (0:
 * caches stay warm). "same": the stack stays; "new": each sample is taken below other functions than the one before.
 *
 * Prints one JSON object: quartiles in ns, with what the clock itself costs taken off.
 */
#include "frames.h"
#include "subject.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EMPTY_SIGNAL SIGUSR2
#define WARM_UP      400u
#define BLOCK        8u
#define SETTLE_MS    100
#define LINE         64u

struct series {
    uint32_t *ns;
    size_t count;
};

struct measurement {
    unsigned depth;
    size_t wanted;
    unsigned char *evict;
    size_t evict_len;
    bool is_new;
    uint64_t path;
    struct series empty, subject;
    struct series *now; /* the one whose turn it is */
    size_t left;        /* of its turn */
};

static volatile unsigned char sink;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void handle_nothing(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    (void)context;
}

static void install_empty(void)
{
    struct sigaction action = {.sa_sigaction = handle_nothing, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigaction(EMPTY_SIGNAL, &action, NULL);
}

static void evict(const struct measurement *measurement)
{
    unsigned char sum = 0;
    for (size_t at = 0; at < measurement->evict_len; at += LINE) {
        measurement->evict[at]++;
        sum = (unsigned char)(sum + measurement->evict[at]);
    }
    sink = sum;
}

/* One signal to this thread, with what a timer's would carry. Returns how long it took. */
static uint64_t send(int signal_number, union sigval value)
{
    siginfo_t info;
    pid_t pid = getpid(), tid = (pid_t)syscall(SYS_gettid);
    memset(&info, 0, sizeof info);
    info.si_code = SI_TIMER;
    info.si_value = value;
    (void)now_ns();
    uint64_t before = now_ns();
    syscall(SYS_rt_tgsigqueueinfo, pid, tid, signal_number, &info);
    return now_ns() - before;
}

static void take_one(struct measurement *measurement)
{
    union sigval value = {.sival_int = 0};
    int signal_number = EMPTY_SIGNAL;
    if (measurement->now == &measurement->subject)
        signal_number = subject_signal(&value);
    if (measurement->evict_len != 0)
        evict(measurement);
    uint64_t ns = send(signal_number, value);
    measurement->now->ns[measurement->now->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
    measurement->left--;
}

/* At the bottom of the stack: one sample, or the rest of the turn where the stack stays. */
static void take(void *argument)
{
    struct measurement *measurement = argument;
    do {
        take_one(measurement);
    } while (!measurement->is_new && measurement->left > 0);
}

static void take_turn(struct measurement *measurement, struct series *series)
{
    measurement->now = series;
    measurement->left = BLOCK;
    while (measurement->left > 0) {
        if (measurement->is_new)
            measurement->path++;
        frames_descend(measurement->depth, measurement->path, take, measurement);
    }
}

/* Turns in the order ABBA. */
static void run(struct measurement *measurement, size_t samples)
{
    measurement->empty.count = measurement->subject.count = 0;
    for (size_t turn = 0; measurement->subject.count < samples; turn++) {
        subject_settle();
        take_turn(measurement, turn % 2 == 0 ? &measurement->empty : &measurement->subject);
        take_turn(measurement, turn % 2 == 0 ? &measurement->subject : &measurement->empty);
    }
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static uint32_t quantile(const struct series *series, unsigned quarter)
{
    return series->ns[(series->count - 1) * quarter / 4];
}

static uint32_t clock_cost(struct measurement *measurement)
{
    struct series *series = &measurement->empty;
    for (series->count = 0; series->count < measurement->wanted; series->count++) {
        uint64_t before = now_ns();
        series->ns[series->count] = (uint32_t)(now_ns() - before);
    }
    qsort(series->ns, series->count, sizeof *series->ns, compare);
    return quantile(series, 2);
}

static void print_series(const char *name, struct series *series, uint32_t clock_ns)
{
    qsort(series->ns, series->count, sizeof *series->ns, compare);
    printf("\"%s\": [%u, %u, %u]", name, quantile(series, 1) - clock_ns, quantile(series, 2) - clock_ns,
           quantile(series, 3) - clock_ns);
}

static bool take_memory(struct measurement *measurement)
{
    size_t room = measurement->wanted + WARM_UP + 2 * BLOCK;
    measurement->empty.ns = calloc(room, sizeof(uint32_t));
    measurement->subject.ns = calloc(room, sizeof(uint32_t));
    measurement->evict = calloc(1, measurement->evict_len + 1);
    return measurement->empty.ns != NULL && measurement->subject.ns != NULL && measurement->evict != NULL;
}

int main(int argc, char **argv)
{
    struct measurement measurement = {.path = 1};
    struct timespec rest = {0, SETTLE_MS * 1000000L};
    if (argc != 5 || atoi(argv[1]) < 1 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: sample_cost DEPTH SAMPLES EVICT_KIB same|new\n");
        return 2;
    }
    measurement.depth = (unsigned)atoi(argv[1]);
    measurement.wanted = (size_t)atoi(argv[2]);
    measurement.evict_len = (size_t)atoi(argv[3]) * 1024;
    measurement.is_new = strcmp(argv[4], "new") == 0;
    install_empty();
    if (!take_memory(&measurement) || !subject_start())
        return 1;
    uint32_t clock_ns = clock_cost(&measurement);
    /* Twice: the first meets code without tables, and what is compiled for that is there for the second. */
    run(&measurement, WARM_UP);
    nanosleep(&rest, NULL);
    run(&measurement, WARM_UP);
    unsigned long lost_before = subject_lost();
    run(&measurement, measurement.wanted);
    printf("{\"subject\": \"%s\", \"depth\": %u, \"samples\": %zu, \"lost\": %lu, \"clock_ns\": %u, ", subject_name(),
           measurement.depth, measurement.subject.count, subject_lost() - lost_before, clock_ns);
    print_series("empty_ns", &measurement.empty, clock_ns);
    printf(", ");
    print_series("sample_ns", &measurement.subject, clock_ns);
    printf("}\n");
    return 0;
}
