/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/export_stacks.h"

#include "protocol/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_MAPPED UINT32_MAX

/* The tree while it grows: its nodes, found by parent and function through a hash table of indexes. */
struct builder {
    const struct spipe_store *store;
    struct spipe_symbols *symbols;
    struct spipe_export_node *node;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slot; /* 0: free; else a node's index */
    uint32_t slot_mask;
    uint32_t *by_store_node; /* the innermost function's node for each stack node, or NOT_MAPPED */
    uint32_t *chain;         /* stack nodes on the way outwards */
};

static uint32_t hash_node(uint32_t parent, uint32_t function)
{
    uint64_t mixed = ((uint64_t)parent << 32 | function) * 0x9e3779b97f4a7c15u;

    return (uint32_t)(mixed >> 32);
}

static void place_in_table(struct builder *builder, uint32_t index)
{
    const struct spipe_export_node *node = &builder->node[index];
    uint32_t at = hash_node(node->parent, node->function) & builder->slot_mask;

    while (builder->slot[at] != 0)
        at = (at + 1) & builder->slot_mask;
    builder->slot[at] = index;
}

/* Doubles nodes and table; the table is never more than half full. */
static int grow(struct builder *builder)
{
    uint32_t capacity = builder->capacity ? builder->capacity * 2 : 1024;
    struct spipe_export_node *node = NULL;
    uint32_t *slot = NULL;

    if (capacity > UINT32_MAX / 4)
        return SPIPE_E_LIMIT;
    node = realloc(builder->node, capacity * sizeof *node);
    if (!node)
        return SPIPE_E_NO_MEMORY;
    builder->node = node;
    slot = calloc((size_t)capacity * 2, sizeof *slot);
    if (!slot)
        return SPIPE_E_NO_MEMORY;
    free(builder->slot);
    builder->slot = slot;
    builder->slot_mask = capacity * 2 - 1;
    builder->capacity = capacity;
    for (uint32_t i = 1; i < builder->count; i++)
        place_in_table(builder, i);
    return SPIPE_OK;
}

/* The child of `parent` for `function`, made if it is new. */
static int get_child(struct builder *builder, uint32_t parent, uint32_t function, uint32_t *ret_node)
{
    uint32_t at = hash_node(parent, function) & builder->slot_mask;
    int status = SPIPE_OK;

    for (; builder->slot[at] != 0; at = (at + 1) & builder->slot_mask) {
        const struct spipe_export_node *node = &builder->node[builder->slot[at]];
        if (node->parent == parent && node->function == function) {
            *ret_node = builder->slot[at];
            return SPIPE_OK;
        }
    }
    if (builder->count == builder->capacity)
        status = grow(builder);
    if (status != SPIPE_OK)
        return status;
    builder->node[builder->count] = (struct spipe_export_node){parent, function};
    place_in_table(builder, builder->count);
    *ret_node = builder->count++;
    return SPIPE_OK;
}

static int add_frame(struct builder *builder, uint32_t frame, uint32_t *node)
{
    const struct spipe_symbols_place *place = NULL;
    size_t count = spipe_symbols_frame(builder->symbols, frame, &place);
    int status = SPIPE_OK;

    for (size_t i = 0; i < count && status == SPIPE_OK; i++)
        status = get_child(builder, *node, place[i].function, node);
    return status;
}

/* The tree's node for a whole stack. Stacks share their outer parts, which are mapped once. */
static int map_stack(struct builder *builder, uint32_t store_node, uint32_t *ret_node)
{
    size_t depth = 0;
    uint32_t node = 0;
    int status = SPIPE_OK;

    if (store_node == SPIPE_STORE_NO_STACK)
        return get_child(builder, 0, SPIPE_EXPORT_NO_STACK, ret_node);
    for (uint32_t at = store_node; at != SPIPE_STORE_NO_STACK; at = spipe_store_get_node(builder->store, at)->parent) {
        if (builder->by_store_node[at] != NOT_MAPPED) {
            node = builder->by_store_node[at];
            break;
        }
        builder->chain[depth++] = at;
    }
    while (depth > 0 && status == SPIPE_OK) {
        uint32_t at = builder->chain[--depth];
        status = add_frame(builder, spipe_store_get_node(builder->store, at)->frame, &node);
        builder->by_store_node[at] = node;
    }
    *ret_node = node;
    return status;
}

static int compare_entries(const void *left, const void *right)
{
    const struct spipe_export_entry *a = left;
    const struct spipe_export_entry *b = right;

    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->state > b->state) - (a->state < b->state);
}

/* Different places of the same functions have become the same node. */
static void merge_entries(struct spipe_export_stacks *stacks)
{
    size_t kept = 0;

    if (stacks->entry_count == 0)
        return;
    qsort(stacks->entry, stacks->entry_count, sizeof *stacks->entry, compare_entries);
    for (size_t i = 1; i < stacks->entry_count; i++) {
        if (compare_entries(&stacks->entry[kept], &stacks->entry[i]) == 0) {
            stacks->entry[kept].samples += stacks->entry[i].samples;
            stacks->entry[kept].weight_ns += stacks->entry[i].weight_ns;
        } else {
            stacks->entry[++kept] = stacks->entry[i];
        }
    }
    stacks->entry_count = kept + 1;
}

static int map_entries(struct builder *builder, const struct spipe_fold *fold, struct spipe_export_stacks *stacks)
{
    int status = SPIPE_OK;

    stacks->entry = calloc(fold->count + 1, sizeof *stacks->entry);
    if (!stacks->entry)
        return SPIPE_E_NO_MEMORY;
    for (size_t i = 0; i < fold->count && status == SPIPE_OK; i++) {
        struct spipe_export_entry *entry = &stacks->entry[i];
        *entry = (struct spipe_export_entry){fold->entry[i].thread, 0, fold->entry[i].state,
                                              fold->entry[i].samples, fold->entry[i].weight};
        status = map_stack(builder, fold->entry[i].node, &entry->node);
    }
    stacks->entry_count = fold->count;
    return status;
}

static int build(const struct spipe_store *store, struct spipe_symbols *symbols, const struct spipe_fold *fold,
                 uint32_t node_count, struct spipe_export_stacks *stacks)
{
    struct builder builder = {.store = store, .symbols = symbols};
    int status = grow(&builder);

    builder.by_store_node = malloc(node_count * sizeof *builder.by_store_node);
    builder.chain = malloc(node_count * sizeof *builder.chain);
    if (status == SPIPE_OK && (!builder.by_store_node || !builder.chain))
        status = SPIPE_E_NO_MEMORY;
    if (status == SPIPE_OK) {
        memset(builder.by_store_node, 0xff, node_count * sizeof *builder.by_store_node);
        builder.node[0] = (struct spipe_export_node){0, SPIPE_STORE_NONE};
        builder.count = 1;
        status = map_entries(&builder, fold, stacks);
    }
    stacks->node = builder.node;
    stacks->node_count = builder.count;
    stacks->samples = fold->samples;
    stacks->weight_ns = fold->weight;
    free(builder.slot);
    free(builder.by_store_node);
    free(builder.chain);
    return status;
}

static bool is_wanted(const struct spipe_store_thread *thread, const char *wanted)
{
    char tid[16];

    snprintf(tid, sizeof tid, "%u", (unsigned)thread->tid);
    return strcmp(thread->name, wanted) == 0 || strcmp(tid, wanted) == 0;
}

/* The indexes of the threads that are called `wanted`, to be freed by the caller. */
static int find_threads(const struct spipe_store *store, const char *wanted, uint32_t **ret_threads, size_t *ret_count)
{
    uint32_t count = spipe_store_thread_count(store);
    uint32_t *threads = malloc((count + 1u) * sizeof *threads);
    size_t found = 0;

    if (!threads)
        return SPIPE_E_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(store, i, &thread);
        if (is_wanted(&thread, wanted))
            threads[found++] = i;
    }
    if (found == 0) {
        free(threads);
        return SPIPE_E_NOT_FOUND;
    }
    *ret_threads = threads;
    *ret_count = found;
    return SPIPE_OK;
}

int spipe_export_stacks_init(const struct spipe_store *store, struct spipe_symbols *symbols,
                             const struct spipe_export_options *options, struct spipe_export_stacks *ret_stacks)
{
    struct spipe_calltree_filter filter = SPIPE_CALLTREE_ALL;
    struct spipe_export_stacks stacks = {.node = NULL};
    struct spipe_fold fold;
    uint32_t *threads = NULL;
    int status = SPIPE_OK;

    if (options && options->thread)
        status = find_threads(store, options->thread, &threads, &filter.thread_count);
    filter.thread = threads;
    filter.kind = options ? options->kind : SPIPE_SOURCE_CPU;
    filter.states = options ? options->states : 0;
    filter.from_ns = options ? options->from_ns : 0;
    filter.to_ns = options ? options->to_ns : 0;
    if (status == SPIPE_OK)
        status = spipe_fold_init(store, &filter, true, &fold);
    free(threads);
    if (status != SPIPE_OK)
        return status;
    status = build(store, symbols, &fold, spipe_store_node_count(store), &stacks);
    spipe_fold_done(&fold);
    if (status != SPIPE_OK) {
        spipe_export_stacks_done(&stacks);
        return status;
    }
    merge_entries(&stacks);
    *ret_stacks = stacks;
    return SPIPE_OK;
}

void spipe_export_stacks_done(struct spipe_export_stacks *stacks)
{
    free(stacks->node);
    free(stacks->entry);
    memset(stacks, 0, sizeof *stacks);
}

const char *spipe_export_function_name(const struct spipe_symbols *symbols, uint32_t function)
{
    struct spipe_symbols_function known;

    if (function == SPIPE_EXPORT_NO_STACK)
        return "[no stack]";
    spipe_symbols_get_function(symbols, function, &known);
    return known.name;
}
