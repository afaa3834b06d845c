/* SPDX-License-Identifier: MIT */
/*
 * One stack as the agent walked it beside the same stack as libdwfl did, frame by frame.
 *
 * A caller is compared where the tables of the code that it called speak of it: there both readings must come to the
 * same. Where libdwfl could only guess, or could not go on, nothing is proven, and it is counted apart. The first
 * difference ends the comparison of a stack, as whatever comes behind it follows from it.
 */
#ifndef SPIPE_HOST_AUDIT_COMPARE_H
#define SPIPE_HOST_AUDIT_COMPARE_H

#include "viewer-stub/host/audit.h"

#include <stdbool.h>

struct spipe_audit_frame {
    uint32_t image;  /* index in the store, or SPIPE_STORE_NONE: in no image that is known */
    uint64_t offset; /* in the image */
    bool has_rules;  /* libdwfl's: the tables speak of it */
    bool is_own;     /* libdwfl's: in the agent's library, which the agent leaves out */
};

/* Innermost first. */
struct spipe_audit_stack {
    const struct spipe_audit_frame *frame;
    size_t count;
};

/* How the agent's walk ended: at the root, or with an enum spipe_stand_in. */
struct spipe_audit_agent_end {
    bool is_root;
    uint32_t stand_in;
};

struct spipe_audit_verdict {
    uint64_t agreed;
    bool is_whole;            /* all agreed, up to the root, and nothing was a guess */
    bool differs;             /* after the frame `at`, by `cause` */
    enum spipe_audit_cause cause;
    size_t at;                /* of libdwfl's frames: the one whose caller is in question */
    size_t agent_at;          /* of the agent's: its last one that is right */
    uint64_t behind;          /* frames of the agent's from the difference on */
    uint64_t guessed_same;    /* steps that no table proves */
    uint64_t guessed_other;
    uint64_t untold;          /* frames of the agent's where libdwfl has none */
};

/* Compares. Both stacks have at least one frame, and their first ones are the same place. */
void spipe_audit_compare(const struct spipe_audit_stack *agent, struct spipe_audit_agent_end agent_end,
                         const struct spipe_audit_stack *second, enum spipe_second_end second_end,
                         struct spipe_audit_verdict *ret_verdict);

#endif
