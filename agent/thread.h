/* SPDX-License-Identifier: MIT */
/*
 * Threads of the agent's own, and the futex that they and the program meet on.
 *
 * On Linux these are threads that libc does not know: a pthread would end the program's single-threaded fast paths and
 * could hang pthread_exit and setuid. They have a small thread-local block of their own, so that a libc function which
 * looks at errno finds memory, but none of libc's own state: only memory functions of libc may be called on them. All
 * signals are blocked on them.
 */
#ifndef SPIPE_AGENT_THREAD_H
#define SPIPE_AGENT_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct spipe_agent_thread {
    void *memory;               /* stack and thread-local block; kept for the next start */
    void (*run)(void *);
    void *argument;
    const char *name;           /* at most 15 bytes; a static string */
    _Atomic uint32_t tid;       /* 0: does not run; cleared by the kernel at the very end */
};

/* Starts a thread. False when the system refuses, or when it still runs. */
bool spipe_thread_start(struct spipe_agent_thread *thread, void (*run)(void *), void *argument, const char *name);

/* Waits until it has ended. False when the time is up. */
bool spipe_thread_join(struct spipe_agent_thread *thread, uint32_t timeout_ms);

/* Waits while *word is `value`, at most `timeout_ns` (UINT64_MAX: for ever), or until woken; may return early. */
void spipe_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns);

/* Wakes all who wait on it. */
void spipe_futex_wake(_Atomic uint32_t *word);

#endif
