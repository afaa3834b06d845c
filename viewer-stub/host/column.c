/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/column.h"

#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

static size_t chunk_count(const struct spipe_column *column)
{
    return (size_t)((column->limit + spipe_column_chunk_entries(column) - 1) >> column->chunk_bits);
}

static unsigned char *take_chunk(const struct spipe_column *column, struct spipe_budget *budget)
{
    return spipe_budget_take(budget, spipe_column_chunk_entries(column), column->entry_size);
}

void *spipe_budget_take(struct spipe_budget *budget, size_t count, size_t size)
{
    if (count != 0 && size > SIZE_MAX / count) {
        return NULL;
    }
    if (count * size > budget->max - budget->used) {
        return NULL;
    }
    void *memory = calloc(count, size);
    if (memory != NULL) {
        budget->used += count * size;
    }
    return memory;
}

int spipe_column_init(struct spipe_column *column, size_t entry_size, unsigned chunk_bits, uint64_t limit)
{
    *column = (struct spipe_column){.entry_size = entry_size, .chunk_bits = chunk_bits, .limit = limit};
    column->chunk = calloc(chunk_count(column) + 1, sizeof *column->chunk);
    return column->chunk != NULL ? SPIPE_OK : SPIPE_E_NO_MEMORY;
}

int spipe_column_set_default(struct spipe_column *column, const void *entry, struct spipe_budget *budget)
{
    column->common = take_chunk(column, budget);
    if (column->common == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    /* Twice as much each time: every store that is made comes through here. */
    size_t len = spipe_column_chunk_entries(column) * column->entry_size;
    memcpy(column->common, entry, column->entry_size);
    for (size_t filled = column->entry_size; filled < len; filled *= 2) {
        memcpy(column->common + filled, column->common, filled);
    }
    return SPIPE_OK;
}

void spipe_column_done(struct spipe_column *column)
{
    for (size_t i = 0; column->chunk != NULL && i < chunk_count(column); i++) {
        unsigned char *chunk = atomic_load_explicit(&column->chunk[i], memory_order_relaxed);
        if (chunk != column->common) {
            free(chunk);
        }
    }
    free(column->common);
    free(column->chunk);
    *column = (struct spipe_column){0};
}

int spipe_column_reserve(struct spipe_column *column, uint64_t more, struct spipe_budget *budget)
{
    uint64_t count = atomic_load_explicit(&column->count, memory_order_relaxed);
    if (more > column->limit - count) {
        return SPIPE_E_LIMIT;
    }
    while (column->room < count + more) {
        unsigned char *chunk = column->common != NULL ? column->common : take_chunk(column, budget);
        if (chunk == NULL) {
            return SPIPE_E_NO_MEMORY;
        }
        atomic_store_explicit(&column->chunk[column->room >> column->chunk_bits], chunk, memory_order_release);
        column->room += spipe_column_chunk_entries(column);
    }
    return SPIPE_OK;
}

int spipe_column_own(struct spipe_column *column, uint64_t index, struct spipe_budget *budget)
{
    _Atomic(unsigned char *) *place = &column->chunk[index >> column->chunk_bits];
    if (column->common == NULL || atomic_load_explicit(place, memory_order_relaxed) != column->common) {
        return SPIPE_OK;
    }
    unsigned char *chunk = take_chunk(column, budget);
    if (chunk == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    memcpy(chunk, column->common, spipe_column_chunk_entries(column) * column->entry_size);
    atomic_store_explicit(place, chunk, memory_order_release);
    return SPIPE_OK;
}
