/* SPDX-License-Identifier: MIT */
/*
 * What all exporters begin with: which samples are wanted, and those summed by thread and by stack of functions.
 */
#ifndef SPIPE_HOST_EXPORT_STACKS_H
#define SPIPE_HOST_EXPORT_STACKS_H

#include "calltree.h"
#include "host_api.h"
#include "store.h"
#include "symbols.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All 0 is everything of the CPU source. */
struct spipe_export_options {
    enum spipe_source_kind kind; /* SPIPE_SOURCE_WALL: the wall clock instead; 0: CPU samples */
    uint32_t states;             /* of the wall clock: 1 << enum spipe_state for each that is wanted; 0: all */
    const char *thread;    /* only threads with this name, or with this number as their tid; NULL: all */
    uint64_t from_ns;      /* only samples from here on, since the first session's origin */
    uint64_t to_ns;        /* and before this; 0: no end */
    bool leave_out_thread; /* collapsed stacks: do not begin each with its thread's name */
};

/* The function of samples without a stack. */
#define SPIPE_EXPORT_NO_STACK (UINT32_MAX - 1)

/* A function and the one that called it. Parents stand before their children; node 0 is the root, without a function.
 */
struct spipe_export_node {
    uint32_t parent;
    uint32_t function; /* of the symbols, or SPIPE_EXPORT_NO_STACK */
};

struct spipe_export_entry {
    uint32_t thread; /* index in the store */
    uint32_t node;
    uint32_t state; /* enum spipe_state */
    uint64_t samples;
    uint64_t weight_ns;
};

struct spipe_export_stacks {
    struct spipe_export_node *node;
    uint32_t node_count;
    struct spipe_export_entry *entry; /* sorted by thread, then node, then state; each once */
    size_t entry_count;
    uint64_t samples;
    uint64_t weight_ns;
};

/* Sums the wanted samples. SPIPE_E_NOT_FOUND: no thread is called so; SPIPE_E_NO_MEMORY; SPIPE_E_LIMIT: more nodes than
 * indexes can tell apart. Free with spipe_export_stacks_done(). */
SPIPE_HOST_API int spipe_export_stacks_init(const struct spipe_store *store, struct spipe_symbols *symbols,
                                            const struct spipe_export_options *options,
                                            struct spipe_export_stacks *ret_stacks);
SPIPE_HOST_API void spipe_export_stacks_done(struct spipe_export_stacks *stacks);

/* The name to show for a node's function. Lives as long as the symbols. */
SPIPE_HOST_API const char *spipe_export_function_name(const struct spipe_symbols *symbols, uint32_t function);

#ifdef __cplusplus
}
#endif

#endif
