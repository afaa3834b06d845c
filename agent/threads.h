/* SPDX-License-Identifier: MIT */
/*
 * Which threads the process has: those that the wrapper announces, and those that a scan finds (threads there before
 * the agent, or made behind the wrapper's back). Pump only, except where said.
 */
#ifndef SPIPE_AGENT_THREADS_H
#define SPIPE_AGENT_THREADS_H

#include "session.h"

/* The stack of the main thread; from the auxiliary vector and the stack's limit. On the main thread, once. */
void spipe_threads_note_main(void);

/* Where the calling thread's stack is, as far as it is known; else both 0. Any thread of the program's. */
void spipe_threads_find_own_stack(uint64_t *ret_low, uint64_t *ret_high);

/* In a forked child: its main thread is the one that forked, on that stack. */
void spipe_threads_note_forked(uint64_t stack_low, uint64_t stack_high);

/* Reads /proc/self/task: gives new threads a slot, ends the slots of threads that are gone. `agent_tid` is the pump's
 * own. */
void spipe_threads_scan(struct spipe_session *session, int agent_tid);

/* Gives a thread that was met by its samples a slot; NULL when it is gone, or there is none. */
struct spipe_slot *spipe_threads_adopt(int tid);

/* All threads but the agent's own, also those that have no slot yet; at most `max`. Returns how many. */
uint32_t spipe_threads_list(int32_t *tid, uint32_t max);

/* CPU time of a thread in its own code, in the kernel's 1/100 s. False when it is gone. Any thread. */
bool spipe_threads_user_ticks(int tid, uint64_t *ret_ticks);

/* True while a thread that is being made has a slot which does not name it yet. */
bool spipe_threads_any_claimed(void);

/* Gives back the slots of ended threads whose samples have been taken; gives those that wait for the pump their
 * event. Each round. */
void spipe_threads_tend(struct spipe_session *session);

/* Once a second: names that changed, threads that block our signal. */
void spipe_threads_refresh(struct spipe_session *session);

/* True when, besides agent threads, no thread of the process is left. */
bool spipe_threads_none_left(int agent_tid);

/* When the main thread has ended, and all others but the calling one: ends the process with the main thread's status. Else
 * an agent thread would be the last one, and the process's status what that ends with. */
void spipe_threads_end_process(void);

/* Called on a thread of the program's own: makes its slot live and arms it; `slot` was claimed by its creator. */
void spipe_threads_enter(struct spipe_slot *slot);

/* Called on that thread at its end. */
void spipe_threads_leave(struct spipe_slot *slot);

#endif
