/* SPDX-License-Identifier: MIT */
#include "wrappers.h"

#include "clock.h"
#include "control.h"
#include "entry.h"
#include "handler.h"
#include "next_symbol.h"
#include "protocol/system_linux.h"
#include "sampler.h"
#include "threads.h"
#include "wrapper_jumps.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))
#define FILTER_FOR_ALL_THREADS 1u   /* SECCOMP_FILTER_FLAG_TSYNC */
#define FILTER_MODE 1               /* SECCOMP_SET_MODE_FILTER */
#define STRICT_MODE 1               /* SECCOMP_MODE_STRICT */
#define STRICT_OPERATION 0          /* SECCOMP_SET_MODE_STRICT */
#define END_MS 5000u

typedef void *thread_routine(void *);

/* The functions behind the wrappers, and those of libc that are called by name because their versions differ between
 * systems. */
static struct {
    int (*pthread_create)(pthread_t *, const pthread_attr_t *, thread_routine *, void *);
    int (*pthread_key_create)(pthread_key_t *, void (*)(void *));
    int (*pthread_setspecific)(pthread_key_t, const void *);
    int (*pthread_attr_init)(pthread_attr_t *);
    int (*pthread_attr_destroy)(pthread_attr_t *);
    int (*pthread_attr_getstacksize)(const pthread_attr_t *, size_t *);
    int (*prctl)(int, ...);
    int (*unshare)(int);
    int (*setns)(int, int);
    int (*dlclose)(void *);
} next;

static bool is_ready;
static bool has_key;
static pthread_key_t key;
static size_t default_stack_size;

static void find(void *function, const char *name)
{
    void *address = spipe_next_symbol(name);
    memcpy(function, &address, sizeof address);
}

#define FIND(name) find(&next.name, #name)

static void end_thread(void *argument)
{
    if (spipe_control_is_own_process())
        spipe_threads_leave(argument);
}

static void read_default_stack_size(void)
{
    pthread_attr_t attributes;
    if (next.pthread_attr_init == NULL || next.pthread_attr_getstacksize == NULL ||
        next.pthread_attr_init(&attributes) != 0)
        return;
    (void)next.pthread_attr_getstacksize(&attributes, &default_stack_size);
    if (next.pthread_attr_destroy != NULL)
        (void)next.pthread_attr_destroy(&attributes);
}

static void *no_library(void)
{
    errno = ENOSYS;
    return NULL;
}

/* Old systems may come without dlopen(); the jump must lead somewhere all the same. */
static void stand_in_for_missing(void)
{
    void *(*function)(void) = no_library;
    void *address;
    memcpy(&address, &function, sizeof address);
    if (spipe_next_syscall == NULL)
        spipe_next_syscall = address;
    if (spipe_next_dlopen == NULL)
        spipe_next_dlopen = address;
    if (spipe_next_dlmopen == NULL)
        spipe_next_dlmopen = address;
}

void spipe_wrappers_init(void)
{
    if (is_ready)
        return;
    is_ready = true;
    FIND(pthread_create);
    FIND(pthread_key_create);
    FIND(pthread_setspecific);
    FIND(pthread_attr_init);
    FIND(pthread_attr_destroy);
    FIND(pthread_attr_getstacksize);
    FIND(prctl);
    find(&spipe_next_syscall, "syscall");
    find(&spipe_next_dlopen, "dlopen");
    find(&spipe_next_dlmopen, "dlmopen");
    stand_in_for_missing();
    FIND(unshare);
    FIND(setns);
    FIND(dlclose);
    spipe_signal_wrappers_init();
    spipe_exec_wrappers_init();
    read_default_stack_size();
}

void spipe_wrappers_fork(void)
{
    if (has_key)
        (void)next.pthread_setspecific(key, NULL);
}

/* A library that came later (libpthread in old systems, by dlopen) may hold what was not there before. */
static bool has_next(void *function, const char *name)
{
    void *address;
    spipe_wrappers_init();
    memcpy(&address, function, sizeof address);
    if (address == NULL)
        find(function, name);
    memcpy(&address, function, sizeof address);
    if (address == NULL)
        errno = ENOSYS;
    return address != NULL;
}

#define HAS_NEXT(name) has_next(&next.name, #name)

/* -------------------------------------------------------------------------------------------------------- threads */

static bool make_key(void)
{
    if (!has_key && next.pthread_key_create != NULL && next.pthread_setspecific != NULL)
        has_key = next.pthread_key_create(&key, end_thread) == 0;
    return has_key;
}

static void begin_thread(struct spipe_slot *slot)
{
    if (has_key)
        (void)next.pthread_setspecific(key, slot);
    spipe_threads_enter(slot);
    if (spipe_sampler_needs_pump())
        spipe_control_request(SPIPE_REQUEST_NEW_THREAD);
}

/* The call at the end leaves no frame of ours on the thread's stack. */
static void *run_thread(void *argument)
{
    struct spipe_slot *slot = argument;
    thread_routine *routine = slot->routine;
    void *routine_argument = slot->argument;
    begin_thread(slot);
    return routine(routine_argument);
}

static struct spipe_slot *claim_for_thread(const pthread_attr_t *attributes, thread_routine *routine, void *argument)
{
    if (atomic_load(&spipe_control.is_active) == 0 || !spipe_control_is_own_process() || !make_key())
        return NULL;
    struct spipe_slot *slot = spipe_slot_claim();
    if (slot == NULL)
        return NULL;    /* the ledger finds its CPU time as "no slot" */
    size_t size = default_stack_size;
    if (attributes != NULL && next.pthread_attr_getstacksize != NULL)
        (void)next.pthread_attr_getstacksize(attributes, &size);
    slot->routine = routine;
    slot->argument = argument;
    slot->stack_size = size;
    return slot;
}

EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, thread_routine *routine, void *argument)
{
    if (!HAS_NEXT(pthread_create))
        return EAGAIN;
    struct spipe_slot *slot = claim_for_thread(attributes, routine, argument);
    if (slot == NULL)
        return next.pthread_create(thread, attributes, routine, argument);
    int status = next.pthread_create(thread, attributes, run_thread, slot);
    if (status != 0)
        spipe_slot_release(slot);
    return status;
}

/* -------------------------------------------------------------------------------------------- filters, namespaces */

static void leave_for(enum spipe_goodbye_reason reason, const char *text)
{
    if (spipe_control_is_own_process())
        spipe_control_leave(reason, text);
}

EXPORT int prctl(int option, ...)
{
    unsigned long argument[4];
    va_list list;
    va_start(list, option);
    for (unsigned i = 0; i < 4; i++)
        argument[i] = va_arg(list, unsigned long);
    va_end(list);
    if (!HAS_NEXT(prctl))
        return -1;
    /* Both take the processor's time stamp counter from the calling thread. */
    if ((option == PR_SET_SECCOMP && argument[0] == STRICT_MODE) ||
        (option == PR_SET_TSC && argument[0] == PR_TSC_SIGSEGV))
        spipe_clock_go_without_counter();
    /* This filter is for the calling thread and those it creates: the pump goes on, but on the program's threads all
     * calls end. */
    if (option == PR_SET_SECCOMP && spipe_control_is_own_process())
        atomic_store(&spipe_control.is_filtered, 1);
    return next.prctl(option, argument[0], argument[1], argument[2], argument[3]);
}

void spipe_wrappers_before_syscall(long number, long operation, long flags)
{
    spipe_wrappers_init();
    if (number != SYS_seccomp)
        return;
    if (operation == STRICT_OPERATION)
        spipe_clock_go_without_counter();
    if (operation == FILTER_MODE && ((unsigned long)flags & FILTER_FOR_ALL_THREADS))
        leave_for(SPIPE_GOODBYE_AGENT_FAILED, "the program filters system calls of all threads");
    if (spipe_control_is_own_process())
        atomic_store(&spipe_control.is_filtered, 1);
}

/* On a machine that is busy the pump's thread may be late to end; what depends on its end waits on. */
static void await_end(void)
{
    (void)spipe_thread_join(&spipe_control.pump, END_MS);
}

/* A thread that has ended belongs to the process for a moment more. */
static void await_gone(int tid)
{
    struct timespec moment = {0, 50000};
    uint64_t end_ns = spipe_clock_monotonic_ns() + END_MS * UINT64_C(1000000);
    while (tid != 0 && spipe_system(SYS_tgkill, spipe_control.process_id, tid, 0) == 0 &&
           spipe_clock_monotonic_ns() < end_ns)
        (void)spipe_system(SYS_nanosleep, &moment, NULL);
}

/* A process with several threads may not do this; so that it has as many as without us, ours ends before and comes
 * back after. */
static bool leave_for_namespace(void)
{
    if (!spipe_control_is_own_process() || atomic_load(&spipe_control.pump.tid) == 0)
        return false;
    int pump_tid = (int)atomic_load(&spipe_control.pump.tid);
    int watcher_tid = spipe_sampler_own_tid();
    spipe_control_leave(SPIPE_GOODBYE_AGENT_FAILED, "the program changes its namespaces");
    await_end();
    await_gone(watcher_tid);
    await_gone(pump_tid);
    return true;
}

EXPORT int unshare(int flags)
{
    if (!HAS_NEXT(unshare))
        return -1;
    bool is_for_single_threads = (flags & (CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) != 0;
    bool has_left = is_for_single_threads && leave_for_namespace();
    int result = next.unshare(flags);
    spipe_entry_come_back(has_left);
    return result;
}

EXPORT int setns(int descriptor, int type)
{
    if (!HAS_NEXT(setns))
        return -1;
    bool has_left = leave_for_namespace();
    int result = next.setns(descriptor, type);
    spipe_entry_come_back(has_left);
    return result;
}

/* ------------------------------------------------------------------------------------------------------ libraries */

static void say_stale(void)
{
    if (atomic_load(&spipe_handler_shared.map_is_stale) == 0)
        atomic_store(&spipe_handler_shared.stale_since_ns, spipe_clock_monotonic_ns());
    atomic_store(&spipe_handler_shared.map_is_stale, 1);
    spipe_control_request(SPIPE_REQUEST_LOOK);
}

/* Code that nobody knew is expected from now on: the pump then looks at the mappings without delay. */
void spipe_wrappers_before_dlopen(void)
{
    spipe_wrappers_init();
    atomic_fetch_add(&spipe_control.dlopen_count, 1);
}

EXPORT int dlclose(void *handle)
{
    if (!HAS_NEXT(dlclose))
        return -1;
    if (atomic_load(&spipe_control.is_active) == 0 || !spipe_control_is_own_process())
        return next.dlclose(handle);
    /* Before: the code may be gone at any moment from here on. After: a look taken in between saw it still there. */
    say_stale();
    int result = next.dlclose(handle);
    say_stale();
    return result;
}
