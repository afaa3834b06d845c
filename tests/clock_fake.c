/* SPDX-License-Identifier: MIT */
#include "clock_fake.h"

#include "agent/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define START_NS UINT64_C(5000000000000)
#define UNIX_NS UINT64_C(1700000000000000000)
#define STEP_NS 1000u
#define THREADS_MAX 64u

struct thread_time {
    int tid;
    uint64_t cpu_ns;
};

static _Atomic uint64_t now_ns = START_NS;
static _Atomic uint64_t step_ns = STEP_NS;
static struct thread_time threads[THREADS_MAX];
static size_t thread_count;

void clock_fake_reset(void)
{
    now_ns = START_NS;
    step_ns = STEP_NS;
    thread_count = 0;
}

void clock_fake_set_step(uint64_t ns)
{
    step_ns = ns;
}

void clock_fake_advance(uint64_t ns)
{
    now_ns += ns;
}

uint64_t clock_fake_now(void)
{
    return now_ns;
}

static struct thread_time *find_thread(int tid)
{
    for (size_t i = 0; i < thread_count; i++) {
        if (threads[i].tid == tid)
            return &threads[i];
    }
    return NULL;
}

void clock_fake_set_cpu(int tid, uint64_t cpu_ns)
{
    struct thread_time *found = find_thread(tid);
    if (found == NULL) {
        assert(thread_count < THREADS_MAX);
        found = &threads[thread_count++];
    }
    *found = (struct thread_time){tid, cpu_ns};
}

/* ---------------------------------------------------------------------------------- the side of the code under test */

void spipe_clock_init(void)
{
}

void spipe_clock_go_without_counter(void)
{
}

uint64_t spipe_clock_handler_ns(void)
{
    return now_ns;
}

uint64_t spipe_clock_monotonic_ns(void)
{
    uint64_t step = step_ns;
    return atomic_fetch_add(&now_ns, step) + step;
}

uint64_t spipe_clock_real_ns(void)
{
    return UNIX_NS + now_ns - START_NS;
}

uint64_t spipe_clock_thread_cpu_ns(int tid)
{
    const struct thread_time *found = find_thread(tid);
    return found == NULL ? 0 : found->cpu_ns;
}

void spipe_clock_process_cpu(uint64_t *ret_user_us, uint64_t *ret_system_us)
{
    *ret_user_us = 0;
    *ret_system_us = 0;
    for (size_t i = 0; i < thread_count; i++)
        *ret_user_us += threads[i].cpu_ns / 1000u;
}

void spipe_clock_self_cpu(uint64_t *ret_user_us, uint64_t *ret_system_us)
{
    *ret_user_us = 0;
    *ret_system_us = 0;
}

uint64_t spipe_clock_tick_ns(void)
{
    return 4 * CLOCK_FAKE_MS;
}
