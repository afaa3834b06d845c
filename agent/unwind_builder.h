/* SPDX-License-Identifier: MIT */
/*
 * Collects rows in the order of their code offsets, and makes an unwind table of them.
 *
 * Distinct rules are kept once; a row that says what the one before it says is left out. The memory needed while
 * building comes from pages.h, all of it in spipe_unwind_builder_init(). Any thread; not in a handler.
 */
#ifndef SPIPE_AGENT_UNWIND_BUILDER_H
#define SPIPE_AGENT_UNWIND_BUILDER_H

#include "unwind_table.h"

#include <stdbool.h>

/* Rules and save sets have 16-bit indexes. When there are more, rules lose their saves first, then become
 * UNSUPPORTED. */
#define SPIPE_UNWIND_RULES_MAX 65535u

struct spipe_unwind_row {
    uint32_t offset;
    uint32_t rule;
};

struct spipe_unwind_builder {
    struct spipe_unwind_row *row;
    size_t row_count;
    size_t row_capacity;
    struct spipe_unwind_rule *rule;
    uint32_t rule_count;
    struct spipe_unwind_saves *saves;
    uint32_t saves_count;
    uint16_t *rule_slot;        /* open addressing: index + 1 of a rule, 0: free */
    uint16_t *saves_slot;
    uint32_t rows_refused;      /* beyond the capacity */
    uint32_t rules_refused;     /* no index was left */
};

/* The indexes of rules that every table has. */
enum spipe_unwind_fixed_rule {
    SPIPE_UNWIND_FIXED_NONE = 0,
    SPIPE_UNWIND_FIXED_UNSUPPORTED = 1,
    SPIPE_UNWIND_FIXED_ROOT = 2
};

/* Takes memory for that many rows. Returns 0 or SPIPE_E_NO_MEMORY. */
int spipe_unwind_builder_init(struct spipe_unwind_builder *builder, size_t row_capacity);

/* Frees it. Also after a failed init, and on zeros. */
void spipe_unwind_builder_done(struct spipe_unwind_builder *builder);

/* Returns the index of the rule with these saves. `rule` comes without saves, rbp_words
 * and ODD, and is never PLAIN: that follows from the saves. */
uint32_t spipe_unwind_builder_find_rule(struct spipe_unwind_builder *builder, const struct spipe_unwind_rule *rule,
                                        const struct spipe_unwind_saves *saves);

/* From this offset on, that rule holds. Offsets must not go down; at an equal offset the later row counts. */
void spipe_unwind_builder_add(struct spipe_unwind_builder *builder, uint32_t offset, uint32_t rule);

/* Makes the table. Returns 0, SPIPE_E_NOT_FOUND when there is no row, or SPIPE_E_NO_MEMORY. */
int spipe_unwind_builder_finish(const struct spipe_unwind_builder *builder, struct spipe_unwind_table **ret_table);

#endif
