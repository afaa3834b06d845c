/* SPDX-License-Identifier: MIT */
/*
 * The stack of a thread that waits, taken without waking it: the kernel tells its stack pointer and pc, the stack is
 * copied while it sleeps, and walked by the tables. A copy counts only when the thread's CPU time shows that it has not
 * run meanwhile. Pump only.
 */
#ifndef SPIPE_AGENT_WAIT_STACK_H
#define SPIPE_AGENT_WAIT_STACK_H

#include "session.h"
#include "waiting.h"

/* `cpu_ns` is the thread's CPU time, read just before. For SPIPE_WAITING_THERE the stack's id is written. The outbox
 * must have its reserve. */
enum spipe_waiting spipe_wait_stack_find(struct spipe_session *session, const struct spipe_slot *slot, uint64_t cpu_ns,
                                         uint32_t *ret_stack_id);

#endif
