/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/calltree.h"

#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define NONE      SPIPE_STORE_NONE
#define NODES_MAX (64u << 20)

/* A tree while it is built: nodes, and a table that finds a node's child by function. */
struct builder {
    struct spipe_calltree_node *node;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slot; /* node index plus one, by hash; capacity * 2 places */
};

/* The stacks that have samples, and all that call them. */
struct stacks {
    uint32_t node_count;
    uint64_t *weight; /* by stack node: of its own samples */
    uint64_t *samples;
    uint8_t *is_needed; /* it or something it calls has samples */
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static size_t functions_of(const struct spipe_naming *naming, const uint32_t *frame, const uint32_t **ret_functions)
{
    if (naming != NULL) {
        return naming->functions(naming->user, *frame, ret_functions);
    }
    *ret_functions = frame;
    return 1;
}

/* ------------------------------------------------------------------------------------------------------ building a
 * tree */

static size_t slot_of(uint32_t parent, uint32_t function)
{
    uint64_t key = (uint64_t)parent << 32 | function;
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
}

static void put_slot(struct builder *builder, uint32_t index)
{
    size_t mask = (size_t)builder->capacity * 2 - 1;
    size_t at = slot_of(builder->node[index].parent, builder->node[index].function) & mask;
    while (builder->slot[at] != 0) {
        at = (at + 1) & mask;
    }
    builder->slot[at] = index + 1;
}

static int grow(struct builder *builder)
{
    uint32_t capacity = builder->capacity == 0 ? 1024 : builder->capacity * 2;
    if (capacity > NODES_MAX) {
        return SPIPE_E_LIMIT;
    }
    struct spipe_calltree_node *node = realloc(builder->node, capacity * sizeof *node);
    if (node == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    builder->node = node;
    uint32_t *slot = calloc((size_t)capacity * 2, sizeof *slot);
    if (slot == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    free(builder->slot);
    builder->slot = slot;
    builder->capacity = capacity;
    for (uint32_t i = 0; i < builder->count; i++) {
        put_slot(builder, i);
    }
    return SPIPE_OK;
}

/* The child of `parent` for `function`, made when it is not there. The root is the child of none for none. */
static int find_child(struct builder *builder, uint32_t parent, uint32_t function, uint32_t *ret_child)
{
    if (builder->count == builder->capacity) {
        int status = grow(builder);
        if (status != SPIPE_OK) {
            return status;
        }
    }
    size_t mask = (size_t)builder->capacity * 2 - 1;
    for (size_t at = slot_of(parent, function) & mask; builder->slot[at] != 0; at = (at + 1) & mask) {
        uint32_t index = builder->slot[at] - 1;
        if (builder->node[index].parent == parent && builder->node[index].function == function) {
            *ret_child = index;
            return SPIPE_OK;
        }
    }
    builder->node[builder->count] = (struct spipe_calltree_node){function, parent, NONE, NONE, 0, 0, 0, 0};
    put_slot(builder, builder->count);
    *ret_child = builder->count++;
    return SPIPE_OK;
}

static int init_builder(struct builder *builder)
{
    uint32_t root = 0;
    *builder = (struct builder){0};
    return find_child(builder, NONE, NONE, &root);
}

static void free_builder(struct builder *builder)
{
    free(builder->node);
    free(builder->slot);
    *builder = (struct builder){0};
}

/* Totals from the self weights of a top-down tree: children stand behind their parents. */
static void sum_up(struct builder *builder)
{
    for (uint32_t i = builder->count; i-- > 0;) {
        struct spipe_calltree_node *node = &builder->node[i];
        node->total = add_saturating(node->total, node->self);
        node->total_samples += node->self_samples;
        if (node->parent != NONE) {
            struct spipe_calltree_node *parent = &builder->node[node->parent];
            parent->total = add_saturating(parent->total, node->total);
            parent->total_samples += node->total_samples;
        }
    }
}

struct ranked {
    uint32_t index;
    uint32_t function;
    uint32_t parent;
    uint64_t total;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;
    if (x->parent != y->parent) {
        return x->parent < y->parent ? -1 : 1;
    }
    if (x->total != y->total) {
        return x->total > y->total ? -1 : 1;
    }
    return x->function < y->function ? -1 : x->function > y->function;
}

/* Links each node's children, the largest first. */
static int link_children(struct builder *builder)
{
    struct ranked *ranked = malloc(builder->count * sizeof *ranked);
    if (ranked == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < builder->count; i++) {
        const struct spipe_calltree_node *node = &builder->node[i];
        ranked[i] = (struct ranked){i, node->function, node->parent, node->total};
    }
    qsort(ranked, builder->count, sizeof *ranked, compare_ranked);
    for (uint32_t i = builder->count; i-- > 0;) {
        struct spipe_calltree_node *node = &builder->node[ranked[i].index];
        if (node->parent != NONE) {
            node->next_sibling = builder->node[node->parent].first_child;
            builder->node[node->parent].first_child = ranked[i].index;
        }
    }
    free(ranked);
    return SPIPE_OK;
}

/* -------------------------------------------------------------------------------------------------------------
 * directions */

static void free_stacks(struct stacks *stacks)
{
    free(stacks->weight);
    free(stacks->samples);
    free(stacks->is_needed);
}

static int init_stacks(const struct spipe_store *store, const struct spipe_fold_entry *entry, size_t count,
                       struct stacks *stacks)
{
    uint32_t node_count = spipe_store_node_count(store);
    *stacks = (struct stacks){node_count, calloc(node_count, sizeof(uint64_t)), calloc(node_count, sizeof(uint64_t)),
                              calloc(node_count, 1)};
    if (stacks->weight == NULL || stacks->samples == NULL || stacks->is_needed == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        if (entry[i].node >= node_count) {
            return SPIPE_E_ARGUMENT;
        }
        stacks->weight[entry[i].node] = add_saturating(stacks->weight[entry[i].node], entry[i].weight);
        stacks->samples[entry[i].node] += entry[i].samples;
        stacks->is_needed[entry[i].node] = 1;
    }
    for (uint32_t i = node_count; i-- > 1;) {
        if (stacks->is_needed[i]) {
            stacks->is_needed[spipe_store_get_node(store, i)->parent] = 1;
        }
    }
    return SPIPE_OK;
}

/* A stack node's place is below that of its caller, which has a smaller index and so has its place already. */
static int place_stacks(const struct spipe_store *store, const struct stacks *stacks, const struct spipe_naming *naming,
                        struct builder *builder, uint32_t *place)
{
    int status = SPIPE_OK;
    place[SPIPE_STORE_NO_STACK] = 0;
    for (uint32_t i = 1; i < stacks->node_count && status == SPIPE_OK; i++) {
        if (!stacks->is_needed[i]) {
            continue;
        }
        const struct spipe_store_node *stack = spipe_store_get_node(store, i);
        const uint32_t *function = NULL;
        size_t count = functions_of(naming, &stack->frame, &function);
        uint32_t at = place[stack->parent];
        for (size_t k = 0; k < count && status == SPIPE_OK; k++) {
            status = find_child(builder, at, function[k], &at);
        }
        place[i] = at;
        if (status == SPIPE_OK) {
            builder->node[at].self = add_saturating(builder->node[at].self, stacks->weight[i]);
            builder->node[at].self_samples += stacks->samples[i];
        }
    }
    return status;
}

/* Samples without a stack are a child of the root for no function. */
static int place_stackless(const struct stacks *stacks, struct builder *builder)
{
    uint32_t at = 0;
    if (stacks->samples[SPIPE_STORE_NO_STACK] == 0) {
        return SPIPE_OK;
    }
    int status = find_child(builder, 0, NONE, &at);
    if (status == SPIPE_OK) {
        builder->node[at].self = stacks->weight[SPIPE_STORE_NO_STACK];
        builder->node[at].self_samples = stacks->samples[SPIPE_STORE_NO_STACK];
    }
    return status;
}

static int build_top_down(const struct spipe_store *store, const struct stacks *stacks,
                          const struct spipe_naming *naming, struct builder *builder)
{
    uint32_t *place = malloc(stacks->node_count * sizeof *place);
    int status = place != NULL ? init_builder(builder) : SPIPE_E_NO_MEMORY;
    status = status != 0 ? status : place_stacks(store, stacks, naming, builder, place);
    status = status != 0 ? status : place_stackless(stacks, builder);
    if (status == SPIPE_OK) {
        sum_up(builder);
    }
    free(place);
    return status;
}

/* Adds the self weight of one node of the top-down tree along its callers, beginning below the root. */
static int add_callers(const struct builder *down, uint32_t leaf, struct builder *up)
{
    const struct spipe_calltree_node *from = &down->node[leaf];
    uint32_t at = 0;
    bool is_first = true;
    for (uint32_t i = leaf; i != NONE; i = down->node[i].parent) {
        struct spipe_calltree_node *node = &up->node[at];
        node->total = add_saturating(node->total, from->self);
        node->total_samples += from->self_samples;
        if (i == 0) {
            break;
        }
        int status = find_child(up, at, down->node[i].function, &at);
        if (status != SPIPE_OK) {
            return status;
        }
        if (is_first) {
            up->node[at].self = add_saturating(up->node[at].self, from->self);
            up->node[at].self_samples += from->self_samples;
            is_first = false;
        }
    }
    return SPIPE_OK;
}

static int build_bottom_up(const struct builder *down, struct builder *up)
{
    int status = init_builder(up);
    for (uint32_t i = 1; i < down->count && status == SPIPE_OK; i++) {
        if (down->node[i].self_samples != 0) {
            status = add_callers(down, i, up);
        }
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------------------- flat
 * profile */

struct flat {
    struct spipe_calltree_function *row; /* by function id */
    uint32_t *depth;                     /* how often the function is on the present path */
    uint32_t count;
};

static int init_flat(const struct builder *down, struct flat *flat)
{
    uint32_t max = 0;
    for (uint32_t i = 0; i < down->count; i++) {
        uint32_t function = down->node[i].function;
        max = function != NONE && function >= max ? function + 1 : max;
    }
    *flat =
        (struct flat){calloc((size_t)max + 1, sizeof *flat->row), calloc((size_t)max + 1, sizeof *flat->depth), max};
    return flat->row != NULL && flat->depth != NULL ? SPIPE_OK : SPIPE_E_NO_MEMORY;
}

static void enter(struct flat *flat, const struct spipe_calltree_node *node)
{
    if (node->function == NONE) {
        return;
    }
    struct spipe_calltree_function *row = &flat->row[node->function];
    row->self = add_saturating(row->self, node->self);
    row->self_samples += node->self_samples;
    if (flat->depth[node->function]++ == 0) {
        row->total = add_saturating(row->total, node->total);
        row->total_samples += node->total_samples;
    }
}

/* Walks the linked tree, outer functions before inner ones; only the outermost of a function's places counts for its
 * total. */
static void walk(const struct builder *down, struct flat *flat)
{
    uint32_t at = 0;
    for (;;) {
        enter(flat, &down->node[at]);
        if (down->node[at].first_child != NONE) {
            at = down->node[at].first_child;
            continue;
        }
        for (;;) {
            if (down->node[at].function != NONE) {
                flat->depth[down->node[at].function]--;
            }
            if (down->node[at].next_sibling != NONE || down->node[at].parent == NONE) {
                break;
            }
            at = down->node[at].parent;
        }
        if (down->node[at].next_sibling == NONE) {
            return;
        }
        at = down->node[at].next_sibling;
    }
}

static int compare_functions(const void *a, const void *b)
{
    const struct spipe_calltree_function *x = a;
    const struct spipe_calltree_function *y = b;
    if (x->self != y->self) {
        return x->self > y->self ? -1 : 1;
    }
    if (x->total != y->total) {
        return x->total > y->total ? -1 : 1;
    }
    return x->function < y->function ? -1 : x->function > y->function;
}

static int build_flat(const struct builder *down, struct spipe_calltree *tree)
{
    struct flat flat = {0};
    int status = init_flat(down, &flat);
    if (status == SPIPE_OK) {
        walk(down, &flat);
        for (uint32_t i = 0; i < flat.count; i++) {
            if (flat.row[i].total_samples != 0) {
                flat.row[tree->function_count] = flat.row[i];
                flat.row[tree->function_count++].function = i;
            }
        }
        tree->function = flat.row;
        flat.row = NULL;
        qsort(tree->function, tree->function_count, sizeof *tree->function, compare_functions);
    }
    free(flat.row);
    free(flat.depth);
    return status;
}

int spipe_calltree_init_from(const struct spipe_store *store, const struct spipe_fold_entry *entry, size_t count,
                             const struct spipe_naming *naming, enum spipe_calltree_direction direction,
                             struct spipe_calltree *ret_tree)
{
    struct stacks stacks = {0};
    struct builder down = {0};
    struct builder up = {0};
    struct spipe_calltree tree = {0};
    int status = init_stacks(store, entry, count, &stacks);
    status = status != 0 ? status : build_top_down(store, &stacks, naming, &down);
    status = status != 0 ? status : link_children(&down);
    status = status != 0 ? status : build_flat(&down, &tree);
    if (status == SPIPE_OK && direction == SPIPE_CALLTREE_BOTTOM_UP) {
        status = build_bottom_up(&down, &up);
        status = status != 0 ? status : link_children(&up);
    }
    if (status == SPIPE_OK) {
        struct builder *result = direction == SPIPE_CALLTREE_BOTTOM_UP ? &up : &down;
        tree.node = result->node;
        tree.node_count = result->count;
        result->node = NULL;
        *ret_tree = tree;
    } else {
        spipe_calltree_done(&tree);
    }
    free_builder(&down);
    free_builder(&up);
    free_stacks(&stacks);
    return status;
}

int spipe_calltree_init(const struct spipe_store *store, const struct spipe_calltree_filter *filter,
                        const struct spipe_naming *naming, enum spipe_calltree_direction direction,
                        struct spipe_calltree *ret_tree)
{
    struct spipe_fold fold = {0};
    int status = spipe_fold_init(store, filter, false, &fold);
    if (status == SPIPE_OK) {
        status = spipe_calltree_init_from(store, fold.entry, fold.count, naming, direction, ret_tree);
    }
    spipe_fold_done(&fold);
    return status;
}

void spipe_calltree_done(struct spipe_calltree *tree)
{
    free(tree->node);
    free(tree->function);
    *tree = (struct spipe_calltree){0};
}
