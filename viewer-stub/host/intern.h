/* SPDX-License-Identifier: MIT */
/*
 * What the store's writer needs to find things again: texts, an index by hash, and tables from wire ids to indexes.
 *
 * All of it belongs to the writer alone, but the texts, which never move and may be read by anybody.
 */
#ifndef SPIPE_HOST_INTERN_H
#define SPIPE_HOST_INTERN_H

#include "column.h"

#define SPIPE_INTERN_NONE UINT32_MAX

/* ------------------------------------------------------------------------------------------------ memory for small
 * things */

struct spipe_texts {
    void *block; /* the newest; each begins with a pointer to the one before */
    size_t used;
    size_t capacity;
};

/* `size` bytes that stay where they are until spipe_texts_done(), aligned for pointers when `aligned`. NULL: no memory.
 */
void *spipe_texts_take(struct spipe_texts *texts, size_t size, bool aligned, struct spipe_budget *budget);
void spipe_texts_done(struct spipe_texts *texts);

/* ---------------------------------------------------------------------------------------------------------- index by
 * hash */

struct spipe_index_slot {
    uint32_t hash;
    uint32_t value; /* plus one; 0 is a free slot */
};

/* Values by hash. It does not know what the values mean: the caller compares each candidate. */
struct spipe_index {
    struct spipe_index_slot *slot;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* The next value with this hash, SPIPE_INTERN_NONE after the last. `position` begins as `hash`. */
uint32_t spipe_index_next(const struct spipe_index *index, uint32_t hash, size_t *position);
int spipe_index_put(struct spipe_index *index, uint32_t hash, uint32_t value, struct spipe_budget *budget);
/* Puts another value in the place of the one that spipe_index_next() has just returned. */
void spipe_index_replace(struct spipe_index *index, size_t position, uint32_t value);
void spipe_index_done(struct spipe_index *index, struct spipe_budget *budget);

/* A hash of `len` bytes that nobody can foresee who does not know the seed. */
uint32_t spipe_intern_hash(const void *bytes, size_t len, uint64_t seed);

/* ------------------------------------------------------------------------------------------------ from wire ids to
 * indexes */

struct spipe_ids {
    uint64_t *entry; /* by id: the era in which it was defined, and below it the index */
    uint32_t capacity;
    uint32_t limit; /* no id is larger */
    uint32_t era;   /* forgetting is a new era, or a stream of checkpoints would cost a table's length each */
};

static inline uint32_t spipe_ids_find(const struct spipe_ids *ids, uint32_t id)
{
    uint64_t entry = id < ids->capacity ? ids->entry[id] : 0;
    return (uint32_t)(entry >> 32) == ids->era ? (uint32_t)entry : SPIPE_INTERN_NONE;
}

void spipe_ids_init(struct spipe_ids *ids, uint32_t limit);

/* Makes room for ids up to `id`. SPIPE_E_LIMIT, SPIPE_E_NO_MEMORY. */
int spipe_ids_reserve(struct spipe_ids *ids, uint32_t id, struct spipe_budget *budget);

/* Room must have been made. */
static inline void spipe_ids_put(struct spipe_ids *ids, uint32_t id, uint32_t index)
{
    ids->entry[id] = (uint64_t)ids->era << 32 | index;
}

/* Forgets all ids, keeping the memory. */
void spipe_ids_clear(struct spipe_ids *ids);
void spipe_ids_done(struct spipe_ids *ids, struct spipe_budget *budget);

#endif
