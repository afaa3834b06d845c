/* SPDX-License-Identifier: MIT */
#include "agent/unwind_builder.h"
#include "protocol/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 4000u

static const struct spipe_unwind_saves usual = {.location = {
    [SPIPE_SAVED_RSP] = {SPIPE_LOCATION_IS, SPIPE_REGISTER_CFA, 0},
    [SPIPE_SAVED_RIP] = {SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -1},
}};

static uint32_t find_rule(struct spipe_unwind_builder *builder, uint8_t number, int32_t offset,
                          const struct spipe_unwind_saves *saves)
{
    struct spipe_unwind_rule rule = {.step = {.kind = SPIPE_RULE_REGISTER, .offset = offset}, .cfa_register = number};
    return spipe_unwind_builder_find_rule(builder, &rule, saves);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Makes a table of rows at random distances of up to `distance`, and compares every offset near a row with the rows
 * themselves. */
static void check_lookups(uint32_t first, uint32_t distance, uint32_t seed)
{
    static uint32_t offset[ROWS];
    struct spipe_unwind_builder builder;
    struct spipe_unwind_table *table = NULL;
    assert_int_equal(spipe_unwind_builder_init(&builder, ROWS), SPIPE_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        offset[i] = i == 0 ? first : offset[i - 1] + 1 + next_random(&seed) % distance;
        uint32_t rule = find_rule(&builder, SPIPE_REGISTER_RSP, (int32_t)(i % 100) * 8, &usual);
        spipe_unwind_builder_add(&builder, offset[i], i == ROWS - 1 ? SPIPE_UNWIND_FIXED_NONE : rule);
    }
    assert_int_equal(spipe_unwind_builder_finish(&builder, &table), SPIPE_OK);
    spipe_unwind_builder_done(&builder);
    assert_int_equal(table->row_count, ROWS);
    for (uint32_t i = 0; i + 1 < ROWS; i++) {
        assert_int_equal(spipe_unwind_table_find(table, offset[i])->step.offset, (i % 100) * 8);
        assert_int_equal(spipe_unwind_table_find(table, offset[i + 1] - 1)->step.offset, (i % 100) * 8);
        assert_int_equal(spipe_unwind_table_find(table, offset[i])->step.kind, SPIPE_RULE_PLAIN_RSP);
    }
    assert_int_equal(spipe_unwind_table_find(table, offset[ROWS - 1])->step.kind, SPIPE_RULE_NONE);
    assert_int_equal(spipe_unwind_table_find(table, (uint64_t)offset[ROWS - 1] + 1000000)->step.kind, SPIPE_RULE_NONE);
    assert_int_equal(spipe_unwind_table_find(table, UINT64_MAX)->step.kind, SPIPE_RULE_NONE);
    if (first != 0)
        assert_int_equal(spipe_unwind_table_find(table, first - 1)->step.kind, SPIPE_RULE_NONE);
    spipe_unwind_table_free(table);
}

static void test_lookup_finds_the_row_that_holds(void **state)
{
    (void)state;
    check_lookups(0, 3, 1);
    check_lookups(0x1234, 30, 2);
    check_lookups(0xfffe, 500, 3);
    check_lookups(0x10001, 20000, 4);
    check_lookups(0x7fffffff, 300000, 5);
}

static void test_equal_neighbours_become_one_row(void **state)
{
    (void)state;
    struct spipe_unwind_builder builder;
    struct spipe_unwind_table *table = NULL;
    assert_int_equal(spipe_unwind_builder_init(&builder, 8), SPIPE_OK);
    uint32_t eight = find_rule(&builder, SPIPE_REGISTER_RSP, 8, &usual);
    uint32_t sixteen = find_rule(&builder, SPIPE_REGISTER_RSP, 16, &usual);
    spipe_unwind_builder_add(&builder, 10, eight);
    spipe_unwind_builder_add(&builder, 20, eight);
    spipe_unwind_builder_add(&builder, 30, sixteen);
    spipe_unwind_builder_add(&builder, 30, eight);
    spipe_unwind_builder_add(&builder, 40, SPIPE_UNWIND_FIXED_NONE);
    assert_int_equal(spipe_unwind_builder_finish(&builder, &table), SPIPE_OK);
    assert_int_equal(table->row_count, 2);
    assert_int_equal(spipe_unwind_table_find(table, 39)->step.offset, 8);
    spipe_unwind_table_free(table);
    spipe_unwind_builder_done(&builder);
}

static void test_rows_beyond_the_capacity_are_counted(void **state)
{
    (void)state;
    struct spipe_unwind_builder builder;
    assert_int_equal(spipe_unwind_builder_init(&builder, 1), SPIPE_OK);
    spipe_unwind_builder_add(&builder, 0, SPIPE_UNWIND_FIXED_ROOT);
    spipe_unwind_builder_add(&builder, 1, SPIPE_UNWIND_FIXED_NONE);
    assert_int_equal(builder.row_count, 1);
    assert_int_equal(builder.rows_refused, 1);
    spipe_unwind_builder_done(&builder);
}

static void test_no_row_makes_no_table(void **state)
{
    (void)state;
    struct spipe_unwind_builder builder;
    struct spipe_unwind_table *table = NULL;
    assert_int_equal(spipe_unwind_builder_init(&builder, 1), SPIPE_OK);
    assert_int_equal(spipe_unwind_builder_finish(&builder, &table), SPIPE_E_NOT_FOUND);
    assert_null(table);
    spipe_unwind_builder_done(&builder);
}

static void test_rules_beyond_the_last_index_are_unsupported_and_counted(void **state)
{
    (void)state;
    struct spipe_unwind_builder builder;
    assert_int_equal(spipe_unwind_builder_init(&builder, 1), SPIPE_OK);
    uint32_t first = find_rule(&builder, SPIPE_REGISTER_RSP, 8, &usual);
    for (int32_t i = 2; builder.rules_refused == 0; i++)
        (void)find_rule(&builder, SPIPE_REGISTER_RSP, i * 8, &usual);
    assert_int_equal(builder.rule_count, SPIPE_UNWIND_RULES_MAX);
    assert_int_equal(find_rule(&builder, SPIPE_REGISTER_RBP, 8, &usual), SPIPE_UNWIND_FIXED_UNSUPPORTED);
    assert_int_equal(find_rule(&builder, SPIPE_REGISTER_RSP, 8, &usual), first);
    spipe_unwind_builder_done(&builder);
}

static void test_rules_lose_their_saves_when_there_are_too_many(void **state)
{
    (void)state;
    struct spipe_unwind_builder builder;
    struct spipe_unwind_saves saves = usual;
    uint32_t rule = 0;
    assert_int_equal(spipe_unwind_builder_init(&builder, 1), SPIPE_OK);
    saves.location[SPIPE_SAVED_RBP] = (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2};
    for (int i = 0; i < 70000; i++) {
        saves.location[SPIPE_SAVED_RBX] =
            (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, (int16_t)i};
        saves.location[SPIPE_SAVED_R12] =
            (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, (int16_t)(i >> 8)};
        rule = find_rule(&builder, SPIPE_REGISTER_RSP, i < 60000 ? 16 : 24, &saves);
    }
    assert_true(builder.rules_refused > 0);
    if (rule != SPIPE_UNWIND_FIXED_UNSUPPORTED) {
        assert_int_equal(builder.rule[rule].step.rbp_words, -2);
        assert_int_equal(builder.saves[builder.rule[rule].saves].location[SPIPE_SAVED_RBX].kind,
                         SPIPE_LOCATION_UNKNOWN);
    }
    spipe_unwind_builder_done(&builder);
}

static void test_freeing_no_table_is_allowed(void **state)
{
    (void)state;
    spipe_unwind_table_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup_finds_the_row_that_holds),
        cmocka_unit_test(test_equal_neighbours_become_one_row),
        cmocka_unit_test(test_rows_beyond_the_capacity_are_counted),
        cmocka_unit_test(test_no_row_makes_no_table),
        cmocka_unit_test(test_rules_beyond_the_last_index_are_unsupported_and_counted),
        cmocka_unit_test(test_rules_lose_their_saves_when_there_are_too_many),
        cmocka_unit_test(test_freeing_no_table_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
