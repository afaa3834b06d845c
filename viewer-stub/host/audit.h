/* SPDX-License-Identifier: MIT */
/*
 * The audit of a capture's unwinding: each stack that came with registers and a copy of its memory (Audits) is walked
 * again by libdwfl, and compared with what the agent's own walk gave.
 *
 * The figure to look at is how many frames agree of those compared. A frame is compared when the unwind tables of the
 * code that it called speak of it; see audit_compare.h. One thread.
 */
#ifndef SPIPE_HOST_AUDIT_H
#define SPIPE_HOST_AUDIT_H

#include "capture.h"
#include "host_api.h"
#include "json.h"
#include "second_unwinder.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the two part. */
enum spipe_audit_cause {
    SPIPE_AUDIT_OTHER_CALLER = 0, /* both have a caller, but not the same one */
    SPIPE_AUDIT_NOT_THE_ROOT = 1, /* the agent says that nobody called this, libdwfl has a caller */
    SPIPE_AUDIT_GAVE_UP = 2,      /* the agent could not go on, libdwfl could */
    SPIPE_AUDIT_WENT_ON = 3       /* the agent has a caller where libdwfl says that nobody called this */
};
#define SPIPE_AUDIT_CAUSES 4u

/* A place whose caller is in dispute. */
struct spipe_audit_place {
    uint32_t image;   /* index in the store */
    uint64_t address; /* in the file */
    uint32_t frame;   /* the frame of the store that stands there, or SPIPE_STORE_NONE: the agent's own code */
    enum spipe_audit_cause cause;
    uint64_t count;
};

struct spipe_audit_image {
    uint64_t compared; /* callers of its code */
    uint64_t agreed;
};

struct spipe_audit_result {
    uint64_t stacks;
    uint64_t whole_stacks; /* all frames agree, up to the root, and each is proven by tables */
    uint64_t refused;      /* audits that make no sense */
    uint64_t skipped;      /* by the agent, for want of room */
    uint64_t compared;     /* frames: the callers that tables speak of */
    uint64_t agreed;
    uint64_t differing[SPIPE_AUDIT_CAUSES]; /* frames; also the number of stacks that differ */
    uint64_t behind;                        /* frames of the agent's from a difference on */
    uint64_t guessed_same; /* frames that libdwfl, without tables, found by the frame pointer */
    uint64_t guessed_other;
    uint64_t untold;       /* frames of the agent's where libdwfl has none */
    uint64_t ended[SPIPE_SECOND_ENDS]; /* stacks by how libdwfl's walk ended */

    struct spipe_audit_image *image; /* by index in the store; image_count of them */
    size_t image_count;
    struct spipe_audit_place *place; /* the most frequent first */
    size_t place_count;
};

/* Reads a capture (see capture.h) into `store`, which must be new, and does what there is to do on the way.
 * Returns as spipe_capture_load_file(); free the result with spipe_audit_done(). */
SPIPE_HOST_API int spipe_audit_file(const char *path, struct spipe_store *store, struct spipe_audit_result *ret_result,
                                    struct spipe_capture_end *ret_end);
SPIPE_HOST_API int spipe_audit_memory(const void *bytes, size_t len, struct spipe_store *store,
                                      struct spipe_audit_result *ret_result, struct spipe_capture_end *ret_end);
SPIPE_HOST_API void spipe_audit_done(struct spipe_audit_result *result);

/* In a few words, such as "another caller". A static string. */
SPIPE_HOST_API const char *spipe_audit_cause_name(enum spipe_audit_cause cause);

/* Writes the result as one JSON object, as a value. */
SPIPE_HOST_API void spipe_audit_write_json(const struct spipe_audit_result *result, const struct spipe_store *store,
                                           struct spipe_json *json);

#ifdef __cplusplus
}
#endif

#endif
