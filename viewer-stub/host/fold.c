/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/calltree.h"

#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

/* Sums by stack of one pass over the samples: a plain array by node, or with threads a hash
 * table. */
struct sums {
    struct spipe_fold_entry *entry;
    size_t count; /* in use; by node: all of them */
    size_t capacity;
    uint32_t *slot; /* by thread: entry index plus one, by hash; capacity * 2 places */
    bool by_thread;
};

struct selection {
    const struct spipe_store *store;
    struct spipe_calltree_filter filter;
    uint8_t *thread_wanted; /* NULL: all */
    uint32_t thread_count;
    uint64_t quantum[256]; /* of each source; 0: not wanted */
};

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static int select_threads(struct selection *selection)
{
    const struct spipe_calltree_filter *filter = &selection->filter;
    selection->thread_count = spipe_store_thread_count(selection->store);
    if (filter->thread == NULL && filter->session == SPIPE_STORE_NONE) {
        return SPIPE_OK;
    }
    selection->thread_wanted = calloc((size_t)selection->thread_count + 1, 1);
    if (selection->thread_wanted == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    memset(selection->thread_wanted, filter->thread == NULL, selection->thread_count);
    for (size_t i = 0; i < filter->thread_count; i++) {
        if (filter->thread[i] < selection->thread_count) {
            selection->thread_wanted[filter->thread[i]] = 1;
        }
    }
    for (uint32_t i = 0; filter->session != SPIPE_STORE_NONE && i < selection->thread_count; i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(selection->store, i, &thread);
        selection->thread_wanted[i] &= thread.session == filter->session;
    }
    return SPIPE_OK;
}

/* Sources may be added while we read, with the samples that use them: they are looked up for each span. */
static void select_sources(struct selection *selection)
{
    enum spipe_source_kind kind =
        selection->filter.kind != SPIPE_SOURCE_UNKNOWN ? selection->filter.kind : SPIPE_SOURCE_CPU;
    uint32_t count = spipe_store_source_count(selection->store);
    for (uint32_t i = 0; i < count && i < 256; i++) {
        const struct spipe_store_source *source = spipe_store_get_source(selection->store, i);
        selection->quantum[i] = source->kind == kind ? source->weight_quantum : 0;
        if (source->kind == kind && source->weight_quantum == 0) {
            selection->quantum[i] = 1;
        }
    }
}

/* Numbers of later versions count as running. */
static uint32_t state_of(const struct spipe_store_span *span, size_t i)
{
    return span->state[i] < SPIPE_STORE_STATES ? span->state[i] : SPIPE_STATE_RUNNING;
}

static bool is_wanted(const struct selection *selection, const struct spipe_store_span *span, size_t i)
{
    uint32_t states = selection->filter.states;
    if (states != 0 && (states >> state_of(span, i) & 1) == 0) {
        return false;
    }
    if (selection->quantum[span->source[i]] == 0 || span->time_ns[i] < selection->filter.from_ns ||
        (selection->filter.to_ns != 0 && span->time_ns[i] >= selection->filter.to_ns)) {
        return false;
    }
    return selection->thread_wanted == NULL ||
           (span->thread[i] < selection->thread_count && selection->thread_wanted[span->thread[i]] != 0);
}

static size_t slot_of(uint32_t thread, uint32_t node, uint32_t state)
{
    uint64_t key = ((uint64_t)thread * SPIPE_STORE_STATES + state) << 32 | node;
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20);
}

static int grow_entries(struct sums *sums)
{
    size_t capacity = sums->capacity == 0 ? 1024 : sums->capacity * 2;
    struct spipe_fold_entry *entry = realloc(sums->entry, capacity * sizeof *entry);
    uint32_t *slot = calloc(capacity * 2, sizeof *slot);
    if (entry != NULL) {
        sums->entry = entry;
    }
    if (entry == NULL || slot == NULL || capacity >= UINT32_MAX / 2) {
        free(slot);
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < sums->count; i++) {
        size_t at = slot_of(entry[i].thread, entry[i].node, entry[i].state) & (capacity * 2 - 1);
        while (slot[at] != 0) {
            at = (at + 1) & (capacity * 2 - 1);
        }
        slot[at] = (uint32_t)i + 1;
    }
    free(sums->slot);
    sums->slot = slot;
    sums->capacity = capacity;
    return SPIPE_OK;
}

static struct spipe_fold_entry *find_entry(struct sums *sums, uint32_t thread, uint32_t node, uint32_t state)
{
    if (sums->count == sums->capacity && grow_entries(sums) != SPIPE_OK) {
        return NULL;
    }
    size_t mask = sums->capacity * 2 - 1;
    size_t at = slot_of(thread, node, state) & mask;
    for (; sums->slot[at] != 0; at = (at + 1) & mask) {
        struct spipe_fold_entry *entry = &sums->entry[sums->slot[at] - 1];
        if (entry->node == node && entry->thread == thread && entry->state == state) {
            return entry;
        }
    }
    sums->entry[sums->count] = (struct spipe_fold_entry){thread, node, state, 0, 0};
    sums->slot[at] = (uint32_t)++sums->count;
    return &sums->entry[sums->count - 1];
}

/* The node count grows with the store: make the array as long as the nodes that the next span can name. */
static int grow_nodes(struct sums *sums, uint32_t node_count)
{
    if (node_count <= sums->count) {
        return SPIPE_OK;
    }
    struct spipe_fold_entry *entry = realloc(sums->entry, node_count * sizeof *entry);
    if (entry == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (uint32_t i = (uint32_t)sums->count; i < node_count; i++) {
        entry[i] = (struct spipe_fold_entry){SPIPE_STORE_NONE, i, SPIPE_STORE_NONE, 0, 0};
    }
    sums->entry = entry;
    sums->count = node_count;
    return SPIPE_OK;
}

static int add_span(struct sums *sums, struct selection *selection, const struct spipe_store_span *span)
{
    select_sources(selection);
    int status = sums->by_thread ? SPIPE_OK : grow_nodes(sums, spipe_store_node_count(selection->store));
    for (size_t i = 0; i < span->count && status == SPIPE_OK; i++) {
        if (!is_wanted(selection, span, i)) {
            continue;
        }
        uint64_t weight = span->weight[i] * selection->quantum[span->source[i]];
        struct spipe_fold_entry *entry = sums->by_thread
                                             ? find_entry(sums, span->thread[i], span->node[i], state_of(span, i))
                                             : &sums->entry[span->node[i]];
        if (entry == NULL) {
            return SPIPE_E_NO_MEMORY;
        }
        entry->samples++;
        entry->weight = add_saturating(entry->weight, weight);
    }
    return status;
}

static int compare_entries(const void *a, const void *b)
{
    const struct spipe_fold_entry *x = a;
    const struct spipe_fold_entry *y = b;
    if (x->thread != y->thread) {
        return x->thread < y->thread ? -1 : 1;
    }
    if (x->node != y->node) {
        return x->node < y->node ? -1 : 1;
    }
    return x->state < y->state ? -1 : x->state > y->state;
}

/* Leaves out what has no samples, sorts, and sums up. */
static void finish(struct sums *sums, struct spipe_fold *ret_fold)
{
    size_t kept = 0;
    struct spipe_fold fold = {sums->entry, 0, 0, 0};
    for (size_t i = 0; i < sums->count; i++) {
        if (sums->entry[i].samples != 0) {
            fold.samples += sums->entry[i].samples;
            fold.weight = add_saturating(fold.weight, sums->entry[i].weight);
            sums->entry[kept++] = sums->entry[i];
        }
    }
    fold.count = kept;
    if (sums->by_thread && kept > 1) {
        qsort(fold.entry, kept, sizeof *fold.entry, compare_entries);
    }
    *ret_fold = fold;
}

int spipe_fold_init(const struct spipe_store *store, const struct spipe_calltree_filter *filter, bool by_thread,
                    struct spipe_fold *ret_fold)
{
    static const struct spipe_calltree_filter all = SPIPE_CALLTREE_ALL;
    struct selection selection = {.store = store, .filter = filter != NULL ? *filter : all};
    struct sums sums = {.by_thread = by_thread};
    struct spipe_store_span span;
    uint64_t end = spipe_store_sample_count(store);
    int status = select_threads(&selection);
    for (uint64_t at = 0; at < end && status == SPIPE_OK; at += span.count) {
        spipe_store_get_samples(store, at, &span);
        if (span.count > end - at) {
            span.count = (size_t)(end - at);
        }
        status = add_span(&sums, &selection, &span);
    }
    if (status == SPIPE_OK) {
        finish(&sums, ret_fold);
    } else {
        free(sums.entry);
    }
    free(sums.slot);
    free(selection.thread_wanted);
    return status;
}

void spipe_fold_done(struct spipe_fold *fold)
{
    free(fold->entry);
    *fold = (struct spipe_fold){0};
}
