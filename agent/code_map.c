/* SPDX-License-Identifier: MIT */
/* Runs in the handler: no call of any kind. */
#include "code_map.h"

#include <stddef.h>

const struct spipe_code_range *spipe_code_map_find(const struct spipe_code_map *map, uint64_t address)
{
    const struct spipe_code_range *range = map->range;
    uint32_t count = map->count;
    if (count == 0)
        return NULL;
    while (count > 1) {
        uint32_t half = count / 2;
        range += range[half].start <= address ? half : 0;
        count -= half;
    }
    return address >= range->start && address < range->end ? range : NULL;
}
