/* SPDX-License-Identifier: MIT */
/*
 * What one sample costs the thread that it is taken of, the signal included.
 *
 *     sample_cost SAMPLES EVICT_KIB same|new DEPTH...
 *
 * The thread sends itself a signal from below DEPTH functions, one depth after the other in turns, and looks at the clock before and after: the call that
 * sends it, the delivery, the handler and the return are in between. Every other time the signal is one with an empty
 * handler, so both see the same moments of the machine. EVICT_KIB of other memory are walked before each sample (0:
 * caches stay warm). "same": the stack stays; "new": each sample is taken below other functions than the one before.
 *
 * Prints one JSON object: quartiles in ns for each depth, with what the clock itself costs taken off.
 */
#include "clock.h"
#include "frames.h"
#include "self_signal.h"
#include "subject.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPTY_SIGNAL SIGUSR2
#define WARM_UP      400u
#define BLOCK        8u
#define SETTLE_US    100000u
#define LINE         64u

struct series {
    uint32_t *ns;
    size_t count;
};

struct level {
    unsigned depth;
    struct series empty, subject;
};

struct measurement {
    struct level *level;
    size_t level_count;
    size_t wanted; /* samples of each series */
    unsigned char *evict;
    size_t evict_len;
    bool is_new;
    uint64_t path;
    bool is_subject;    /* whose turn it is */
    struct series *now; /* where its times go */
    size_t left;        /* of its turn */
};

static volatile unsigned char sink;

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

static uint64_t time_signal(int number, union sigval value)
{
    struct self_signal signal = self_signal_make(number, value);
    (void)clock_now_ns();
    uint64_t before = clock_now_ns();
    self_signal_send(&signal);
    return clock_now_ns() - before;
}

static void take_one(struct measurement *measurement)
{
    union sigval value = {.sival_int = 0};
    int signal_number = EMPTY_SIGNAL;
    if (measurement->is_subject)
        signal_number = subject_signal(&value);
    if (measurement->evict_len != 0)
        evict(measurement);
    uint64_t ns = time_signal(signal_number, value);
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

static void take_turn(struct measurement *measurement, struct level *level, bool is_subject)
{
    measurement->is_subject = is_subject;
    measurement->now = is_subject ? &level->subject : &level->empty;
    measurement->left = BLOCK;
    while (measurement->left > 0) {
        if (measurement->is_new)
            measurement->path++;
        frames_descend(level->depth, measurement->path, take, measurement);
    }
}

/* Turns of all depths, each in the order ABBA. */
static void run(struct measurement *measurement, size_t samples)
{
    for (size_t i = 0; i < measurement->level_count; i++)
        measurement->level[i].empty.count = measurement->level[i].subject.count = 0;
    for (size_t done = 0, turn = 0; done < samples; done += BLOCK, turn++) {
        for (size_t i = 0; i < measurement->level_count; i++) {
            subject_settle();
            take_turn(measurement, &measurement->level[i], turn % 2 != 0);
            take_turn(measurement, &measurement->level[i], turn % 2 == 0);
        }
    }
}

/* Twice: the first meets code without tables, and what is compiled for that is there for the second. */
static void warm_up(struct measurement *measurement)
{
    size_t evict_len = measurement->evict_len;
    measurement->evict_len = 0;
    run(measurement, WARM_UP);
    clock_sleep_us(SETTLE_US);
    run(measurement, WARM_UP);
    measurement->evict_len = evict_len;
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

static uint32_t clock_cost(struct series *series, size_t count)
{
    for (series->count = 0; series->count < count; series->count++) {
        uint64_t before = clock_now_ns();
        series->ns[series->count] = (uint32_t)(clock_now_ns() - before);
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

static void print(struct measurement *measurement, unsigned long lost, uint32_t clock_ns)
{
    printf("{\"subject\": \"%s\", \"lost\": %lu, \"clock_ns\": %u, \"depths\": {", subject_name(), lost, clock_ns);
    for (size_t i = 0; i < measurement->level_count; i++) {
        struct level *level = &measurement->level[i];
        printf("%s\"%u\": {\"samples\": %zu, ", i > 0 ? ", " : "", level->depth, level->subject.count);
        print_series("empty_ns", &level->empty, clock_ns);
        printf(", ");
        print_series("sample_ns", &level->subject, clock_ns);
        printf("}");
    }
    printf("}}\n");
}

static bool take_memory(struct measurement *measurement)
{
    size_t room = measurement->wanted + WARM_UP + 2 * BLOCK;
    measurement->level = calloc(measurement->level_count, sizeof *measurement->level);
    measurement->evict = calloc(1, measurement->evict_len + 1);
    if (measurement->level == NULL || measurement->evict == NULL)
        return false;
    for (size_t i = 0; i < measurement->level_count; i++) {
        struct level *level = &measurement->level[i];
        level->empty.ns = calloc(room, sizeof(uint32_t));
        level->subject.ns = calloc(room, sizeof(uint32_t));
        if (level->empty.ns == NULL || level->subject.ns == NULL)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct measurement measurement = {.path = 1};
    if (argc < 5 || atoi(argv[1]) < 1) {
        fprintf(stderr, "usage: sample_cost SAMPLES EVICT_KIB same|new DEPTH...\n");
        return 2;
    }
    measurement.wanted = (size_t)atoi(argv[1]);
    measurement.evict_len = (size_t)atoi(argv[2]) * 1024;
    measurement.is_new = strcmp(argv[3], "new") == 0;
    measurement.level_count = (size_t)argc - 4;
    install_empty();
    if (!take_memory(&measurement) || !subject_start())
        return 1;
    for (size_t i = 0; i < measurement.level_count; i++)
        measurement.level[i].depth = (unsigned)atoi(argv[4 + i]);
    uint32_t clock_ns = clock_cost(&measurement.level[0].empty, measurement.wanted);
    warm_up(&measurement);
    unsigned long lost_before = subject_lost();
    run(&measurement, measurement.wanted);
    print(&measurement, subject_lost() - lost_before, clock_ns);
    return 0;
}
