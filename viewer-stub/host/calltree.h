/* SPDX-License-Identifier: MIT */
/*
 * Folds samples: first by distinct stack, then by function, into a tree and a flat table.
 *
 * Which functions a frame stands for is asked of the caller (symbols.h answers it with names): one frame may stand for
 * several, when the compiler has put one function into another. Recursion is counted once: a sample adds its weight
 * once to the total of each function that is anywhere on its stack, and to the self weight of its innermost one only.
 *
 * Folding reads the store as it is when it begins and may run while the store grows. Results belong to the caller.
 */
#ifndef SPIPE_HOST_CALLTREE_H
#define SPIPE_HOST_CALLTREE_H

#include "host_api.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How frames become functions. Function ids are the caller's: small numbers from 0 on, without large gaps. */
struct spipe_naming {
    void *user;
    /* The functions that `frame` stands for, the outermost first, valid until the next call. Returns how many: at least
     * one. */
    size_t (*functions)(void *user, uint32_t frame, const uint32_t **ret_functions);
    /* A function's name and the path of its image ("" when it has none), for those that print. May be NULL. */
    const char *(*name)(void *user, uint32_t function);
    const char *(*image)(void *user, uint32_t function);
};

/* Which samples are folded. All 0 but `session` is "all CPU samples": use SPIPE_CALLTREE_ALL. */
struct spipe_calltree_filter {
    enum spipe_source_kind kind; /* 0: SPIPE_SOURCE_CPU */
    uint32_t states;             /* 1 << enum spipe_state for each that is wanted; 0: all */
    uint64_t from_ns;
    uint64_t to_ns;         /* exclusive; 0: no end */
    const uint32_t *thread; /* indexes of the threads wanted; NULL: all */
    size_t thread_count;
    uint32_t session; /* SPIPE_STORE_NONE: all */
};
#define SPIPE_CALLTREE_ALL                                                                                             \
    {                                                                                                                  \
        SPIPE_SOURCE_UNKNOWN, 0, 0, 0, NULL, 0, SPIPE_STORE_NONE                                                          \
    }

/* ------------------------------------------------------------------------------------------------------------- by
 * stack */

/* The samples of one stack (of one thread in one state, when folded by thread). */
struct spipe_fold_entry {
    uint32_t thread; /* SPIPE_STORE_NONE when not folded by thread */
    uint32_t node;   /* SPIPE_STORE_NO_STACK: samples without a stack */
    uint32_t state;  /* enum spipe_state; SPIPE_STORE_NONE when not folded by thread */
    uint64_t samples;
    uint64_t weight; /* in the unit of the source: nanoseconds for CPU and wall time */
};

struct spipe_fold {
    struct spipe_fold_entry *entry; /* sorted by thread, then node, then state */
    size_t count;
    uint64_t samples;
    uint64_t weight;
};

/* Sums samples by stack, and with `by_thread` by thread and state as well. `filter` may be NULL for all CPU samples.
 * Returns 0, or SPIPE_E_NO_MEMORY. Free the result with spipe_fold_done(). */
SPIPE_HOST_API int spipe_fold_init(const struct spipe_store *store, const struct spipe_calltree_filter *filter,
                                   bool by_thread, struct spipe_fold *ret_fold);
SPIPE_HOST_API void spipe_fold_done(struct spipe_fold *fold);

/* ---------------------------------------------------------------------------------------------------------- by
 * function */

enum spipe_calltree_direction {
    SPIPE_CALLTREE_TOP_DOWN = 0, /* from the outermost function to what it calls */
    SPIPE_CALLTREE_BOTTOM_UP = 1 /* from the innermost function to its callers */
};

/* Node 0 is the root: function none, all samples. Children are sorted by total, the largest first. A parent's index is
 * smaller than its children's. In a bottom-up tree only the root's children have a self weight, which is also
 * their total. */
struct spipe_calltree_node {
    uint32_t function;     /* SPIPE_STORE_NONE: the root, and samples without a stack */
    uint32_t parent;       /* SPIPE_STORE_NONE: the root's */
    uint32_t first_child;  /* SPIPE_STORE_NONE: no children */
    uint32_t next_sibling; /* SPIPE_STORE_NONE: the last */
    uint64_t self;
    uint64_t total;
    uint64_t self_samples;
    uint64_t total_samples;
};

/* One row of the flat profile. */
struct spipe_calltree_function {
    uint32_t function;
    uint64_t self;
    uint64_t total; /* each sample once, however often the function recurs */
    uint64_t self_samples;
    uint64_t total_samples;
};

struct spipe_calltree {
    struct spipe_calltree_node *node;
    uint32_t node_count;
    struct spipe_calltree_function *function; /* sorted by self, then total, the largest first */
    uint32_t function_count;
};

/* Builds tree and flat profile. `filter` may be NULL for all CPU samples; `naming` may be NULL: each frame is then a
 * function, with the frame's index as its id. SPIPE_E_NO_MEMORY; SPIPE_E_LIMIT when the tree would have more than 64 Mi
 * nodes. */
SPIPE_HOST_API int spipe_calltree_init(const struct spipe_store *store, const struct spipe_calltree_filter *filter,
                                       const struct spipe_naming *naming, enum spipe_calltree_direction direction,
                                       struct spipe_calltree *ret_tree);

/* The same from sums that were made before, such as a part of a fold by thread. */
SPIPE_HOST_API int spipe_calltree_init_from(const struct spipe_store *store, const struct spipe_fold_entry *entry,
                                            size_t count, const struct spipe_naming *naming,
                                            enum spipe_calltree_direction direction, struct spipe_calltree *ret_tree);
SPIPE_HOST_API void spipe_calltree_done(struct spipe_calltree *tree);

#ifdef __cplusplus
}
#endif

#endif
