/* SPDX-License-Identifier: MIT */
/*
 * For tests: a code map of this process with the tables of all its images, and walks from the contexts that signals
 * bring.
 */
#ifndef SPIPE_TESTS_UNWIND_PROCESS_H
#define SPIPE_TESTS_UNWIND_PROCESS_H

#include "agent/unwind.h"

#include <ucontext.h>

#define CAPTURE_DEPTH 512u

struct capture {
    uint64_t address[CAPTURE_DEPTH];
    size_t depth;
    uint64_t needed;
    enum spipe_walk_end end;
};

/* Makes the map of all images that are loaded now. Aborts the test when it cannot. */
struct spipe_code_map *process_map_new(void);
void process_map_free(struct spipe_code_map *map);

/* The end of the stack that the address lies in, by /proc/self/maps; 0 when it is in none. Not in a handler. */
uint64_t process_stack_end(const void *address);

struct spipe_registers process_registers(const ucontext_t *context);

/* Walks the running thread's stack from a signal's context. Handler-safe. */
void process_walk(const struct spipe_code_map *map, const ucontext_t *context, uint64_t stack_end,
                  struct spipe_walk_cache *cache, struct capture *ret_capture);

#endif
