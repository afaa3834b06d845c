/* SPDX-License-Identifier: MIT */
#include "unwind_kit.h"

#include "agent/unwind.h"

#include <stdlib.h>

#define IMAGE UINT64_C(0x7f0000000000)
#define STACK UINT64_C(0x7ffe00000000)
#define STACK_WORDS 64u
#define DEPTH 32u

void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

static void check_table(const struct spipe_unwind_table *table)
{
    fuzz_require(table->row_count != 0 && table->page[0] == 0 && table->page[table->page_count] == table->row_count);
    for (uint32_t page = 0; page < table->page_count; page++) {
        fuzz_require(table->page[page] <= table->page[page + 1]);
        for (uint32_t row = table->page[page] + 1; row < table->page[page + 1]; row++)
            fuzz_require(table->row[row - 1] >> 16 < table->row[row] >> 16);
    }
    for (uint32_t row = 0; row < table->row_count; row++)
        fuzz_require((table->row[row] & 0xffff) < table->rule_count);
    for (uint32_t i = 0; i < table->rule_count; i++) {
        const struct spipe_unwind_rule *rule = &table->rule[i];
        fuzz_require(rule->step.kind <= SPIPE_RULE_SIGNAL && rule->saves < table->saves_count);
        fuzz_require(rule->cfa_register < SPIPE_REGISTER_COUNT && rule->index_register < SPIPE_REGISTER_COUNT);
    }
    for (uint32_t i = 0; i < table->saves_count; i++) {
        for (size_t k = 0; k < SPIPE_SAVED_COUNT; k++)
            fuzz_require(table->saves[i].location[k].base <= SPIPE_REGISTER_CFA);
    }
    fuzz_require(spipe_unwind_table_find(table, UINT64_MAX)->step.kind == SPIPE_RULE_NONE);
}

/* Row offsets are where something is found; stack words and registers point there, into the stack, or anywhere. */
static uint64_t make_word(const struct spipe_unwind_table *table, const unsigned char *data, size_t len, size_t *at)
{
    uint8_t choice = data[(*at)++ % len];
    uint8_t detail = data[(*at)++ % len];
    uint32_t row = (detail * 2654435761u) % table->row_count;
    switch (choice % 4) {
    case 0:
        return IMAGE + ((uint64_t)table->first_offset & ~UINT64_C(0xffff)) + (table->row[row] >> 16) + 1;
    case 1:
        return STACK + detail % (STACK_WORDS + 2) * 8;
    case 2:
        return (uint64_t)(int64_t)(int8_t)detail;
    default:
        return UINT64_C(0x0101010101010101) * detail;
    }
}

static void walk(const struct spipe_unwind_table *table, const unsigned char *data, size_t len)
{
    struct spipe_code_map *map = calloc(1, sizeof(*map) + sizeof(map->range[0]));
    uint64_t *stack = malloc(STACK_WORDS * sizeof(*stack));
    struct spipe_stack_view view = {STACK, STACK + STACK_WORDS * 8, (const unsigned char *)stack};
    struct spipe_registers registers;
    uint64_t address[DEPTH];
    uint64_t needed;
    size_t depth;
    size_t at = 0;
    map->generation = 1;
    map->count = 1;
    map->range[0] = (struct spipe_code_range){IMAGE, IMAGE + UINT32_MAX, IMAGE, table, 0, SPIPE_CODE_TABLE};
    for (size_t i = 0; i < STACK_WORDS; i++)
        stack[i] = make_word(table, data, len, &at);
    for (size_t i = 0; i < SPIPE_REGISTER_COUNT; i++)
        registers.value[i] = make_word(table, data, len, &at);
    registers.value[SPIPE_REGISTER_RSP] = STACK + data[at % len] % STACK_WORDS * 8;
    enum spipe_walk_end end = spipe_unwind_walk(map, &view, &registers, NULL, address, DEPTH, &depth, &needed);
    fuzz_require(depth >= 1 && depth <= DEPTH && end >= SPIPE_WALK_ROOT && end <= SPIPE_WALK_NO_PROGRESS);
    free(stack);
    free(map);
}

void fuzz_compile_and_walk(const struct spipe_eh_frame_image *image, const unsigned char *data, size_t len)
{
    struct spipe_unwind_table *table = NULL;
    struct spipe_eh_frame_summary summary;
    if (spipe_eh_frame_compile(image, &table, &summary) == 0) {
        fuzz_require(summary.coverage != SPIPE_EH_FRAME_NONE && summary.entry_count != 0);
        check_table(table);
        walk(table, data, len);
    }
    spipe_unwind_table_free(table);
}
