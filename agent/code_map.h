/* SPDX-License-Identifier: MIT */
/*
 * Which executable code lies where, as the walk sees it: the ranges of the process that hold code, and the table of
 * each.
 *
 * The pump builds a map, publishes it, and never changes it again. Handlers read it; it is freed when no handler can
 * hold it.
 */
#ifndef SPIPE_AGENT_CODE_MAP_H
#define SPIPE_AGENT_CODE_MAP_H

#include <stdint.h>

struct spipe_unwind_table;

enum spipe_code_kind {
    SPIPE_CODE_NO_TABLE = 0,    /* no .eh_frame, or generated code: the frame pointer is followed */
    SPIPE_CODE_TABLE = 1,       /* `table` holds the rules */
    SPIPE_CODE_UNBUILT = 2,     /* there is an .eh_frame, but no table yet: the walk stops and asks for it */
    SPIPE_CODE_BAD_TABLE = 3    /* the .eh_frame cannot be used: as NO_TABLE, but failing here is BAD_TABLE */
};

struct spipe_code_range {
    uint64_t start;
    uint64_t end;               /* first address after the range */
    uint64_t image_base;        /* the address of the image's offset 0 */
    const struct spipe_unwind_table *table;     /* SPIPE_CODE_TABLE only */
    uint32_t image_index;       /* the caller's own */
    uint8_t kind;               /* enum spipe_code_kind */
};

struct spipe_code_map {
    uint32_t generation;        /* differs between any two maps that were published; not 0 */
    uint32_t count;
    struct spipe_code_range range[];    /* sorted by start, disjoint, none empty */
};

/* Returns the range that holds the address, or NULL. Handler-safe. */
const struct spipe_code_range *spipe_code_map_find(const struct spipe_code_map *map, uint64_t address);

#endif
