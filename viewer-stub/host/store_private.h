/* SPDX-License-Identifier: MIT */
/*
 * The store from the inside, for the files that make it up: store.c (life and feeding), store_queries.c,
 * store_session.c (who and when), store_definitions.c (what ids mean), store_samples.c (samples and markers).
 */
#ifndef SPIPE_HOST_STORE_PRIVATE_H
#define SPIPE_HOST_STORE_PRIVATE_H

#include "viewer-stub/host/column.h"
#include "viewer-stub/host/intern.h"
#include "viewer-stub/host/store.h"

#include "protocol/status.h"

#include <pthread.h>

/* Deeper stacks are refused: what reads the tree may walk from any node to its root. */
#define SPIPE_STORE_DEPTH_MAX 8192u
/* Times that are kept; the sum of two of them still fits. */
#define SPIPE_STORE_TIME_MAX   ((uint64_t)1 << 62)
#define SPIPE_STORE_SOURCE_MAX 255u

struct store_node {
    struct spipe_store_node node;
    uint32_t outermost;
    uint32_t depth;
};

struct store_thread {
    struct spipe_store_thread thread;
    uint32_t era; /* of the tables in which it was defined last */
    bool has_samples;
    uint64_t cpu_last_ns; /* of the last sample of each */
    uint64_t wall_last_ns;
};

struct store_image {
    struct spipe_store_image image;
    uint64_t session_key; /* tells images apart that have no content to compare; 0 for all others */
};

struct spipe_store {
    struct spipe_store_limits limits;
    struct spipe_budget budget;
    uint64_t seed;
    pthread_mutex_t lock; /* what can change after it was published: images, threads, sessions, counts */

    /* Entries that never change once they are published. */
    struct spipe_column time, thread, node_of, weight, source_of, state; /* of samples; `time` has the count */
    struct spipe_column nodes, frames, methods, strings, sources, markers;
    /* Entries that change, under the lock. */
    struct spipe_column images, threads, sessions;
    struct spipe_store_counts counts;

    /* The writer's alone. */
    struct spipe_texts texts;
    struct spipe_index node_index, frame_index, method_index, string_index, image_index, thread_index;
    struct spipe_ids image_ids, thread_ids, frame_ids, stack_ids, string_ids, method_ids, source_ids;
    uint32_t session; /* the present one; SPIPE_STORE_NONE before the first Hello and after the end */
    uint32_t era;     /* counts restarts of the tables */
    uint64_t quantum_ns;
};

/* The present session; only while store->session is one. */
struct spipe_store_session *store_session(struct spipe_store *store);

/* Converts a wire time of the present session. SPIPE_E_FORMAT when it cannot be. */
int store_time(struct spipe_store *store, uint64_t time, uint64_t *ret_ns);

/* Moves the session's last time. */
void store_touch(struct spipe_store *store, uint64_t time_ns);

/* Keeps a text once. */
int store_intern_text(struct spipe_store *store, const char *text, uint32_t *ret_string);
int store_keep_text(struct spipe_store *store, const char **text);
int store_keep_texts(struct spipe_store *store, const char *const **texts, size_t count);
int store_keep_bytes(struct spipe_store *store, struct spipe_bytes *bytes);

/* The next free entry of a column whose count fits 32 bits, to be filled and then published with store_push(). */
int store_reserve(struct spipe_store *store, struct spipe_column *column, void *ret_entry);
uint32_t store_push(struct spipe_column *column);

static inline uint64_t store_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t store_multiply(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* One for each kind that the store keeps; the record is refused as a whole or taken as a whole. */
int store_add_hello(struct spipe_store *store, const struct spipe_hello *hello);
int store_add_applied(struct spipe_store *store, const struct spipe_applied *applied);
int store_add_ledger(struct spipe_store *store, const struct spipe_ledger *ledger);
int store_add_goodbye(struct spipe_store *store, const struct spipe_goodbye *goodbye);
int store_add_checkpoint(struct spipe_store *store, const struct spipe_checkpoint *checkpoint);
int store_add_strings(struct spipe_store *store, const struct spipe_strings *strings);
int store_add_methods(struct spipe_store *store, const struct spipe_methods *methods);
int store_add_images(struct spipe_store *store, const struct spipe_images *images);
int store_add_threads(struct spipe_store *store, const struct spipe_threads *threads);
int store_add_frames(struct spipe_store *store, const struct spipe_frames *frames);
int store_add_stacks(struct spipe_store *store, const struct spipe_stacks *stacks);
int store_add_samples(struct spipe_store *store, const struct spipe_samples *samples);
int store_add_markers(struct spipe_store *store, const struct spipe_markers *markers);
void store_restart_tables(struct spipe_store *store);

#endif
