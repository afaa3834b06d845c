/* SPDX-License-Identifier: MIT */
#include "waiting_fake.h"

#include <assert.h>
#include <string.h>

#define THREADS_MAX 16u
#define STACK_POINTER UINT64_C(0x7f0000001000)

struct thread_place {
    int tid;
    uint64_t pc;            /* 0: it runs */
    uint64_t queued_ns;
    unsigned looks;
};

struct waiting_fake waiting_fake;
static struct thread_place threads[THREADS_MAX];
static size_t thread_count;

void waiting_fake_reset(void)
{
    memset(&waiting_fake, 0, sizeof waiting_fake);
    thread_count = 0;
}

static struct thread_place *find_thread(int tid)
{
    for (size_t i = 0; i < thread_count; i++) {
        if (threads[i].tid == tid)
            return &threads[i];
    }
    return NULL;
}

static struct thread_place *get_thread(int tid)
{
    struct thread_place *thread = find_thread(tid);
    if (thread != NULL)
        return thread;
    assert(thread_count < THREADS_MAX);
    threads[thread_count] = (struct thread_place){.tid = tid};
    return &threads[thread_count++];
}

void waiting_fake_sleep(int tid, uint64_t pc)
{
    get_thread(tid)->pc = pc;
}

void waiting_fake_run(int tid)
{
    get_thread(tid)->pc = 0;
}

void waiting_fake_set_queued(int tid, uint64_t ns)
{
    get_thread(tid)->queued_ns = ns;
}

unsigned waiting_fake_looks(int tid)
{
    return get_thread(tid)->looks;
}

/* ---------------------------------------------------------------------------------- the side of the code under test */

enum spipe_waiting spipe_waiting_look(int tid, struct spipe_waiting_place *ret_place)
{
    waiting_fake.looks++;
    if (waiting_fake.tells_nothing)
        return SPIPE_WAITING_UNKNOWN;
    struct thread_place *thread = find_thread(tid);
    if (thread != NULL)
        thread->looks++;
    if (thread == NULL || thread->pc == 0)
        return SPIPE_WAITING_NOT;
    *ret_place = (struct spipe_waiting_place){STACK_POINTER, thread->pc};
    return SPIPE_WAITING_THERE;
}

size_t spipe_waiting_copy(uint64_t address, void *bytes, size_t len)
{
    (void)address;
    if (waiting_fake.on_copy != NULL)
        waiting_fake.on_copy();
    size_t copied = len < 256 ? len : 256;
    memset(bytes, 0, copied);
    return copied;
}

bool spipe_waiting_for_cpu_ns(int tid, uint64_t *ret_ns)
{
    const struct thread_place *thread = find_thread(tid);
    *ret_ns = thread != NULL ? thread->queued_ns : 0;
    return !waiting_fake.has_no_queues;
}
