/* SPDX-License-Identifier: MIT */
/*
 * Runs the instructions of DWARF's call frame information and adds a row to a table for each place where the rules
 * change.
 *
 * Any thread; not in a handler.
 */
#ifndef SPIPE_AGENT_CFA_PROGRAM_H
#define SPIPE_AGENT_CFA_PROGRAM_H

#include "dwarf_cursor.h"
#include "unwind_builder.h"

/* The rules in force at one place. */
struct spipe_cfa_state {
    struct spipe_unwind_rule cfa;       /* kind, registers, offset and inner only */
    struct spipe_unwind_saves saves;
};

/* Deeper nesting of remembered states has never been seen; it ends the entry. */
#define SPIPE_CFA_REMEMBER_DEPTH 16u

/* What the instructions of one function need to know from their common entry (CIE). */
struct spipe_cfa_common {
    uint64_t code_alignment;
    int64_t data_alignment;
    bool is_signal;                     /* the functions are called by the kernel: their caller was interrupted */
    struct spipe_cfa_state initial;     /* filled in by spipe_cfa_program_init_common() */
};

/* Runs a common entry's instructions, which set the rules at each function's start. False when they cannot be
 * followed. */
bool spipe_cfa_program_init_common(struct spipe_cfa_common *common, struct spipe_dwarf_cursor instructions);

/* Runs a function's instructions and adds its rows, for code offsets in [start, end). When it meets something it
 * cannot follow it makes the rest of the function "unsupported" and returns false. */
bool spipe_cfa_program_run(const struct spipe_cfa_common *common, struct spipe_dwarf_cursor instructions,
                           uint32_t start, uint32_t end, struct spipe_unwind_builder *builder);

#endif
