/* SPDX-License-Identifier: MIT */
/*
 * Walks copies of stacks, on the pump, and gets the tables that a walk needs.
 *
 * A copy that is cut short goes on in the thread's own memory, if that is wanted and the last 4 KiB of the copy are
 * still there as they were: hardly anything above them can have been left in the meantime then. That is good enough for
 * the few stacks after which slices are larger.
 *
 * A copy that the kernel made has nothing of the red zone below the stack pointer, where assembly may keep the stack
 * pointer of its caller: another copy of that word is then looked for in the frame. Pump only.
 */
#ifndef SPIPE_AGENT_COPIED_STACK_H
#define SPIPE_AGENT_COPIED_STACK_H

#include "session.h"
#include "unwind.h"

struct spipe_copied_stack {
    const struct spipe_registers *registers;
    struct spipe_stack_view view;
    bool is_cut;                /* the stack goes on above the view */
    bool may_read_on;
    bool was_short;             /* afterwards: the copy was not enough */
};

/* Takes memory. False when there is none. */
bool spipe_copied_stack_init(void);

/* In a forked child, where that memory is not. */
void spipe_copied_stack_fork(void);

/* Walks it. TOO_DEEP when the walk has reached the end of a view that is cut. The view may be another one afterwards,
 * in memory that holds until the next walk: what it was in is not needed while a table is made. */
enum spipe_walk_end spipe_copied_stack_walk(struct spipe_session *session, struct spipe_copied_stack *stack,
                                            uint64_t *address, uint32_t *ret_depth);

/* The stack pointer of the frame where the last walk ended. */
uint64_t spipe_copied_stack_reached(void);

#endif
