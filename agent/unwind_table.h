/* SPDX-License-Identifier: MIT */
/*
 * The unwind table of one image: which rule holds at which code offset.
 *
 * A row is 4 bytes: the low 16 bits of its code offset, and the index of its rule among the image's distinct rules.
 * The rows of each small stretch of code (a page, of at most 64 KiB) are found through an index, so that a lookup
 * touches two or three cache lines. A row holds up to the next one. Once made, a table never changes.
 */
#ifndef SPIPE_AGENT_UNWIND_TABLE_H
#define SPIPE_AGENT_UNWIND_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* DWARF's numbers of the registers that rules name. */
enum spipe_register_number {
    SPIPE_REGISTER_RBX = 3,
    SPIPE_REGISTER_RBP = 6,
    SPIPE_REGISTER_RSP = 7,
    SPIPE_REGISTER_R12 = 12,
    SPIPE_REGISTER_R13 = 13,
    SPIPE_REGISTER_R14 = 14,
    SPIPE_REGISTER_R15 = 15,
    SPIPE_REGISTER_RIP = 16,
    SPIPE_REGISTER_COUNT = 17,
    SPIPE_REGISTER_CFA = 17         /* stands for the CFA where a rule may count from it */
};

/* How the canonical frame address (CFA), the caller's stack pointer, is found. */
enum spipe_rule_kind {
    SPIPE_RULE_PLAIN_RSP = 0,       /* rsp + offset, and all else in its usual place: nearly every row */
    SPIPE_RULE_PLAIN_RBP = 1,       /* rbp + offset, likewise */
    SPIPE_RULE_NONE = 2,            /* no information here: a gap between functions */
    SPIPE_RULE_UNSUPPORTED = 3,     /* there is information, but none that can be followed */
    SPIPE_RULE_ROOT = 4,            /* the return address is undefined: nobody called this */
    SPIPE_RULE_REGISTER = 5,        /* register + offset */
    SPIPE_RULE_LOAD = 6,            /* *(register + inner) + offset */
    SPIPE_RULE_INDEXED = 7,         /* *(register + 8 * index register + inner) + offset */
    SPIPE_RULE_PLT = 8,             /* register + offset, and 8 more when rip % 16 >= inner */
    SPIPE_RULE_SIGNAL = 9           /* a signal trampoline: all registers are in the ucontext at the stack pointer */
};

enum spipe_rule_flag {
    SPIPE_RULE_ODD = 1,             /* rbp, rsp or the return address are not in a usual place: see the saves */
    SPIPE_RULE_EXACT_PC = 2         /* the caller was interrupted, it did not call: its pc is exact */
};

/* All that is to be known of a plain rule. The usual places: the return address at CFA - 8; rsp is the CFA; rbp
 * unchanged, or at CFA + 8 * rbp_words. */
struct spipe_unwind_step {
    int32_t offset;
    int16_t rbp_words;              /* 0: rbp is unchanged */
    uint8_t kind;                   /* enum spipe_rule_kind */
    uint8_t flags;                  /* enum spipe_rule_flag */
};

struct spipe_unwind_rule {
    struct spipe_unwind_step step;
    int32_t inner;
    uint16_t saves;                 /* index */
    uint8_t cfa_register;
    uint8_t index_register;
};

enum spipe_location_kind {
    SPIPE_LOCATION_SAME = 0,        /* unchanged */
    SPIPE_LOCATION_UNDEFINED = 1,   /* the table says that there is none */
    SPIPE_LOCATION_UNKNOWN = 2,     /* the table says something that cannot be followed, or nothing */
    SPIPE_LOCATION_AT = 3,          /* in memory at base + 8 * words */
    SPIPE_LOCATION_IS = 4           /* is base + 8 * words */
};

/* Where the caller's value of a register is. */
struct spipe_unwind_location {
    uint8_t kind;                   /* enum spipe_location_kind */
    uint8_t base;                   /* a register's value in the callee, or SPIPE_REGISTER_CFA */
    int16_t words;
};

/* The registers that a function must give back to its caller, and rsp and rip. */
enum spipe_saved_index {
    SPIPE_SAVED_RBX,
    SPIPE_SAVED_RBP,
    SPIPE_SAVED_RSP,
    SPIPE_SAVED_R12,
    SPIPE_SAVED_R13,
    SPIPE_SAVED_R14,
    SPIPE_SAVED_R15,
    SPIPE_SAVED_RIP,
    SPIPE_SAVED_COUNT
};

struct spipe_unwind_saves {
    struct spipe_unwind_location location[SPIPE_SAVED_COUNT];
};

/* One block of memory: this, then the arrays. The last row says SPIPE_RULE_NONE. */
struct spipe_unwind_table {
    uint64_t size_bytes;            /* of the whole block */
    uint32_t first_offset;          /* of the first row, rounded down to a page */
    uint32_t page_shift;            /* a page is 1 << page_shift bytes of code; at most 16 */
    uint32_t page_count;
    uint32_t row_count;
    uint32_t rule_count;
    uint32_t saves_count;
    const uint32_t *page;           /* page_count + 1 entries: the index of the first row in or after the page */
    const uint32_t *row;            /* low 16 bits of the offset << 16 | rule index */
    const struct spipe_unwind_rule *rule;       /* rule[0] is SPIPE_RULE_NONE */
    const struct spipe_unwind_saves *saves;
};

/* Returns the rule at a code offset; never NULL. Handler-safe. */
const struct spipe_unwind_rule *spipe_unwind_table_find(const struct spipe_unwind_table *table, uint64_t offset);

/* Frees a table that spipe_unwind_builder_finish() made. NULL is allowed. Not in a handler. */
void spipe_unwind_table_free(struct spipe_unwind_table *table);

#endif
