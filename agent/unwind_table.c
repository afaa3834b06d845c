/* SPDX-License-Identifier: MIT */
/* Runs in the handler: no call of any kind. */
#include "unwind_table.h"

/* Returns the index of the first row in [first, first + count) that is greater than the key, by halving without
 * branches on what was read: in a handler nothing is predictable. */
static uint32_t find_above(const uint32_t *row, uint32_t first, uint32_t count, uint32_t key)
{
    while (count > 1) {
        uint32_t half = count / 2;
        first += row[first + half - 1] <= key ? half : 0;
        count -= half;
    }
    return count == 1 && row[first] <= key ? first + 1 : first;
}

const struct spipe_unwind_rule *spipe_unwind_table_find(const struct spipe_unwind_table *table, uint64_t offset)
{
    uint64_t page = (offset - table->first_offset) >> table->page_shift;
    if (page >= table->page_count)
        return &table->rule[0];

    /* Within a page the low 16 bits tell offsets apart; the row before the page's first one holds where none comes
     * earlier. */
    uint32_t first = table->page[page];
    uint32_t key = (uint32_t)offset << 16 | 0xffffu;
    uint32_t above = find_above(table->row, first, table->page[page + 1] - first, key);
    return &table->rule[above == 0 ? 0 : table->row[above - 1] & 0xffffu];
}
