/* SPDX-License-Identifier: MIT */
/*
 * All that one capture says, as columns that only grow.
 *
 * The store is fed with records in their order: one session after another, of one process (a program that executes
 * another one goes on in a new session) or of several (followed children), each with any number of Checkpoints. The ids of the wire are mapped to indexes
 * that hold for the whole store and count from 0; places are told apart by what they are, not by their id, so that a
 * Checkpoint or another session never doubles an image, a frame or a stack node. Numbers from the wire are not trusted:
 * a record that names what was not defined is refused as a whole, counted, and the next one is taken.
 *
 * One thread feeds. Any thread may read at the same time: indexes below a count that was read are valid for as long as
 * the store lives, and pointers to entries, texts and columns never move. Memory is bounded by struct
 * spipe_store_limits.
 *
 * Times are nanoseconds since the first session's origin.
 */
#ifndef SPIPE_HOST_STORE_H
#define SPIPE_HOST_STORE_H

#include "host_api.h"
#include "protocol/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* "None" for every index. */
#define SPIPE_STORE_NONE UINT32_MAX
/* The stack node of samples without a stack, which is also the parent of all outermost nodes. */
#define SPIPE_STORE_NO_STACK 0u
/* Enum spipe_state of this version; other numbers count as running. */
#define SPIPE_STORE_STATES 3u

struct spipe_store;

/* 0 in any field is the default. */
struct spipe_store_limits {
    uint64_t samples;      /* 2^31 */
    uint32_t nodes;        /* 16 Mi */
    uint32_t frames;       /* 8 Mi */
    uint32_t images;       /* 64 Ki */
    uint32_t threads;      /* 1 Mi */
    uint32_t strings;      /* 4 Mi */
    uint32_t methods;      /* 4 Mi */
    uint32_t markers;      /* 64 Mi */
    uint32_t sessions;     /* 16 Ki */
    uint64_t memory_bytes; /* all of it: 8 GiB */
};

/* A loaded binary. Its content is told by build id, path, size and address in the file. */
struct spipe_store_image {
    const char *path; /* "" for memory without a file */
    struct spipe_bytes build_id;
    uint64_t load_address; /* where it was loaded last */
    uint64_t size;
    uint64_t address_in_file; /* add a frame's offset to get the address that symbol tables use */
    enum spipe_unwind unwind; /* the best that was said of it */
    uint32_t session;         /* the first one that had it */
    bool gone;                /* unloaded */
};

/* A code place. An image and an offset into it; or, with `image` none, a managed method and an offset into its code;
 * or, with `method` none too, a stand-in: `offset` is then an enum spipe_stand_in. */
struct spipe_store_frame {
    uint32_t image;
    uint32_t offset;
    uint32_t method;
};

/* A frame and the node that called it. A parent's index is always smaller than the node's. Stacks have at most 8192
 * frames; what is deeper is over the limit. */
struct spipe_store_node {
    uint32_t parent; /* SPIPE_STORE_NO_STACK for an outermost frame; node 0 itself has none */
    uint32_t frame;  /* node 0 has none */
};

struct spipe_store_method {
    uint32_t name_string;
    uint32_t file_string;
    uint32_t line;
    enum spipe_method_kind kind;
};

/* A thread of one session. */
struct spipe_store_thread {
    uint32_t session;
    uint32_t tid;
    const char *name;    /* the last one */
    uint64_t defined_ns; /* Thread.time */
    uint64_t first_ns;   /* of its first and last sample, when there are any */
    uint64_t last_ns;
    bool gone;
    uint64_t samples; /* CPU samples and the sum of their weights */
    uint64_t weight_ns;
    uint64_t wall_samples; /* wall-clock samples and the sum of their weights, by enum spipe_state */
    uint64_t wall_ns[SPIPE_STORE_STATES];
    struct spipe_thread_ledger ledger; /* the last totals of the CPU source; all 0 before the first */
    struct spipe_thread_ledger wall_ledger; /* and of the wall-clock source */
};

/* A stream of samples, told by its content: another period makes another source. */
struct spipe_store_source {
    enum spipe_source_kind kind;
    enum spipe_unit unit;
    uint32_t weight_quantum;
    const char *mechanism;
    bool tick_aligned;
};

struct spipe_store_marker {
    uint64_t time_ns;
    uint32_t thread; /* none: the host's */
    uint32_t name_string;
    int32_t value;
    enum spipe_phase phase;
};

struct spipe_store_session {
    struct spipe_hello hello;
    uint64_t origin_ns;           /* where its time 0 lies */
    struct spipe_applied applied; /* the last one */
    bool has_applied;
    struct spipe_ledger ledger; /* the last one; its threads are in struct spipe_store_thread */
    bool has_ledger;
    struct spipe_thread_ledger slotless; /* of threads that never got a slot */
    struct spipe_thread_ledger wall_slotless;
    struct spipe_goodbye goodbye;
    bool has_goodbye;
    bool is_over;     /* Goodbye, cut, or followed by another session */
    uint64_t last_ns; /* the last time that any of its records named */
    uint32_t checkpoint_count;
    uint64_t samples;    /* of all sources */
    uint64_t cpu_weight; /* of its CPU samples, in quanta: the ticks that have arrived */
};

/* Samples that lie next to each other in memory. Each column has `count` entries. */
struct spipe_store_span {
    size_t count;
    const uint64_t *time_ns;
    const uint32_t *thread;
    const uint32_t *node;
    const uint32_t *weight; /* in quanta of the source */
    const uint8_t *source;
    const uint8_t *state; /* enum spipe_state; 255 stands for all larger numbers */
};

/* What was taken and what was not. */
struct spipe_store_counts {
    uint64_t records;         /* all that were given */
    uint64_t unknown;         /* of kinds that this version does not know */
    uint64_t refused;         /* malformed, out of place, or naming what was not defined */
    uint64_t over_limit;      /* turned away by a limit or for want of memory */
    uint64_t samples_refused; /* in those */
    uint64_t times_backwards; /* runs that begin before the end of the same thread's last one */
    uint64_t bytes_samples;   /* on the wire, as far as the lengths were given */
    uint64_t bytes_definitions;
    uint64_t bytes_other;
    uint64_t memory_bytes; /* that the store holds */
};

/* Makes an empty store. `limits` may be NULL. NULL when there is no memory. */
SPIPE_HOST_API struct spipe_store *spipe_store_new(const struct spipe_store_limits *limits);
SPIPE_HOST_API void spipe_store_free(struct spipe_store *store);

/* Takes a record, copying what it keeps. `message_len` is its length on the wire, for the account; 0 when it is not
 * known. SPIPE_E_FORMAT: the record was refused. SPIPE_E_LIMIT, SPIPE_E_NO_MEMORY: it was not kept. The store goes on
 * in every case. */
SPIPE_HOST_API int spipe_store_add(struct spipe_store *store, const struct spipe_record *record, size_t message_len);

/* Says that the stream of the present session is over: by its end, or because a preface follows. */
SPIPE_HOST_API void spipe_store_end_session(struct spipe_store *store);

/* Says that the reader has lost its place and goes on after a Checkpoint's `sync`: all ids restart. */
SPIPE_HOST_API void spipe_store_restart_tables(struct spipe_store *store);

/* What an id of the wire means in the present session, since its tables restarted: an index, or SPIPE_STORE_NONE. Only on the
 * thread that feeds. */
SPIPE_HOST_API uint32_t spipe_store_find_stack(const struct spipe_store *store, uint32_t stack_id);
SPIPE_HOST_API uint32_t spipe_store_find_image(const struct spipe_store *store, uint32_t image_id);

/* How many there are; any thread, at any time. */
SPIPE_HOST_API uint64_t spipe_store_sample_count(const struct spipe_store *store);
SPIPE_HOST_API uint32_t spipe_store_node_count(const struct spipe_store *store); /* node 0 included */
SPIPE_HOST_API uint32_t spipe_store_frame_count(const struct spipe_store *store);
SPIPE_HOST_API uint32_t spipe_store_image_count(const struct spipe_store *store);
SPIPE_HOST_API uint32_t spipe_store_thread_count(const struct spipe_store *store);
SPIPE_HOST_API uint32_t spipe_store_source_count(const struct spipe_store *store);
SPIPE_HOST_API uint32_t spipe_store_string_count(const struct spipe_store *store); /* string 0 is "" */
SPIPE_HOST_API uint32_t spipe_store_method_count(const struct spipe_store *store);
SPIPE_HOST_API uint64_t spipe_store_marker_count(const struct spipe_store *store);
SPIPE_HOST_API uint32_t spipe_store_session_count(const struct spipe_store *store);

/* Entries, by an index below the count. What is returned by pointer never changes and lives as long as the store; what
 * can change is copied out, its texts living as long as the store. */
SPIPE_HOST_API const struct spipe_store_node *spipe_store_get_node(const struct spipe_store *store, uint32_t node);
SPIPE_HOST_API const struct spipe_store_frame *spipe_store_get_frame(const struct spipe_store *store, uint32_t frame);
SPIPE_HOST_API const struct spipe_store_method *spipe_store_get_method(const struct spipe_store *store,
                                                                       uint32_t method);
SPIPE_HOST_API const struct spipe_store_source *spipe_store_get_source(const struct spipe_store *store,
                                                                       uint32_t source);
SPIPE_HOST_API const struct spipe_store_marker *spipe_store_get_marker(const struct spipe_store *store,
                                                                       uint64_t marker);
SPIPE_HOST_API const char *spipe_store_get_string(const struct spipe_store *store, uint32_t string);
SPIPE_HOST_API void spipe_store_get_image(const struct spipe_store *store, uint32_t image,
                                          struct spipe_store_image *ret_image);
SPIPE_HOST_API void spipe_store_get_thread(const struct spipe_store *store, uint32_t thread,
                                           struct spipe_store_thread *ret_thread);
SPIPE_HOST_API void spipe_store_get_session(const struct spipe_store *store, uint32_t session,
                                            struct spipe_store_session *ret_session);
SPIPE_HOST_API void spipe_store_get_counts(const struct spipe_store *store, struct spipe_store_counts *ret_counts);

/* The samples from `first` on that lie together; the next ones begin at first + count. Returns the count, 0 after the
 * last.
 *
 *     for (uint64_t at = 0; spipe_store_get_samples(store, at, &span) > 0; at += span.count) ... */
SPIPE_HOST_API size_t spipe_store_get_samples(const struct spipe_store *store, uint64_t first,
                                              struct spipe_store_span *ret_span);

/* The outermost node of a stack: `node` itself or the last of its parents before SPIPE_STORE_NO_STACK. */
SPIPE_HOST_API uint32_t spipe_store_get_outermost(const struct spipe_store *store, uint32_t node);

/* True when the capture has a source of that kind. */
SPIPE_HOST_API bool spipe_store_has_kind(const struct spipe_store *store, enum spipe_source_kind kind);

/* True when the frame is a stand-in, which is then put into `ret_stand_in` (may be NULL). */
SPIPE_HOST_API bool spipe_store_is_stand_in(const struct spipe_store *store, uint32_t frame, uint32_t *ret_stand_in);

#ifdef __cplusplus
}
#endif

#endif
