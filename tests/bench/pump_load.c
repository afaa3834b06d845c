/* SPDX-License-Identifier: MIT */
/*
 * How many samples a second get through one agent, none of them lost.
 *
 *     pump_load THREADS SECONDS
 *
 * The agent is linked into this program whole, with a session of bench_session (--linked). Each thread sends itself one
 * signal after the other from below some calls, and pauses while its ring is half full; so the slower of two
 * things decides: taking samples, or what pump and host do with them. Prints one JSON object.
 */
#include "clock.h"
#include "frames.h"
#include "own_slot.h"
#include "self_signal.h"

#include "agent/signals.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS_MAX 256
#define DEPTH       20u
#define STACKS      64u
#define BURST       16u
#define PAUSE_US    500u

struct producer {
    pthread_t thread;
    struct spipe_slot *slot;
    struct self_signal signal;
    unsigned long samples, lost, pauses;
};

static _Atomic uint64_t end_ns;

static void take_burst(void *argument)
{
    struct producer *producer = argument;
    for (unsigned i = 0; i < BURST; i++)
        self_signal_send(&producer->signal);
    producer->samples += BURST;
}

static void *produce(void *argument)
{
    struct producer *producer = argument;
    producer->slot = own_slot_wait();
    if (producer->slot == NULL)
        return NULL;
    union sigval value = {.sival_ptr = spipe_slot_signal_value(producer->slot)};
    producer->signal = self_signal_make(spipe_signals_current(), value);
    for (uint64_t path = 0; clock_now_ns() < atomic_load(&end_ns); path++) {
        if (spipe_ring_fill(&producer->slot->ring) > SPIPE_RING_SIZE / 2) {
            producer->pauses++;
            clock_sleep_us(PAUSE_US);
        } else {
            frames_descend(DEPTH, path % STACKS, take_burst, producer);
        }
    }
    producer->lost = own_slot_lost(producer->slot);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct producer producer[THREADS_MAX];
    unsigned long samples = 0, lost = 0, pauses = 0;
    int count = argc == 3 ? atoi(argv[1]) : 0;
    if (count < 1 || count > THREADS_MAX) {
        fprintf(stderr, "usage: pump_load THREADS SECONDS\n");
        return 2;
    }
    uint64_t start_ns = clock_now_ns();
    atomic_store(&end_ns, start_ns + (uint64_t)(atof(argv[2]) * 1e9));
    for (int i = 0; i < count; i++) {
        if (pthread_create(&producer[i].thread, NULL, produce, &producer[i]) != 0)
            return 1;
    }
    for (int i = 0; i < count; i++) {
        pthread_join(producer[i].thread, NULL);
        samples += producer[i].samples;
        lost += producer[i].lost;
        pauses += producer[i].pauses;
    }
    printf("{\"threads\": %d, \"samples\": %lu, \"lost\": %lu, \"pauses\": %lu, \"seconds\": %.6f}\n", count, samples, lost,
           pauses, (double)(clock_now_ns() - start_ns) / 1e9);
    return samples > 0 ? 0 : 1;
}
