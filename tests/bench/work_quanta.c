/* SPDX-License-Identifier: MIT */
/*
 * Threads that do nothing but small, equal pieces of work, and time each of them: what a piece takes beyond its usual
 * time, less the time that the thread waited for a CPU, is a delay that somebody else has put into it.
 *
 *     work_quanta THREADS SECONDS
 *
 * prints a JSON object: `origin_ns` (CLOCK_MONOTONIC), `usual_ns`, and `slice`, an array with an entry for each second:
 * how many delays fell into which bucket. Buckets are an eighth of an octave wide; `bucket_ns` holds their upper ends.
 *
 * Time on the run queue is the kernel's count in /proc/thread-self/schedstat. Interrupts, and what the machine below a
 * virtual one takes, remain in the figures: they are to be compared with those of a time without the suspect.
 */
#include "../targets/burn.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 64
#define SLICES_MAX  1024
#define SLICE_NS    UINT64_C(1000000000)
#define STEPS       10000 /* some 10 us */
#define LEARNING    2000  /* pieces that say what is usual */
#define BUCKETS     240u  /* up to 2^32 ns */

struct worker {
    pthread_t thread;
    uint64_t usual_ns;
    uint32_t (*slice)[BUCKETS];
};

/* The state at the end of a piece. */
struct moment {
    uint64_t wall_ns;
    uint64_t cpu_ns;
    uint64_t queued_ns;
};

static uint64_t origin_ns;
static unsigned slice_count;
static _Atomic int is_over;
static volatile uint32_t sink;

static uint64_t read_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The second number of schedstat: nanoseconds that the thread was ready to run and did not. */
static uint64_t read_queued_ns(int schedstat)
{
    char text[96];
    ssize_t len = pread(schedstat, text, sizeof text - 1, 0);
    text[len < 0 ? 0 : len] = '\0';
    const char *second = strchr(text, ' ');
    return second == NULL ? 0 : strtoull(second, NULL, 10);
}

/* Taken again when the thread was sent to the queue while this looked. */
static struct moment look(int schedstat)
{
    struct moment moment;
    uint64_t before_ns;
    do {
        before_ns = read_queued_ns(schedstat);
        moment.wall_ns = read_wall_ns();
        moment.cpu_ns = burn_thread_ns();
        moment.queued_ns = read_queued_ns(schedstat);
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
    uint64_t cpu_ns[LEARNING];
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

static unsigned bucket_of(uint64_t ns)
{
    unsigned bucket = (unsigned)ns;
    if (ns >= 8) {
        unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
        bucket = (octave - 2) * 8 + (unsigned)(ns >> (octave - 3) & 7);
    }
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t bucket_end_ns(unsigned bucket)
{
    return bucket < 8 ? bucket + 1 : ((uint64_t)8 + bucket % 8 + 1) << (bucket / 8 - 1);
}

static void count_delay(struct worker *worker, const struct moment *before, const struct moment *after)
{
    uint64_t wall_ns = after->wall_ns - before->wall_ns;
    uint64_t known_ns = worker->usual_ns + (after->queued_ns - before->queued_ns);
    uint64_t slice = (after->wall_ns - origin_ns) / SLICE_NS;
    if (slice < slice_count)
        worker->slice[slice][bucket_of(wall_ns > known_ns ? wall_ns - known_ns : 0)]++;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    worker->usual_ns = learn_usual(schedstat);
    struct moment before = look(schedstat);
    while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
        work();
        struct moment after = look(schedstat);
        count_delay(worker, &before, &after);
        before = after;
    }
    close(schedstat);
    return NULL;
}

static void print_slice(const struct worker *workers, int count, unsigned slice)
{
    const char *comma = "";
    printf("%s{", slice > 0 ? ",\n" : "");
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++) {
        uint64_t delays = 0;
        for (int i = 0; i < count; i++)
            delays += workers[i].slice[slice][bucket];
        if (delays > 0) {
            printf("%s\"%u\": %" PRIu64, comma, bucket, delays);
            comma = ", ";
        }
    }
    printf("}");
}

static void print(const struct worker *workers, int count)
{
    uint64_t usual_ns = 0;
    for (int i = 0; i < count; i++)
        usual_ns += workers[i].usual_ns / (uint64_t)count;
    printf("{\"origin_ns\": %" PRIu64 ", \"usual_ns\": %" PRIu64 ", \"bucket_ns\": [", origin_ns, usual_ns);
    for (unsigned bucket = 0; bucket < BUCKETS; bucket++)
        printf("%s%" PRIu64, bucket > 0 ? ", " : "", bucket_end_ns(bucket));
    printf("],\n\"slice\": [");
    for (unsigned slice = 0; slice < slice_count; slice++)
        print_slice(workers, count, slice);
    printf("]}\n");
}

/* All memory is there before the first piece, so that no page of it comes late. */
static int prepare(struct worker *worker)
{
    size_t size = slice_count * sizeof *worker->slice;
    worker->slice = malloc(size);
    if (worker->slice == NULL)
        return -1;
    memset(worker->slice, 1, size);
    memset(worker->slice, 0, size);
    return 0;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS_MAX];
    int count = argc > 1 ? atoi(argv[1]) : 8;
    slice_count = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    if (count < 1 || count > THREADS_MAX || slice_count < 1 || slice_count > SLICES_MAX)
        return 2;
    origin_ns = read_wall_ns();
    for (int i = 0; i < count; i++) {
        if (prepare(&workers[i]) != 0 || pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            return 1;
    }
    sleep(slice_count);
    atomic_store(&is_over, 1);
    for (int i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    print(workers, count);
    return 0;
}
