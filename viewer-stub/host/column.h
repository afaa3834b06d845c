/* SPDX-License-Identifier: MIT */
/*
 * A column: entries of one size in chunks, so that it grows and no entry ever moves.
 *
 * One thread writes; any thread may read entries below a count that it has read. All memory of a store is charged to
 * one budget, which says no before the machine does.
 */
#ifndef SPIPE_HOST_COLUMN_H
#define SPIPE_HOST_COLUMN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_budget {
    uint64_t used; /* the writer's */
    uint64_t max;
};

/* Memory that is charged to the budget: cleared, or NULL. Freed with free(). */
void *spipe_budget_take(struct spipe_budget *budget, size_t count, size_t size);

struct spipe_column {
    _Atomic(unsigned char *) *chunk; /* a place for every chunk that the limit allows */
    unsigned char *common; /* stands for chunks whose entries are all the default; NULL: the column has none */
    size_t entry_size;
    unsigned chunk_bits;
    uint64_t limit;
    uint64_t room;          /* entries that have a chunk; the writer's */
    _Atomic uint64_t count; /* published entries */
};

/* Makes a column of at most `limit` entries, 2^chunk_bits of them a chunk. Returns 0 or SPIPE_E_NO_MEMORY. */
int spipe_column_init(struct spipe_column *column, size_t entry_size, unsigned chunk_bits, uint64_t limit);

/* Gives the column a default: chunks take no memory until spipe_column_own() is called for one. */
int spipe_column_set_default(struct spipe_column *column, const void *entry, struct spipe_budget *budget);
void spipe_column_done(struct spipe_column *column);

/* Makes room for `more` entries after the published ones. SPIPE_E_LIMIT, SPIPE_E_NO_MEMORY. */
int spipe_column_reserve(struct spipe_column *column, uint64_t more, struct spipe_budget *budget);

/* Makes the chunk of entry `index` one that can be written, where the column has a default. */
int spipe_column_own(struct spipe_column *column, uint64_t index, struct spipe_budget *budget);

static inline uint64_t spipe_column_count(const struct spipe_column *column)
{
    return atomic_load_explicit(&column->count, memory_order_acquire);
}

static inline void spipe_column_publish(struct spipe_column *column, uint64_t count)
{
    atomic_store_explicit(&column->count, count, memory_order_release);
}

static inline size_t spipe_column_chunk_entries(const struct spipe_column *column)
{
    return (size_t)1 << column->chunk_bits;
}

/* The entry at `index`, for which there must be room; entries after it are next to it up to the chunk's end. */
static inline void *spipe_column_at(const struct spipe_column *column, uint64_t index)
{
    unsigned char *chunk = atomic_load_explicit(&column->chunk[index >> column->chunk_bits], memory_order_acquire);
    return chunk + (size_t)(index & (spipe_column_chunk_entries(column) - 1)) * column->entry_size;
}

#endif
