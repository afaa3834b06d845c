/* SPDX-License-Identifier: MIT */
#include "sampler_fake.h"

#include "agent/handler.h"
#include "agent/slice.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 16u

struct idle_thread {
    pthread_t thread;
    int tid;
    sem_t has_begun;
    sem_t may_end;
};

struct sampler_fake sampler_fake;
static struct idle_thread idle[THREADS_MAX];

static void take_memory(void)
{
    static bool is_taken;
    if (is_taken)
        return;
    is_taken = spipe_slot_pool_init();
    assert(is_taken);
    spipe_slice_pool = calloc(SPIPE_SLICE_COUNT, sizeof *spipe_slice_pool);
    assert(spipe_slice_pool != NULL);
}

void sampler_fake_reset(void)
{
    take_memory();
    memset(&sampler_fake, 0, sizeof sampler_fake);
}

struct spipe_slot *sampler_fake_slot(int tid)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (slot->tid == tid && spipe_slot_is_in_use(slot))
            return slot;
    }
    return NULL;
}

static void *wait_for_end(void *argument)
{
    struct idle_thread *self = argument;
    self->tid = (int)syscall(SYS_gettid);
    sem_post(&self->has_begun);
    sem_wait(&self->may_end);
    return NULL;
}

static struct idle_thread *find_idle(int tid)
{
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        if (idle[i].tid == tid)
            return &idle[i];
    }
    assert(!"no such thread");
    return NULL;
}

int sampler_fake_thread_new(void)
{
    struct idle_thread *self = find_idle(0);
    sem_init(&self->has_begun, 0, 0);
    sem_init(&self->may_end, 0, 0);
    int status = pthread_create(&self->thread, NULL, wait_for_end, self);
    assert(status == 0);
    (void)status;
    sem_wait(&self->has_begun);
    return self->tid;
}

void sampler_fake_thread_end(int tid)
{
    struct idle_thread *self = find_idle(tid);
    char path[64] = "";
    sem_post(&self->may_end);
    pthread_join(self->thread, NULL);
    /* The kernel wakes who joins a moment before it takes the thread out of /proc. */
    static const char folder[] = "/proc/self/task/";
    memcpy(path, folder, sizeof folder);
    char *at = path + sizeof folder - 1;
    for (int scale = 1000000000; scale > 0; scale /= 10) {
        if (tid >= scale)
            *at++ = (char)('0' + tid / scale % 10);
    }
    while (access(path, F_OK) == 0)
        usleep(100);
    self->tid = 0;
}

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add(counter, amount);
}

/* A sample that was walked, to be committed; NULL when the ring is full. */
static struct spipe_raw_sample *take(struct spipe_slot *slot, uint64_t time_ns, uint32_t weight, const uint64_t *address,
                                     uint32_t depth)
{
    add(&slot->attempted, weight);
    struct spipe_raw_sample *sample = spipe_ring_reserve(&slot->ring, depth);
    if (sample == NULL) {
        bool is_pipe = atomic_load(&spipe_handler_shared.pipe_is_full) != 0;
        add(is_pipe ? &slot->dropped_pipe_full : &slot->dropped_ring_full, weight);
        return NULL;
    }
    sample->kind = SPIPE_RAW_WALKED;
    sample->end = SPIPE_WALK_ROOT;
    sample->slice = SPIPE_SLICE_NONE;
    sample->time_ns = time_ns;
    sample->weight = weight;
    sample->depth = depth;
    sample->generation = 0;
    sample->stack_unknown = 0;
    memcpy(sample->address, address, depth * sizeof address[0]);
    return sample;
}

bool sampler_fake_put(struct spipe_slot *slot, uint64_t time_ns, uint32_t weight, const uint64_t *address,
                      uint32_t depth, enum spipe_walk_end end)
{
    struct spipe_raw_sample *sample = take(slot, time_ns, weight, address, depth);
    if (sample == NULL)
        return false;
    sample->end = (uint8_t)end;
    spipe_ring_commit(&slot->ring, sample);
    return true;
}

bool sampler_fake_put_audited(struct spipe_slot *slot, uint64_t time_ns, const uint64_t *address, uint32_t depth,
                              const struct spipe_registers *registers, uint64_t low, uint64_t high)
{
    struct spipe_raw_sample *sample = take(slot, time_ns, 1, address, depth);
    if (sample == NULL)
        return false;
    sample->slice = spipe_slice_take(registers, low, high);
    assert(sample->slice != SPIPE_SLICE_NONE);
    sample->kind = SPIPE_RAW_AUDITED;
    spipe_ring_commit(&slot->ring, sample);
    return true;
}

/* ---------------------------------------------------------------------------------- the side of the code under test */

const char *spipe_sampler_mechanism_name(enum spipe_mechanism mechanism)
{
    return mechanism == SPIPE_MECHANISM_NONE ? "none" : "fake";
}

enum spipe_mechanism spipe_sampler_choose(enum spipe_mechanism after, uint64_t period_ns)
{
    (void)after;
    (void)period_ns;
    return SPIPE_MECHANISM_THREAD_CPU_TIMER;
}

bool spipe_sampler_is_allowed(enum spipe_mechanism mechanism, uint64_t period_ns)
{
    (void)mechanism;
    (void)period_ns;
    return true;
}

bool spipe_sampler_start(enum spipe_mechanism mechanism, uint64_t period_ns, uint32_t stretch, int signal_number)
{
    (void)signal_number;
    sampler_fake.is_on = true;
    sampler_fake.mechanism = mechanism;
    sampler_fake.period_ns = period_ns;
    sampler_fake.stretch = stretch;
    sampler_fake.starts++;
    return true;
}

void spipe_sampler_stop(void)
{
    sampler_fake.is_on = false;
}

bool spipe_sampler_is_on(void)
{
    return sampler_fake.is_on;
}

bool spipe_sampler_uses_signal(void)
{
    return sampler_fake.is_on;
}

enum spipe_sampler_fit spipe_sampler_tend(void)
{
    return SPIPE_SAMPLER_FITS;
}

enum spipe_sampler_fit spipe_sampler_look(void)
{
    return SPIPE_SAMPLER_FITS;
}

bool spipe_sampler_needs_pump(void)
{
    return false;
}

void spipe_sampler_arm(struct spipe_slot *slot, enum spipe_armer armer)
{
    (void)slot;
    (void)armer;
}

bool spipe_sampler_is_missing(const struct spipe_slot *slot)
{
    (void)slot;
    return false;
}

uint32_t spipe_sampler_thread_ends(struct spipe_slot *slot)
{
    (void)slot;
    return 0;
}

void spipe_sampler_disarm(struct spipe_slot *slot)
{
    (void)slot;
}

void spipe_sampler_fork(void)
{
}

uint64_t spipe_sampler_own_cpu_ns(void)
{
    return 0;
}

int spipe_sampler_own_tid(void)
{
    return 0;
}
