/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/intern.h"

#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BLOCK_LEN   (64u * 1024u)
#define FIRST_SLOTS 256u
#define FIRST_IDS   256u

static void give_back(struct spipe_budget *budget, void *memory, size_t size)
{
    free(memory);
    budget->used -= size;
}

static size_t align_up(size_t used)
{
    return (used + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
}

static int add_block(struct spipe_texts *texts, size_t size, struct spipe_budget *budget)
{
    size_t need = size + 2 * sizeof(void *);
    size_t capacity = need > BLOCK_LEN ? need : BLOCK_LEN;
    void **block = spipe_budget_take(budget, 1, capacity);
    if (block == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    *block = texts->block;
    *texts = (struct spipe_texts){block, sizeof(void *), capacity};
    return SPIPE_OK;
}

void *spipe_texts_take(struct spipe_texts *texts, size_t size, bool aligned, struct spipe_budget *budget)
{
    size_t start = aligned ? align_up(texts->used) : texts->used;
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    if (start > texts->capacity || size > texts->capacity - start) {
        if (add_block(texts, size, budget) != SPIPE_OK) {
            return NULL;
        }
        start = texts->used;
    }
    texts->used = start + size;
    return (unsigned char *)texts->block + start;
}

void spipe_texts_done(struct spipe_texts *texts)
{
    while (texts->block != NULL) {
        void *before = *(void **)texts->block;
        free(texts->block);
        texts->block = before;
    }
    *texts = (struct spipe_texts){0};
}

/* Puts a value where there is room for certain. */
static void place(struct spipe_index *index, uint32_t hash, uint32_t value)
{
    size_t mask = index->capacity - 1;
    size_t at = hash & mask;
    while (index->slot[at].value != 0) {
        at = (at + 1) & mask;
    }
    index->slot[at] = (struct spipe_index_slot){hash, value + 1};
}

static int grow(struct spipe_index *index, struct spipe_budget *budget)
{
    struct spipe_index larger = {.capacity = index->capacity == 0 ? FIRST_SLOTS : index->capacity * 2};
    larger.slot = spipe_budget_take(budget, larger.capacity, sizeof *larger.slot);
    if (larger.slot == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    larger.count = index->count;
    for (size_t i = 0; i < index->capacity; i++) {
        if (index->slot[i].value != 0) {
            place(&larger, index->slot[i].hash, index->slot[i].value - 1);
        }
    }
    spipe_index_done(index, budget);
    *index = larger;
    return SPIPE_OK;
}

uint32_t spipe_index_next(const struct spipe_index *index, uint32_t hash, size_t *position)
{
    if (index->capacity == 0) {
        return SPIPE_INTERN_NONE;
    }
    for (size_t at = *position & (index->capacity - 1);; at = (at + 1) & (index->capacity - 1)) {
        if (index->slot[at].value == 0) {
            return SPIPE_INTERN_NONE;
        }
        if (index->slot[at].hash == hash) {
            *position = at + 1;
            return index->slot[at].value - 1;
        }
    }
}

int spipe_index_put(struct spipe_index *index, uint32_t hash, uint32_t value, struct spipe_budget *budget)
{
    if (index->count >= index->capacity / 2) {
        int status = grow(index, budget);
        if (status != SPIPE_OK) {
            return status;
        }
    }
    place(index, hash, value);
    index->count++;
    return SPIPE_OK;
}

void spipe_index_replace(struct spipe_index *index, size_t position, uint32_t value)
{
    index->slot[position - 1].value = value + 1;
}

void spipe_index_done(struct spipe_index *index, struct spipe_budget *budget)
{
    give_back(budget, index->slot, index->capacity * sizeof *index->slot);
    *index = (struct spipe_index){0};
}

uint32_t spipe_intern_hash(const void *bytes, size_t len, uint64_t seed)
{
    return (uint32_t)XXH3_64bits_withSeed(bytes, len, seed);
}

void spipe_ids_init(struct spipe_ids *ids, uint32_t limit)
{
    *ids = (struct spipe_ids){.limit = limit, .era = 1};
}

int spipe_ids_reserve(struct spipe_ids *ids, uint32_t id, struct spipe_budget *budget)
{
    if (id < ids->capacity) {
        return SPIPE_OK;
    }
    if (id > ids->limit || id == UINT32_MAX) {
        return SPIPE_E_LIMIT;
    }
    uint32_t capacity = ids->capacity == 0 ? FIRST_IDS : ids->capacity;
    while (capacity <= id) {
        capacity = capacity > UINT32_MAX / 2 ? UINT32_MAX : capacity * 2;
    }
    uint64_t *larger = spipe_budget_take(budget, capacity, sizeof *larger);
    if (larger == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    if (ids->capacity != 0) {
        memcpy(larger, ids->entry, ids->capacity * sizeof *larger);
    }
    give_back(budget, ids->entry, ids->capacity * sizeof *larger);
    ids->entry = larger;
    ids->capacity = capacity;
    return SPIPE_OK;
}

void spipe_ids_clear(struct spipe_ids *ids)
{
    ids->era++;
    if (ids->era == 0) {
        memset(ids->entry, 0, ids->capacity * sizeof *ids->entry);
        ids->era = 1;
    }
}

void spipe_ids_done(struct spipe_ids *ids, struct spipe_budget *budget)
{
    give_back(budget, ids->entry, ids->capacity * sizeof *ids->entry);
    spipe_ids_init(ids, ids->limit);
}
