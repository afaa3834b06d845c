/* SPDX-License-Identifier: MIT */
/*
 * libc calls these around fork(), and around functions of its own that fork. A child is a copy of one thread in a copy of
 * the memory: the agent's own memory is not there (see pages.h), its thread neither, and locks of others may be held for
 * ever. So nothing is called here but the system, and a followed child begins as if it had just been started.
 */
#include "fork.h"

#include "control.h"
#include "greeting.h"
#include "next_symbol.h"
#include "notices.h"
#include "past.h"
#include "protocol/system_linux.h"
#include "pump.h"
#include "sampler.h"
#include "signals.h"
#include "threads.h"
#include "wrappers.h"

#include <signal.h>
#include <string.h>

#define MASK_SIZE     8
/* So many threads at once can be in a fork(); further ones go without. */
#define FORKING_COUNT 64u

typedef void handler(void);

/* What a thread keeps while it forks; its child has a copy. Thread-local storage is not for libraries that may be loaded
 * late; but the pointer to it tells threads apart, and is the same in the child. */
struct forking {
    _Atomic uintptr_t owner;        /* thread pointer; 0: not in use */
    bool has_blocked;
    uint64_t signal_bit;
    uint64_t stack_low;
    uint64_t stack_high;
};

static struct forking all_forking[FORKING_COUNT];

static struct forking *find_forking(uintptr_t owner)
{
    for (unsigned i = 0; i < FORKING_COUNT; i++) {
        if (atomic_load(&all_forking[i].owner) == owner)
            return &all_forking[i];
    }
    return NULL;
}

static struct forking *find_own(void)
{
    return find_forking((uintptr_t)__builtin_thread_pointer());
}

static struct forking *claim(void)
{
    for (unsigned i = 0; i < FORKING_COUNT; i++) {
        uintptr_t nobody = 0;
        if (atomic_compare_exchange_strong(&all_forking[i].owner, &nobody, (uintptr_t)__builtin_thread_pointer()))
            return &all_forking[i];
    }
    return NULL;
}

/* Old kernels begin a clone() anew whenever a signal comes in between: with much memory to be copied, and our signal
 * coming in ever again, that is for ever. */
static void block_signal(struct forking *forking)
{
    uint64_t before = 0;
    forking->signal_bit = UINT64_C(1) << (spipe_signals_current() - 1);
    (void)spipe_system(SYS_rt_sigprocmask, SIG_BLOCK, &forking->signal_bit, &before, MASK_SIZE);
    forking->has_blocked = (before & forking->signal_bit) == 0;
}

static void unblock_signal(const struct forking *forking)
{
    if (forking->has_blocked)
        (void)spipe_system(SYS_rt_sigprocmask, SIG_UNBLOCK, &forking->signal_bit, NULL, MASK_SIZE);
}

static void before_fork(void)
{
    bool is_active = atomic_load(&spipe_control.is_active) != 0;
    if ((!is_active && atomic_load(&spipe_control.follows_children) == 0) || !spipe_control_is_own_process())
        return;
    struct forking *forking = claim();
    if (forking == NULL)
        return;
    forking->has_blocked = false;
    forking->stack_low = 0;
    forking->stack_high = 0;
    if (!is_active)
        return;
    if (spipe_sampler_uses_signal())
        block_signal(forking);
    spipe_threads_find_own_stack(&forking->stack_low, &forking->stack_high);
}

static void in_parent(void)
{
    struct forking *forking = find_own();
    if (forking == NULL)
        return;
    struct forking kept = {.has_blocked = forking->has_blocked, .signal_bit = forking->signal_bit};
    atomic_store(&forking->owner, 0);
    unblock_signal(&kept);
}

/* No waiting here: a child that is to execute something does so without delay. */
static void start_in_child(const struct forking *forking)
{
    spipe_control.process_id = (int)spipe_system(SYS_getpid);
    spipe_control.is_forked = true;
    memset(&spipe_control.pump, 0, sizeof spipe_control.pump);
    atomic_store(&spipe_control.is_active, 0);
    spipe_greeting_fork();
    spipe_past_fork();
    spipe_notices_fork();
    spipe_threads_note_forked(forking->stack_low, forking->stack_high);
    spipe_wrappers_fork();
    (void)spipe_control_start_pump();
}

static void in_child(void)
{
    const struct forking *own = find_own();
    atomic_store(&spipe_control.pump.tid, 0);   /* it is not here */
    if (own == NULL)
        return;
    bool is_followed = atomic_load(&spipe_control.follows_children) != 0;
    unblock_signal(own);
    spipe_pump_fork(is_followed);
    if (is_followed)
        start_in_child(own);
    /* Other threads are not here. */
    memset(all_forking, 0, sizeof all_forking);
}

/* pthread_atfork() is no function of the shared library in glibc, but a piece of each program that calls this one. */
void spipe_fork_init(void)
{
    extern void *__dso_handle __attribute__((visibility("hidden")));
    int (*register_glibc)(handler *, handler *, handler *, void *);
    int (*register_other)(handler *, handler *, handler *);
    void *glibc = spipe_next_symbol("__register_atfork");
    void *other = spipe_next_symbol("pthread_atfork");
    memcpy(&register_glibc, &glibc, sizeof register_glibc);
    memcpy(&register_other, &other, sizeof register_other);
    if (register_glibc != NULL)
        (void)register_glibc(before_fork, in_parent, in_child, __dso_handle);
    else if (register_other != NULL)
        (void)register_other(before_fork, in_parent, in_child);
}
