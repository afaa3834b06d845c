/* SPDX-License-Identifier: MIT */
/*
 * The walk: from the registers of an interrupted thread to the addresses of its stack.
 *
 * It runs inside a signal handler on the sampled thread, and on the pump for copied slices. It calls nothing, needs
 * less than 450 bytes of stack, and loads only from the map, the tables and the stack view it is given, so no content
 * of registers or stack can make it fault. Every step must move up the stack, so it always ends.
 */
#ifndef SPIPE_AGENT_UNWIND_H
#define SPIPE_AGENT_UNWIND_H

#include "code_map.h"
#include "unwind_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By DWARF's register numbers for x86-64: rax 0, rdx 1, rcx 2, rbx 3, rsi 4, rdi 5, rbp 6, rsp 7, r8 to r15 8 to 15,
 * rip 16. */
struct spipe_registers {
    uint64_t value[17];
};

/* The readable part of the thread's stack, [low, high). `bytes` is where the byte of address `low` can be read: the
 * stack itself or a copy. Bytes below the stack pointer (its red zone) may be part of the view. */
struct spipe_stack_view {
    uint64_t low;
    uint64_t high;
    const unsigned char *bytes;
};

enum spipe_walk_end {
    SPIPE_WALK_ROOT = 0,            /* complete: the thread's first frame was reached, and something proves it */
    SPIPE_WALK_NEEDS_TABLE = 1,     /* the last address lies in SPIPE_CODE_UNBUILT; walk again with its table */
    SPIPE_WALK_UNKNOWN_CODE = 2,    /* met an address in no range that may be code: look at the process's maps again */
    SPIPE_WALK_TOO_DEEP = 3,        /* max_depth addresses, and the stack goes on */
    SPIPE_WALK_NO_TABLE = 4,        /* code without rules, and the frame pointer leads nowhere */
    SPIPE_WALK_BAD_TABLE = 5,       /* the rules there cannot be followed */
    SPIPE_WALK_OUTSIDE_STACK = 6,   /* the stack pointer, or what had to be read, is not in the view */
    SPIPE_WALK_NOT_CODE = 7,        /* a return address that cannot be code */
    SPIPE_WALK_NO_PROGRESS = 8      /* the caller's frame would not lie above its callee's */
};

/* Remembers which rule goes with an address. Belongs to one thread; starts as zeros. Emptied by itself when the map
 * changes. It holds no pointers, so it need not know when a table is freed. */
#define SPIPE_WALK_CACHE_ENTRIES 512u

struct spipe_walk_cache_entry {
    uint64_t address;               /* 0: empty */
    struct spipe_unwind_step step;
};

struct spipe_walk_cache {
    uint32_t generation;            /* of the map that the entries were found with; 0: none */
    uint32_t unused;
    uint64_t reached;               /* the stack pointer of the frame where the last walk ended */
    struct spipe_walk_cache_entry entry[SPIPE_WALK_CACHE_ENTRIES];
};

/* Walks the stack, innermost frame first. addresses[0] is the interrupted pc as it is; each caller is its return
 * address minus one, so that it lies in the call; the frame that a signal interrupted is its saved pc as it is. At
 * most max_depth (1 or more) addresses are written. `cache` may be NULL.
 *
 * All outputs are always written: ret_depth is at least 1; ret_needed is the address that NEEDS_TABLE and
 * UNKNOWN_CODE speak of, otherwise 0. An unknown address is not among the addresses, unless it is the interrupted pc
 * itself. */
enum spipe_walk_end spipe_unwind_walk(const struct spipe_code_map *map, const struct spipe_stack_view *stack,
                                      const struct spipe_registers *registers, struct spipe_walk_cache *cache,
                                      uint64_t *addresses, size_t max_depth, size_t *ret_depth, uint64_t *ret_needed);

/* Where a walk begins that does not know all registers, and where it ended. */
struct spipe_walk_place {
    struct spipe_registers registers;
    uint32_t known;                 /* which of them hold: a bit for each, by number */
    bool is_exact;                  /* the pc was interrupted; else it is a return address */
};

#define SPIPE_WALK_KNOWS(number) (UINT32_C(1) << (number))
#define SPIPE_WALK_KNOWS_ALL (SPIPE_WALK_KNOWS(SPIPE_REGISTER_COUNT) - 1)

/* The same walk from `place`, of which rsp and rip must be known. `place` becomes that of the last frame whose caller
 * was looked for: when the walk ended for want of a register, one who finds it can walk on from there; the first
 * address is then the last of this walk again. Not for handlers, whose stack is small. */
enum spipe_walk_end spipe_unwind_walk_from(const struct spipe_code_map *map, const struct spipe_stack_view *stack,
                                           struct spipe_walk_place *place, uint64_t *addresses, size_t max_depth,
                                           size_t *ret_depth, uint64_t *ret_needed);

#endif
