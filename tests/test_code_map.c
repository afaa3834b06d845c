/* SPDX-License-Identifier: MIT */
#include "agent/code_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define RANGES 37u

/* Ranges of 16 bytes, every second one touching the next. */
static struct spipe_code_map *new_map(uint32_t count)
{
    struct spipe_code_map *map = calloc(1, sizeof(*map) + count * sizeof(map->range[0]));
    assert_non_null(map);
    map->generation = 1;
    map->count = count;
    for (uint32_t i = 0; i < count; i++) {
        map->range[i].start = 0x1000 + i * 32 + (i % 2 ? 0 : 16);
        map->range[i].end = map->range[i].start + 16;
    }
    return map;
}

static const struct spipe_code_range *find_by_looking_at_all(const struct spipe_code_map *map, uint64_t address)
{
    for (uint32_t i = 0; i < map->count; i++) {
        if (address >= map->range[i].start && address < map->range[i].end)
            return &map->range[i];
    }
    return NULL;
}

static void test_empty_map_holds_no_address(void **state)
{
    (void)state;
    struct spipe_code_map *map = new_map(0);
    assert_null(spipe_code_map_find(map, 0));
    assert_null(spipe_code_map_find(map, UINT64_MAX));
    free(map);
}

static void test_find_agrees_with_looking_at_every_range(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= RANGES; count++) {
        struct spipe_code_map *map = new_map(count);
        for (uint64_t address = 0xff0; address < 0x1020 + count * 32; address++)
            assert_ptr_equal(spipe_code_map_find(map, address), find_by_looking_at_all(map, address));
        assert_null(spipe_code_map_find(map, 0));
        assert_null(spipe_code_map_find(map, UINT64_MAX));
        free(map);
    }
}

static void test_range_up_to_the_last_address_is_found(void **state)
{
    (void)state;
    struct spipe_code_map *map = new_map(2);
    map->range[1].start = UINT64_MAX - 15;
    map->range[1].end = UINT64_MAX;
    assert_ptr_equal(spipe_code_map_find(map, UINT64_MAX - 1), &map->range[1]);
    assert_null(spipe_code_map_find(map, UINT64_MAX - 16));
    free(map);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_map_holds_no_address),
        cmocka_unit_test(test_find_agrees_with_looking_at_every_range),
        cmocka_unit_test(test_range_up_to_the_last_address_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
