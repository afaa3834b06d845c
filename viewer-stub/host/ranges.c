/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/ranges.h"

#include "protocol/status.h"

#include <stdlib.h>

static int compare_ranges(const void *left, const void *right)
{
    const struct spipe_range *a = left;
    const struct spipe_range *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

static int append(struct spipe_ranges *ranges, uint64_t start, uint64_t end, uint32_t value)
{
    if (start >= end)
        return SPIPE_OK;
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity ? ranges->capacity * 2 : 64;
        struct spipe_range *grown = realloc(ranges->range, capacity * sizeof *grown);
        if (!grown)
            return SPIPE_E_NO_MEMORY;
        ranges->range = grown;
        ranges->capacity = capacity;
    }
    ranges->range[ranges->count++] = (struct spipe_range){start, end, value};
    return SPIPE_OK;
}

/* Writes what is left of the open ranges that end at or before `until`, the innermost first. */
static int close_open(const struct spipe_range *open, size_t *depth, uint64_t until, uint64_t *cursor,
                      struct spipe_ranges *pieces)
{
    while (*depth > 0 && open[*depth - 1].end <= until) {
        const struct spipe_range *top = &open[--*depth];
        int status = append(pieces, *cursor, top->end, top->value);
        if (status != SPIPE_OK)
            return status;
        if (top->end > *cursor)
            *cursor = top->end;
    }
    return SPIPE_OK;
}

/* A sweep from low to high with a stack of the ranges that are open at the cursor. */
static int cut(const struct spipe_ranges *ranges, struct spipe_range *open, struct spipe_ranges *pieces)
{
    size_t depth = 0;
    uint64_t cursor = 0;
    int status = SPIPE_OK;

    for (size_t i = 0; i < ranges->count && status == SPIPE_OK; i++) {
        const struct spipe_range *next = &ranges->range[i];
        if (i > 0 && next->start == next[-1].start && next->end == next[-1].end)
            continue;
        status = close_open(open, &depth, next->start, &cursor, pieces);
        if (status == SPIPE_OK && depth > 0)
            status = append(pieces, cursor, next->start, open[depth - 1].value);
        cursor = next->start;
        open[depth++] = *next;
    }
    if (status == SPIPE_OK)
        status = close_open(open, &depth, UINT64_MAX, &cursor, pieces);
    return status;
}

void spipe_ranges_init(struct spipe_ranges *ranges)
{
    *ranges = (struct spipe_ranges){NULL, 0, 0, false};
}

void spipe_ranges_done(struct spipe_ranges *ranges)
{
    free(ranges->range);
    spipe_ranges_init(ranges);
}

int spipe_ranges_add(struct spipe_ranges *ranges, uint64_t start, uint64_t end, uint32_t value)
{
    return append(ranges, start, end, value);
}

int spipe_ranges_finish(struct spipe_ranges *ranges)
{
    struct spipe_ranges pieces;
    struct spipe_range *open = NULL;
    int status = SPIPE_OK;

    spipe_ranges_init(&pieces);
    if (ranges->count > 0) {
        open = malloc(ranges->count * sizeof *open);
        if (!open)
            return SPIPE_E_NO_MEMORY;
        qsort(ranges->range, ranges->count, sizeof *ranges->range, compare_ranges);
        status = cut(ranges, open, &pieces);
    }
    free(open);
    if (status != SPIPE_OK) {
        spipe_ranges_done(&pieces);
        return status;
    }
    spipe_ranges_done(ranges);
    *ranges = pieces;
    ranges->is_sorted = true;
    return SPIPE_OK;
}

const struct spipe_range *spipe_ranges_find(const struct spipe_ranges *ranges, uint64_t address)
{
    size_t low = 0;
    size_t high = ranges->is_sorted ? ranges->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->range[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (!ranges->is_sorted || low == ranges->count || ranges->range[low].start > address)
        return NULL;
    return &ranges->range[low];
}
