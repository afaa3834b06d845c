/* SPDX-License-Identifier: MIT */
/*
 * Reads captures: exactly the bytes that an agent sent, one session after another.
 *
 * Whatever the bytes are, reading takes what is sound and then says where it stopped, and why. After a damaged place it
 * goes on at the next `sync` of a Checkpoint or at the next session's preface when there is one; what lies between is
 * counted.
 */
#ifndef SPIPE_HOST_CAPTURE_H
#define SPIPE_HOST_CAPTURE_H

#include "host_api.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spipe_capture_reason {
    SPIPE_CAPTURE_ENDED = 1,   /* the last session has said Goodbye, and nothing follows */
    SPIPE_CAPTURE_CUT = 2,     /* no Goodbye: it ends between two messages or within one */
    SPIPE_CAPTURE_DAMAGED = 3, /* some of it is not what an agent sends */
    SPIPE_CAPTURE_STOPPED = 4  /* by the callback */
};

struct spipe_capture_end {
    enum spipe_capture_reason reason;
    uint64_t offset;        /* CUT: where the last sound message ends. DAMAGED: where the first unsound place is */
    int status;             /* SPIPE_OK, or what the first unsound place gave */
    char text[160];         /* the same in words, without a full stop */
    uint64_t length;        /* of the input */
    uint64_t messages;      /* that were sound */
    uint32_t prefaces;      /* sessions begun */
    uint32_t resumed;       /* how often reading went on after a damaged place */
    uint64_t skipped_bytes; /* that belong to no sound message */
};

/* One unit of a capture: a preface or a message. */
struct spipe_capture_item {
    uint64_t offset;                   /* where it begins */
    struct spipe_bytes raw;            /* the preface, or the message with its length in front */
    const struct spipe_record *record; /* NULL: a preface */
    bool resumed;                      /* the first one after a damaged place */
};

/* Gets each unit in turn; what it points to is valid during the call. Anything but 0 stops the reading. */
typedef int (*spipe_capture_callback)(void *user, const struct spipe_capture_item *item);

/* Reads a file (regular file, pipe or device, or "-" for standard input), giving each unit to `callback`.
 * Returns 0 when it could be read, whatever its bytes are; SPIPE_E_NOT_FOUND, SPIPE_E_PERMISSION, SPIPE_E_NO_MEMORY or
 * SPIPE_E_SYSTEM when not. */
SPIPE_HOST_API int spipe_capture_read_file(const char *path, spipe_capture_callback callback, void *user,
                                           struct spipe_capture_end *ret_end);
SPIPE_HOST_API int spipe_capture_read_memory(const void *bytes, size_t len, spipe_capture_callback callback, void *user,
                                             struct spipe_capture_end *ret_end);

/* The same into a store. Records that the store refuses are counted there; they are not damage. */
SPIPE_HOST_API int spipe_capture_load_file(const char *path, struct spipe_store *store,
                                           struct spipe_capture_end *ret_end);
SPIPE_HOST_API int spipe_capture_load_memory(const void *bytes, size_t len, struct spipe_store *store,
                                             struct spipe_capture_end *ret_end);

/* What loading does with each unit: for callbacks that want more than a store of it. After the last one the session has
 * to be ended, see store.h. */
SPIPE_HOST_API void spipe_capture_feed(struct spipe_store *store, const struct spipe_capture_item *item);

/* The reason as one word: "goodbye", "cut", "damaged", "stopped". A static string. */
SPIPE_HOST_API const char *spipe_capture_reason_name(enum spipe_capture_reason reason);

#ifdef __cplusplus
}
#endif

#endif
