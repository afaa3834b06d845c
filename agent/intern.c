/* SPDX-License-Identifier: MIT */
#include "intern.h"

#include "pages.h"

#include <string.h>

/* Twice the entries, so that probes stay short. */
#define HASH_SIZE (256u * 1024u)
#define HASH_BITS 18

/* Entries are two numbers each, in columns; `slot` finds the id of a pair. */
struct table {
    uint32_t first[SPIPE_INTERN_NODES_MAX + 1];
    uint32_t second[SPIPE_INTERN_NODES_MAX + 1];
    uint32_t slot[HASH_SIZE];
    uint32_t count;
    uint32_t taken;
};

_Static_assert(SPIPE_INTERN_NODES_MAX == SPIPE_INTERN_FRAMES_MAX, "both tables are of one kind");

struct spipe_intern {
    struct table frames;    /* image id, offset */
    struct table nodes;     /* parent id, frame id */
};

struct spipe_intern *spipe_intern_new(void)
{
    return spipe_pages_new(sizeof(struct spipe_intern));
}

void spipe_intern_free(struct spipe_intern *intern)
{
    spipe_pages_free(intern, sizeof *intern);
}

static void reset_table(struct table *table)
{
    if (table->count != 0)
        memset(table->slot, 0, sizeof table->slot);
    table->count = 0;
    table->taken = 0;
}

void spipe_intern_reset(struct spipe_intern *intern)
{
    reset_table(&intern->frames);
    reset_table(&intern->nodes);
}

bool spipe_intern_is_full(const struct spipe_intern *intern, uint32_t depth)
{
    return depth > SPIPE_INTERN_FRAMES_MAX - intern->frames.count ||
           depth > SPIPE_INTERN_NODES_MAX - intern->nodes.count;
}

/* Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4) with the 64-bit golden ratio. */
static uint32_t hash_pair(uint32_t first, uint32_t second)
{
    uint64_t key = (uint64_t)first << 32 | second;
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - HASH_BITS));
}

static uint32_t intern_pair(struct table *table, uint32_t first, uint32_t second)
{
    uint32_t at = hash_pair(first, second);
    for (; table->slot[at] != 0; at = (at + 1) % HASH_SIZE) {
        uint32_t id = table->slot[at];
        if (table->first[id] == first && table->second[id] == second)
            return id;
    }
    uint32_t id = ++table->count;
    table->first[id] = first;
    table->second[id] = second;
    table->slot[at] = id;
    return id;
}

uint32_t spipe_intern_frame(struct spipe_intern *intern, uint32_t image_id, uint32_t offset)
{
    return intern_pair(&intern->frames, image_id, offset);
}

uint32_t spipe_intern_node(struct spipe_intern *intern, uint32_t parent_id, uint32_t frame_id)
{
    return intern_pair(&intern->nodes, parent_id, frame_id);
}

uint32_t spipe_intern_new_frames(const struct spipe_intern *intern)
{
    return intern->frames.count - intern->frames.taken;
}

uint32_t spipe_intern_new_nodes(const struct spipe_intern *intern)
{
    return intern->nodes.count - intern->nodes.taken;
}

static uint32_t take(struct table *table, uint32_t max, uint32_t *ret_first_id)
{
    uint32_t count = table->count - table->taken;
    if (count > max)
        count = max;
    *ret_first_id = table->taken + 1;
    table->taken += count;
    return count;
}

uint32_t spipe_intern_take_frames(struct spipe_intern *intern, uint32_t max, uint32_t *ret_first_id,
                                  const uint32_t **ret_image_id, const uint32_t **ret_offset)
{
    uint32_t count = take(&intern->frames, max, ret_first_id);
    *ret_image_id = &intern->frames.first[*ret_first_id];
    *ret_offset = &intern->frames.second[*ret_first_id];
    return count;
}

uint32_t spipe_intern_take_nodes(struct spipe_intern *intern, uint32_t max, uint32_t *ret_first_id,
                                 uint32_t *parent_back, const uint32_t **ret_frame_id)
{
    uint32_t count = take(&intern->nodes, max, ret_first_id);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = *ret_first_id + i;
        uint32_t parent_id = intern->nodes.first[id];
        parent_back[i] = parent_id == 0 ? 0 : id - parent_id;
    }
    *ret_frame_id = &intern->nodes.second[*ret_first_id];
    return count;
}
