/* SPDX-License-Identifier: MIT */
/*
 * A stack walked again by elfutils' libdwfl, from registers and a copy of the stack: another reading of the same unwind
 * tables by other people's code.
 *
 * What libdwfl cannot do is told apart from what it says: code without unwind information, where it tries the frame
 * pointer as a guess; images whose file is not to be had; memory that was not copied. One thread.
 */
#ifndef SPIPE_HOST_SECOND_UNWINDER_H
#define SPIPE_HOST_SECOND_UNWINDER_H

#include "protocol/record.h"

/* No image of ours holds the address. */
#define SPIPE_SECOND_NO_IMAGE UINT32_MAX

/* An image at the place where it was loaded. */
struct spipe_second_image {
    uint32_t number; /* the caller's own */
    const char *path;
    struct spipe_bytes build_id;
    uint64_t load_address;
    uint64_t size;
    uint64_t address_in_file;
};

struct spipe_second_frame {
    uint64_t address;   /* the interrupted pc as it is, or the return address minus one */
    uint32_t image;     /* its number, or SPIPE_SECOND_NO_IMAGE */
    bool has_rules;     /* the image's tables speak of the address, so that its caller is no guess */
};

/* Why there is no further frame. */
enum spipe_second_end {
    SPIPE_SECOND_ROOT = 0,      /* the tables say that nobody called this */
    SPIPE_SECOND_NO_RULES = 1,  /* no tables for the last frame, and the frame pointer leads nowhere */
    SPIPE_SECOND_UNKNOWN_CODE = 2, /* the same in no image at all: generated code, or no code */
    SPIPE_SECOND_NO_FILE = 3,   /* the same in an image whose file is not to be had */
    SPIPE_SECOND_CUT = 4,       /* the stack goes on above what was copied */
    SPIPE_SECOND_NO_MEMORY = 5, /* the tables ask for memory outside the stack */
    SPIPE_SECOND_FAILED = 6,    /* libdwfl gives up for reasons of its own */
    SPIPE_SECOND_TOO_DEEP = 7   /* more frames than there is room for */
};
#define SPIPE_SECOND_ENDS 8u

struct spipe_second_unwinder;

/* NULL when there is no memory. */
struct spipe_second_unwinder *spipe_second_unwinder_new(void);
void spipe_second_unwinder_free(struct spipe_second_unwinder *unwinder);

/* Adds an image; what was there at its place goes. An image whose file is not to be had is kept as one without tables.
 * SPIPE_E_NO_MEMORY. */
int spipe_second_unwinder_add(struct spipe_second_unwinder *unwinder, const struct spipe_second_image *image);

/* Forgets all images. */
void spipe_second_unwinder_clear(struct spipe_second_unwinder *unwinder);

/* Walks. At most `max_frames` (1 or more) are written, innermost first; returns how many, 0 when the registers are not
 * those of a processor that is known here. `ret_why` gets libdwfl's words for SPIPE_SECOND_FAILED, else "". */
size_t spipe_second_unwinder_walk(struct spipe_second_unwinder *unwinder, const struct spipe_audit *audit,
                                  struct spipe_second_frame *frame, size_t max_frames, enum spipe_second_end *ret_end,
                                  const char **ret_why);

/* In a few words. A static string. */
const char *spipe_second_end_name(enum spipe_second_end end);

#endif
