/* SPDX-License-Identifier: MIT */
/* For programs that have the whole agent in themselves: what the agent keeps for a thread, and samples sent by hand. */
#ifndef SPIPE_BENCH_OWN_SLOT_H
#define SPIPE_BENCH_OWN_SLOT_H

#include "agent/slot.h"

/* Waits until a session samples the calling thread. NULL, with a word on stderr, when none comes. */
struct spipe_slot *own_slot_wait(void);

/* The samples that its ring had no room for. */
unsigned long own_slot_lost(const struct spipe_slot *slot);

#endif
