/* SPDX-License-Identifier: MIT */
/*
 * Where a thread of this process waits, seen from outside: it is neither woken nor signalled, and no privilege is
 * needed. Pump only.
 */
#ifndef SPIPE_AGENT_WAITING_H
#define SPIPE_AGENT_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spipe_waiting {
    SPIPE_WAITING_NOT = 0,      /* it runs, or would if it had a CPU */
    SPIPE_WAITING_THERE = 1,    /* in the kernel, and the place is known */
    SPIPE_WAITING_UNKNOWN = 2   /* the system does not tell */
};

struct spipe_waiting_place {
    uint64_t stack_pointer;
    uint64_t pc;
};

/* What the thread does at this moment. The place is written for SPIPE_WAITING_THERE only; it holds for as long as the
 * thread's CPU time does not change. */
enum spipe_waiting spipe_waiting_look(int tid, struct spipe_waiting_place *ret_place);

/* Copies up to `len` bytes of memory from `address` on. Returns how many could be read: fewer where the mapping ends. */
size_t spipe_waiting_copy(uint64_t address, void *bytes, size_t len);

/* How long the thread has waited for a CPU in its life, until it got one last. False when the system does not tell. */
bool spipe_waiting_for_cpu_ns(int tid, uint64_t *ret_ns);

#endif
