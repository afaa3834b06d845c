/* SPDX-License-Identifier: MIT */
/*
 * Where threads wait, as a test double: waiting_fake.c defines the functions of agent/waiting.h in place of the system's
 * file. Threads that a test says nothing of run. Their stacks are empty: a walk finds the pc alone.
 */
#ifndef SPIPE_TESTS_WAITING_FAKE_H
#define SPIPE_TESTS_WAITING_FAKE_H

#include "agent/waiting.h"

struct waiting_fake {
    unsigned looks;         /* at all threads */
    bool tells_nothing;     /* the system has no places */
    bool has_no_queues;     /* nor times in queues */
    void (*on_copy)(void);  /* what happens while a stack is copied; NULL: nothing */
};

extern struct waiting_fake waiting_fake;

void waiting_fake_reset(void);

/* The thread sleeps at `pc`, or runs. */
void waiting_fake_sleep(int tid, uint64_t pc);
void waiting_fake_run(int tid);

/* How often its place was asked for. */
unsigned waiting_fake_looks(int tid);

/* How long the thread has waited for a CPU in its life. */
void waiting_fake_set_queued(int tid, uint64_t ns);

#endif
