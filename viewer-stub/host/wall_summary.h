/* SPDX-License-Identifier: MIT */
/*
 * What the wall clock of a capture comes to: how much of the threads' lives they ran, waited for a CPU, or slept, and
 * where. Arrays are by enum spipe_state. Sums go over all sessions; lists are sorted, the largest first.
 */
#ifndef SPIPE_HOST_WALL_SUMMARY_H
#define SPIPE_HOST_WALL_SUMMARY_H

#include "calltree.h"
#include "host_api.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spipe_wall_summary_thread {
    uint32_t thread; /* its index in the store */
    uint32_t tid;
    const char *name;
    uint64_t ns[SPIPE_STORE_STATES];
};

struct spipe_wall_summary_function {
    uint32_t function;
    const char *name;
    const char *image;
    uint64_t self_ns[SPIPE_STORE_STATES];
    uint64_t total_ns[SPIPE_STORE_STATES];
};

struct spipe_wall_summary {
    bool has_source;       /* else all of the rest is 0 */
    double rate_hz;        /* of the last settings */
    const char *mechanism;
    uint64_t samples;
    uint64_t ns[SPIPE_STORE_STATES];
    uint64_t weight_ns;    /* their sum */
    uint64_t rooted_ns;    /* at stacks that reach their thread's root */
    uint64_t not_seen_ns;  /* at places that nobody saw */

    uint64_t attempted;
    uint64_t sent;
    uint64_t pending;
    uint64_t dropped_pipe_full;
    uint64_t dropped_paused;

    struct spipe_wall_summary_thread *thread; /* that have samples */
    size_t thread_count;
    struct spipe_wall_summary_function *function; /* the largest `top` ones, by self weight */
    size_t function_count;
    size_t function_total; /* how many functions there are in all */
};

/* Fills the summary; functions only with a `naming`, at most `top` of them, all with 0. Texts belong to the store or to
 * `naming`; free it with spipe_wall_summary_done(). SPIPE_E_NO_MEMORY. */
SPIPE_HOST_API int spipe_wall_summary_init(const struct spipe_store *store, const struct spipe_naming *naming,
                                           size_t top, struct spipe_wall_summary *ret_wall);
SPIPE_HOST_API void spipe_wall_summary_done(struct spipe_wall_summary *wall);

/* The sum over all states. */
SPIPE_HOST_API uint64_t spipe_wall_summary_sum(const uint64_t *ns);

/* What a state is called: "running", "waiting", "waiting for a CPU". A static string. */
SPIPE_HOST_API const char *spipe_wall_summary_state_name(uint32_t state);

#ifdef __cplusplus
}
#endif

#endif
