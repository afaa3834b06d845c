/* SPDX-License-Identifier: MIT */
/* Where the slots are: shared by slot.c and slot_signal.c only. */
#ifndef SPIPE_AGENT_SLOT_POOL_H
#define SPIPE_AGENT_SLOT_POOL_H

#include "slot.h"

extern struct spipe_slot *spipe_slot_pool;  /* written once, before any handler runs */

#endif
