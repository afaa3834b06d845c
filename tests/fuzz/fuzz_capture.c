/* SPDX-License-Identifier: MIT */
/*
 * Captures from anywhere: read, stored, folded in both directions, and summed up. What must hold whatever the bytes are
 * is asserted.
 */
#include "viewer-stub/host/capture.h"
#include "viewer-stub/host/summary.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Every index that the store hands out is one that it has. */
static void check_samples(const struct spipe_store *store)
{
    struct spipe_store_span span;
    for (uint64_t at = 0; spipe_store_get_samples(store, at, &span) > 0; at += span.count) {
        for (size_t i = 0; i < span.count; i++) {
            require(span.thread[i] < spipe_store_thread_count(store));
            require(span.node[i] < spipe_store_node_count(store));
            require(span.source[i] < spipe_store_source_count(store));
        }
    }
    for (uint32_t i = 1; i < spipe_store_node_count(store); i++) {
        const struct spipe_store_node *node = spipe_store_get_node(store, i);
        require(node->parent < i && node->frame < spipe_store_frame_count(store));
        require(spipe_store_get_node(store, spipe_store_get_outermost(store, i))->parent == SPIPE_STORE_NO_STACK);
    }
}

static void check_tree(const struct spipe_store *store, enum spipe_calltree_direction direction)
{
    struct spipe_calltree tree;
    if (spipe_calltree_init(store, NULL, NULL, direction, &tree) != 0) {
        return;
    }
    for (uint32_t i = 1; i < tree.node_count; i++) {
        const struct spipe_calltree_node *node = &tree.node[i];
        require(node->parent < i && node->total_samples <= tree.node[node->parent].total_samples);
    }
    for (uint32_t i = 0; i < tree.function_count; i++) {
        require(tree.function[i].total_samples <= tree.node[0].total_samples);
        require(tree.function[i].self_samples <= tree.function[i].total_samples);
    }
    spipe_calltree_done(&tree);
}

static void check_summary(const struct spipe_store *store, const struct spipe_capture_end *end)
{
    static FILE *nowhere;
    struct spipe_summary summary;
    if (nowhere == NULL) {
        nowhere = fopen("/dev/null", "w");
    }
    if (spipe_summary_init(store, NULL, end, 10, &summary) == 0) {
        uint64_t stacks = summary.reached_root + summary.no_stack;
        for (size_t i = 0; i < SPIPE_SUMMARY_STAND_INS; i++) {
            stacks += summary.stand_in[i];
        }
        require(stacks == summary.samples);
        spipe_summary_write_json(&summary, store, end, nowhere);
        spipe_summary_done(&summary);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spipe_store_limits limits = {.memory_bytes = 64u << 20,
                                        .samples = 1u << 20,
                                        .nodes = 1u << 16,
                                        .frames = 1u << 16,
                                        .threads = 1u << 12,
                                        .strings = 1u << 16,
                                        .methods = 1u << 12,
                                        .images = 1u << 12,
                                        .markers = 1u << 16};
    struct spipe_store *store = spipe_store_new(&limits);
    struct spipe_capture_end end;
    require(store != NULL && spipe_capture_load_memory(data, size, store, &end) == 0);
    require(end.length == size && end.offset <= size);
    check_samples(store);
    check_tree(store, SPIPE_CALLTREE_TOP_DOWN);
    check_tree(store, SPIPE_CALLTREE_BOTTOM_UP);
    check_summary(store, &end);
    spipe_store_free(store);
    return 0;
}
