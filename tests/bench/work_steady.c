/* SPDX-License-Identifier: MIT */
/*
 * Equal pieces of work, one after the other, and when each ended:  work_steady SECONDS
 *
 * A piece is some half a millisecond of calls, branches and memory, the same every time. At its end the program prints,
 * for each piece, the time (CLOCK_MONOTONIC) and the CPU time of the thread so far, in ns.
 */
#include "clock.h"
#include "frames.h"

#include <stdio.h>
#include <stdlib.h>

#define WORDS        32768u
#define STEPS        24u
#define STEP_WORK    2000u
#define DEPTH        30u
#define PIECES_A_S   20000u

static uint32_t memory[WORDS];

struct piece {
    uint64_t end_ns, cpu_ns;
};

static uint64_t used_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static void work(void *argument)
{
    uint32_t value = *(const uint32_t *)argument;
    for (unsigned i = 0; i < STEP_WORK; i++) {
        uint32_t *word = &memory[(value >> 8) % WORDS];
        if (*word & 1)
            value ^= *word;
        value = value * 1664525u + 1013904223u;
        *word = value;
    }
}

static void do_piece(void)
{
    for (uint32_t step = 0; step < STEPS; step++)
        frames_descend(DEPTH, step, work, &step);
}

int main(int argc, char **argv)
{
    double seconds = argc == 2 ? atof(argv[1]) : 1;
    size_t room = (size_t)(seconds * PIECES_A_S), count = 0;
    struct piece *piece = calloc(room, sizeof *piece);
    uint64_t end_ns = clock_now_ns() + (uint64_t)(seconds * 1e9);
    if (piece == NULL)
        return 1;
    while (count < room && clock_now_ns() < end_ns) {
        do_piece();
        piece[count++] = (struct piece){clock_now_ns(), used_ns()};
    }
    for (size_t i = 0; i < count; i++)
        printf("%llu %llu\n", (unsigned long long)piece[i].end_ns, (unsigned long long)piece[i].cpu_ns);
    return 0;
}
