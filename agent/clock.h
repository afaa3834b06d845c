/* SPDX-License-Identifier: MIT */
/*
 * Clocks of the sampled process. spipe_clock_handler_ns() makes no system call on any machine, so a handler may call it
 * under any seccomp filter; the others are for agent threads and for the program's own threads outside of handlers.
 */
#ifndef SPIPE_AGENT_CLOCK_H
#define SPIPE_AGENT_CLOCK_H

#include <stdint.h>

/* Finds the vDSO's clock and whether the machine's clock source is one that it reads without the kernel's help. Once,
 * before any handler runs. */
void spipe_clock_init(void);

/* CLOCK_MONOTONIC; where the vDSO cannot read the exact one by itself, the time of the last kernel tick. */
uint64_t spipe_clock_handler_ns(void);

/* From now on spipe_clock_handler_ns() reads no processor's counter: a thread that may not would die of it. The time is then
 * that of the last tick. */
void spipe_clock_go_without_counter(void);

/* Exact CLOCK_MONOTONIC, CLOCK_REALTIME, in ns. */
uint64_t spipe_clock_monotonic_ns(void);
uint64_t spipe_clock_real_ns(void);

/* CPU time of a thread of this process; 0 when there is no such thread. */
uint64_t spipe_clock_thread_cpu_ns(int tid);

/* User and system time of the whole process, and of the calling thread, in us. */
void spipe_clock_process_cpu(uint64_t *ret_user_us, uint64_t *ret_system_us);
void spipe_clock_self_cpu(uint64_t *ret_user_us, uint64_t *ret_system_us);

/* The kernel's tick, in ns: CPU timers expire on it. */
uint64_t spipe_clock_tick_ns(void);

/* The clock id of a thread's CPU time (see the kernel's posix-timers.h: the id's complement, shifted, and the kind). */
static inline int spipe_clock_of_thread(int tid)
{
    return (int)(~(unsigned)tid << 3 | 6u);
}

#endif
