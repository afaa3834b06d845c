/* SPDX-License-Identifier: MIT */
/*
 * Which of many address ranges holds an address: of several that do, the one that begins last (the innermost).
 *
 * Ranges are added in any order, then sorted and cut into pieces that do not overlap, once; lookups are a binary
 * search. Not for several threads at once while ranges are added.
 */
#ifndef SPIPE_HOST_RANGES_H
#define SPIPE_HOST_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_range {
    uint64_t start;
    uint64_t end;   /* the first address behind it */
    uint32_t value; /* the caller's; of equal ranges the one with the lowest value is kept */
};

struct spipe_ranges {
    struct spipe_range *range;
    size_t count;
    size_t capacity;
    bool is_sorted;
};

/* Starts empty; spipe_ranges_done() frees what was added. */
void spipe_ranges_init(struct spipe_ranges *ranges);
void spipe_ranges_done(struct spipe_ranges *ranges);

/* Adds [start, end). Empty ranges are ignored. SPIPE_E_NO_MEMORY leaves all as it was. */
int spipe_ranges_add(struct spipe_ranges *ranges, uint64_t start, uint64_t end, uint32_t value);

/* Sorts and cuts. Nothing may be added afterwards. */
int spipe_ranges_finish(struct spipe_ranges *ranges);

/* The piece that holds `address`, or NULL. A piece may be shorter than the range it was cut from. After
 * spipe_ranges_finish() only; borrowed until spipe_ranges_done(). */
const struct spipe_range *spipe_ranges_find(const struct spipe_ranges *ranges, uint64_t address);

#endif
