/* SPDX-License-Identifier: MIT */
#include "unwind_builder.h"

#include "pages.h"
#include "protocol/status.h"

#include <string.h>

#define SLOT_BITS 17u
#define SLOT_COUNT (1u << SLOT_BITS)
#define ROWS_PER_PAGE 12u
#define PAGE_SHIFT_MIN 5u
#define PAGE_SHIFT_MAX 16u
#define CACHE_LINE 64u

static const struct spipe_unwind_saves usual_saves = {.location = {
    [SPIPE_SAVED_RSP] = {SPIPE_LOCATION_IS, SPIPE_REGISTER_CFA, 0},
    [SPIPE_SAVED_RIP] = {SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -1},
}};

static uint32_t hash_words(const void *bytes, size_t len)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word;
        memcpy(&word, (const unsigned char *)bytes + i, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (uint32_t)(hash * UINT64_C(0xbf58476d1ce4e5b9) >> (64 - SLOT_BITS));
}

/* Finds an item among `count` items of `size` bytes, or adds it. Returns its index, or SPIPE_UNWIND_RULES_MAX when
 * there is no index left. The slots are twice as many as the indexes, so that a free one always ends the search. */
static uint32_t intern(uint16_t *slots, void *items, uint32_t *count, const void *item, size_t size)
{
    unsigned char *all = items;
    uint32_t slot = hash_words(item, size);
    while (slots[slot] != 0) {
        uint32_t index = slots[slot] - 1u;
        if (memcmp(all + index * size, item, size) == 0)
            return index;
        slot = (slot + 1) % SLOT_COUNT;
    }
    if (*count == SPIPE_UNWIND_RULES_MAX)
        return SPIPE_UNWIND_RULES_MAX;
    memcpy(all + *count * size, item, size);
    slots[slot] = (uint16_t)(*count + 1);
    return (*count)++;
}

static bool same_location(struct spipe_unwind_location a, struct spipe_unwind_location b)
{
    return a.kind == b.kind && a.base == b.base && a.words == b.words;
}

/* Fills in what the rule says about rbp, and whether the walk has to look at the saves. */
static void apply_saves(struct spipe_unwind_rule *rule, const struct spipe_unwind_saves *saves)
{
    struct spipe_unwind_location rbp = saves->location[SPIPE_SAVED_RBP];
    struct spipe_unwind_step *step = &rule->step;
    step->rbp_words = 0;
    if (rbp.kind == SPIPE_LOCATION_AT && rbp.base == SPIPE_REGISTER_CFA && rbp.words != 0)
        step->rbp_words = rbp.words;
    else if (rbp.kind != SPIPE_LOCATION_SAME)
        step->flags |= SPIPE_RULE_ODD;
    if (!same_location(saves->location[SPIPE_SAVED_RSP], usual_saves.location[SPIPE_SAVED_RSP]) ||
        !same_location(saves->location[SPIPE_SAVED_RIP], usual_saves.location[SPIPE_SAVED_RIP]))
        step->flags |= SPIPE_RULE_ODD;
    if (step->kind == SPIPE_RULE_REGISTER && step->flags == 0 && rule->cfa_register == SPIPE_REGISTER_RSP)
        step->kind = SPIPE_RULE_PLAIN_RSP;
    if (step->kind == SPIPE_RULE_REGISTER && step->flags == 0 && rule->cfa_register == SPIPE_REGISTER_RBP)
        step->kind = SPIPE_RULE_PLAIN_RBP;
}

/* What is left to say when there is no index for the rule's saves: the usual places, and nothing about the others. */
static struct spipe_unwind_saves forget_saves(void)
{
    struct spipe_unwind_saves saves = usual_saves;
    static const uint8_t others[] = {SPIPE_SAVED_RBX, SPIPE_SAVED_R12, SPIPE_SAVED_R13, SPIPE_SAVED_R14,
                                     SPIPE_SAVED_R15};
    for (size_t i = 0; i < sizeof(others); i++)
        saves.location[others[i]].kind = SPIPE_LOCATION_UNKNOWN;
    return saves;
}

static void add_fixed(struct spipe_unwind_builder *builder, enum spipe_rule_kind kind)
{
    struct spipe_unwind_rule rule = {.step.kind = (uint8_t)kind};
    intern(builder->rule_slot, builder->rule, &builder->rule_count, &rule, sizeof(rule));
}

int spipe_unwind_builder_init(struct spipe_unwind_builder *builder, size_t row_capacity)
{
    memset(builder, 0, sizeof(*builder));
    builder->row_capacity = row_capacity;
    builder->row = spipe_pages_new(row_capacity * sizeof(*builder->row));
    builder->rule = spipe_pages_new(SPIPE_UNWIND_RULES_MAX * sizeof(*builder->rule));
    builder->saves = spipe_pages_new(SPIPE_UNWIND_RULES_MAX * sizeof(*builder->saves));
    builder->rule_slot = spipe_pages_new(SLOT_COUNT * sizeof(*builder->rule_slot));
    builder->saves_slot = spipe_pages_new(SLOT_COUNT * sizeof(*builder->saves_slot));
    if (builder->row == NULL || builder->rule == NULL || builder->saves == NULL || builder->rule_slot == NULL ||
        builder->saves_slot == NULL) {
        spipe_unwind_builder_done(builder);
        return SPIPE_E_NO_MEMORY;
    }
    add_fixed(builder, SPIPE_RULE_NONE);
    add_fixed(builder, SPIPE_RULE_UNSUPPORTED);
    add_fixed(builder, SPIPE_RULE_ROOT);
    struct spipe_unwind_saves forgotten = forget_saves();
    intern(builder->saves_slot, builder->saves, &builder->saves_count, &forgotten, sizeof(forgotten));
    return SPIPE_OK;
}

void spipe_unwind_builder_done(struct spipe_unwind_builder *builder)
{
    spipe_pages_free(builder->row, builder->row_capacity * sizeof(*builder->row));
    spipe_pages_free(builder->rule, SPIPE_UNWIND_RULES_MAX * sizeof(*builder->rule));
    spipe_pages_free(builder->saves, SPIPE_UNWIND_RULES_MAX * sizeof(*builder->saves));
    spipe_pages_free(builder->rule_slot, SLOT_COUNT * sizeof(*builder->rule_slot));
    spipe_pages_free(builder->saves_slot, SLOT_COUNT * sizeof(*builder->saves_slot));
    memset(builder, 0, sizeof(*builder));
}

uint32_t spipe_unwind_builder_find_rule(struct spipe_unwind_builder *builder, const struct spipe_unwind_rule *rule,
                                        const struct spipe_unwind_saves *saves)
{
    struct spipe_unwind_rule whole = *rule;
    apply_saves(&whole, saves);
    uint32_t saves_index = intern(builder->saves_slot, builder->saves, &builder->saves_count, saves, sizeof(*saves));
    if (saves_index != SPIPE_UNWIND_RULES_MAX) {
        whole.saves = (uint16_t)saves_index;
        uint32_t index = intern(builder->rule_slot, builder->rule, &builder->rule_count, &whole, sizeof(whole));
        if (index != SPIPE_UNWIND_RULES_MAX)
            return index;
    }
    builder->rules_refused++;
    if (whole.step.flags & SPIPE_RULE_ODD)
        return SPIPE_UNWIND_FIXED_UNSUPPORTED;
    whole.saves = 0;
    uint32_t index = intern(builder->rule_slot, builder->rule, &builder->rule_count, &whole, sizeof(whole));
    return index == SPIPE_UNWIND_RULES_MAX ? SPIPE_UNWIND_FIXED_UNSUPPORTED : index;
}

void spipe_unwind_builder_add(struct spipe_unwind_builder *builder, uint32_t offset, uint32_t rule)
{
    if (builder->row_count != 0 && builder->row[builder->row_count - 1].offset == offset)
        builder->row_count--;
    if (builder->row_count != 0 && builder->row[builder->row_count - 1].rule == rule)
        return;
    if (builder->row_count == builder->row_capacity) {
        builder->rows_refused++;
        return;
    }
    builder->row[builder->row_count++] = (struct spipe_unwind_row){offset, rule};
}

/* The largest page that holds few rows on average: small enough to search fast, large enough for the index to stay
 * small. */
static uint32_t choose_page_shift(uint64_t span, size_t row_count)
{
    uint32_t shift = PAGE_SHIFT_MIN;
    while (shift < PAGE_SHIFT_MAX && (span >> shift) * ROWS_PER_PAGE > row_count)
        shift++;
    return shift;
}

static uint64_t round_up(uint64_t number, uint64_t unit)
{
    return (number + unit - 1) / unit * unit;
}

static void fill_rows(const struct spipe_unwind_builder *builder, const struct spipe_unwind_table *table,
                      uint32_t *page, uint32_t *row)
{
    uint32_t next_page = 0;
    for (uint32_t i = 0; i < table->row_count; i++) {
        uint32_t offset = builder->row[i].offset;
        uint32_t in_page = (offset - table->first_offset) >> table->page_shift;
        while (next_page <= in_page)
            page[next_page++] = i;
        row[i] = offset << 16 | builder->row[i].rule;
    }
    while (next_page <= table->page_count)
        page[next_page++] = table->row_count;
}

int spipe_unwind_builder_finish(const struct spipe_unwind_builder *builder, struct spipe_unwind_table **ret_table)
{
    if (builder->row_count == 0)
        return SPIPE_E_NOT_FOUND;

    uint64_t first = builder->row[0].offset;
    uint64_t last = builder->row[builder->row_count - 1].offset;
    uint32_t shift = choose_page_shift(last - first + 1, builder->row_count);
    first &= ~((UINT64_C(1) << shift) - 1);
    uint64_t page_count = ((last - first) >> shift) + 1;
    uint64_t rows_at = round_up(sizeof(struct spipe_unwind_table), CACHE_LINE);
    uint64_t rules_at = round_up(rows_at + builder->row_count * sizeof(uint32_t), CACHE_LINE);
    uint64_t saves_at = rules_at + builder->rule_count * sizeof(struct spipe_unwind_rule);
    uint64_t pages_at = round_up(saves_at + builder->saves_count * sizeof(struct spipe_unwind_saves), CACHE_LINE);
    uint64_t size_bytes = pages_at + (page_count + 1) * sizeof(uint32_t);

    unsigned char *block = spipe_pages_new(size_bytes);
    if (block == NULL)
        return SPIPE_E_NO_MEMORY;
    uint32_t *row = (uint32_t *)(void *)(block + rows_at);
    uint32_t *page = (uint32_t *)(void *)(block + pages_at);
    memcpy(block + rules_at, builder->rule, builder->rule_count * sizeof(struct spipe_unwind_rule));
    memcpy(block + saves_at, builder->saves, builder->saves_count * sizeof(struct spipe_unwind_saves));

    struct spipe_unwind_table *table = (struct spipe_unwind_table *)(void *)block;
    table->size_bytes = size_bytes;
    table->first_offset = (uint32_t)first;
    table->page_shift = shift;
    table->page_count = (uint32_t)page_count;
    table->row_count = (uint32_t)builder->row_count;
    table->rule_count = builder->rule_count;
    table->saves_count = builder->saves_count;
    table->page = page;
    table->row = row;
    table->rule = (const struct spipe_unwind_rule *)(const void *)(block + rules_at);
    table->saves = (const struct spipe_unwind_saves *)(const void *)(block + saves_at);
    fill_rows(builder, table, page, row);
    *ret_table = table;
    return SPIPE_OK;
}

void spipe_unwind_table_free(struct spipe_unwind_table *table)
{
    if (table != NULL)
        spipe_pages_free(table, table->size_bytes);
}
