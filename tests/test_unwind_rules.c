/* SPDX-License-Identifier: MIT */
/* Walks of stacks and tables made by hand: each kind of rule, each end, and registers that mean harm. */
#include "agent/unwind.h"
#include "agent/unwind_builder.h"
#include "protocol/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The image lies here; its functions are 0x100 bytes each: first the one under test, then CALLER, OUTER and ROOT. */
#define IMAGE UINT64_C(0x400000)
#define FUNCTION IMAGE
#define CALLER (IMAGE + 0x100)
#define OUTER (IMAGE + 0x200)
#define ROOT (IMAGE + 0x300)
#define IMAGE_END (IMAGE + 0x500)
#define JIT UINT64_C(0x600000)
#define UNBUILT UINT64_C(0x700000)
#define BAD_TABLE UINT64_C(0x800000)

#define STACK UINT64_C(0x7ffe00001000)
#define STACK_WORDS 64u
#define STACK_END (STACK + 8 * STACK_WORDS)
#define DEPTH 16u

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, RIP };

struct scene {
    struct spipe_unwind_builder builder;
    struct spipe_unwind_table *table;
    struct spipe_code_map *map;
    uint64_t stack[STACK_WORDS];
    struct spipe_stack_view view;
    struct spipe_registers registers;
    uint64_t address[DEPTH];
    size_t depth;
    uint64_t needed;
};

static const struct spipe_unwind_saves usual = {.location = {
    [SPIPE_SAVED_RSP] = {SPIPE_LOCATION_IS, SPIPE_REGISTER_CFA, 0},
    [SPIPE_SAVED_RIP] = {SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -1},
}};

static struct spipe_unwind_rule rule_of(uint8_t kind, uint8_t number, int32_t offset)
{
    return (struct spipe_unwind_rule){.step = {.kind = kind, .offset = offset}, .cfa_register = number};
}

/* The function under test gets the rule; CALLER's frame is 16 bytes, OUTER's CFA is rbp + 16, and ROOT is the end. */
static void set_rule(struct scene *scene, struct spipe_unwind_rule rule, const struct spipe_unwind_saves *saves)
{
    struct spipe_unwind_rule caller = rule_of(SPIPE_RULE_REGISTER, RSP, 16);
    struct spipe_unwind_rule outer = rule_of(SPIPE_RULE_REGISTER, RBP, 16);
    struct spipe_unwind_saves outer_saves = usual;
    outer_saves.location[SPIPE_SAVED_RBP] = (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2};
    struct spipe_unwind_builder *builder = &scene->builder;
    uint32_t index = rule.step.kind == SPIPE_RULE_NONE ? SPIPE_UNWIND_FIXED_NONE
                     : rule.step.kind == SPIPE_RULE_UNSUPPORTED ? SPIPE_UNWIND_FIXED_UNSUPPORTED
                     : spipe_unwind_builder_find_rule(builder, &rule, saves);
    spipe_unwind_builder_add(builder, 0, index);
    spipe_unwind_builder_add(builder, CALLER - IMAGE, spipe_unwind_builder_find_rule(builder, &caller, &usual));
    spipe_unwind_builder_add(builder, OUTER - IMAGE, spipe_unwind_builder_find_rule(builder, &outer, &outer_saves));
    spipe_unwind_builder_add(builder, ROOT - IMAGE, SPIPE_UNWIND_FIXED_ROOT);
    spipe_unwind_builder_add(builder, ROOT - IMAGE + 0x100, SPIPE_UNWIND_FIXED_NONE);
    assert_int_equal(spipe_unwind_builder_finish(builder, &scene->table), SPIPE_OK);
    scene->map->range[0].table = scene->table;
}

static int open_scene(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->map = calloc(1, sizeof(*scene->map) + 4 * sizeof(scene->map->range[0]));
    scene->map->generation = 7;
    scene->map->count = 4;
    scene->map->range[0] = (struct spipe_code_range){IMAGE, IMAGE_END, IMAGE, NULL, 0, SPIPE_CODE_TABLE};
    scene->map->range[1] = (struct spipe_code_range){JIT, JIT + 0x1000, 0, NULL, 1, SPIPE_CODE_NO_TABLE};
    scene->map->range[2] = (struct spipe_code_range){UNBUILT, UNBUILT + 0x1000, UNBUILT, NULL, 2, SPIPE_CODE_UNBUILT};
    scene->map->range[3] =
        (struct spipe_code_range){BAD_TABLE, BAD_TABLE + 0x1000, BAD_TABLE, NULL, 3, SPIPE_CODE_BAD_TABLE};
    scene->view = (struct spipe_stack_view){STACK, STACK_END, (const unsigned char *)scene->stack};
    scene->registers.value[RIP] = FUNCTION + 5;
    scene->registers.value[RSP] = STACK + 64;
    for (size_t i = 0; i < STACK_WORDS; i++)
        scene->stack[i] = UINT64_C(0xdead0000dead0000);
    *state = scene;
    return spipe_unwind_builder_init(&scene->builder, 16);
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    spipe_unwind_builder_done(&scene->builder);
    spipe_unwind_table_free(scene->table);
    free(scene->map);
    free(scene);
    return 0;
}

static void poke(struct scene *scene, uint64_t address, uint64_t word)
{
    assert_in_range(address, STACK, STACK_END - 8);
    scene->stack[(address - STACK) / 8] = word;
}

static enum spipe_walk_end walk(struct scene *scene)
{
    return spipe_unwind_walk(scene->map, &scene->view, &scene->registers, NULL, scene->address, DEPTH, &scene->depth,
                             &scene->needed);
}

/* Asserts a walk with these addresses to the root. */
static void expect_root(struct scene *scene, size_t count, const uint64_t *expected)
{
    assert_int_equal(walk(scene), SPIPE_WALK_ROOT);
    assert_int_equal(scene->depth, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(scene->address[i], expected[i]);
    assert_int_equal(scene->needed, 0);
}

/* A caller whose frame begins at `rsp`, called from ROOT. */
static void put_caller(struct scene *scene, uint64_t rsp)
{
    poke(scene, rsp + 8, ROOT + 9);
}

static const uint64_t through_caller[] = {FUNCTION + 5, CALLER + 2, ROOT + 8};

static void test_rsp_rule_finds_the_caller(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 32), &usual);
    poke(scene, STACK + 64 + 24, CALLER + 3);
    put_caller(scene, STACK + 96);
    expect_root(scene, 3, through_caller);
}

static void test_rbp_is_followed_through_a_save_at_any_place(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_saves saves = usual;
    saves.location[SPIPE_SAVED_RBP] = (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -4};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 40), &saves);
    poke(scene, STACK + 64 + 8, STACK + 160);
    poke(scene, STACK + 64 + 32, OUTER + 3);
    poke(scene, STACK + 168, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 5, OUTER + 2, ROOT + 8});
}

static void test_linkage_table_rule_depends_on_the_place_in_the_entry(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_PLT, RSP, 8);
    rule.inner = 11;
    set_rule(scene, rule, &usual);
    scene->registers.value[RIP] = FUNCTION + 0x10 + 10;
    poke(scene, STACK + 64, CALLER + 3);
    put_caller(scene, STACK + 72);
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 0x1a, CALLER + 2, ROOT + 8});

    scene->registers.value[RIP] = FUNCTION + 0x10 + 11;
    scene->registers.value[RSP] = STACK + 56;
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 0x1b, CALLER + 2, ROOT + 8});
}

static void test_load_rule_reads_the_stack_pointer_from_the_stack(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_LOAD, RSP, 8);
    rule.inner = 16;
    set_rule(scene, rule, &usual);
    poke(scene, STACK + 64 + 16, STACK + 200);
    poke(scene, STACK + 200, CALLER + 3);
    put_caller(scene, STACK + 208);
    expect_root(scene, 3, through_caller);
}

static void test_indexed_rule_adds_eight_times_a_register(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_INDEXED, RSP, 8);
    rule.inner = 16;
    rule.index_register = R9;
    scene->registers.value[R9] = 3;
    set_rule(scene, rule, &usual);
    poke(scene, STACK + 64 + 16 + 24, STACK + 200);
    poke(scene, STACK + 200, CALLER + 3);
    put_caller(scene, STACK + 208);
    expect_root(scene, 3, through_caller);
}

static void test_any_register_serves_the_interrupted_function(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, R11, 8), &usual);
    scene->registers.value[R11] = STACK + 128;
    poke(scene, STACK + 128, CALLER + 3);
    put_caller(scene, STACK + 136);
    expect_root(scene, 3, through_caller);
}

/* As in assembly whose helpers leave the caller's rax alone. */
static void test_register_without_any_rule_stays_as_it_is(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RAX, 8), &usual);
    scene->registers.value[RIP] = CALLER + 5;
    scene->registers.value[RAX] = STACK + 128;
    poke(scene, STACK + 64 + 8, FUNCTION + 3);
    poke(scene, STACK + 128, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){CALLER + 5, FUNCTION + 2, ROOT + 8});
}

static void test_registers_are_lost_in_code_without_rules(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RAX, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = STACK + 96;
    scene->registers.value[RAX] = STACK + 128;
    poke(scene, STACK + 104, FUNCTION + 3);
    assert_int_equal(walk(scene), SPIPE_WALK_BAD_TABLE);
    assert_int_equal(scene->depth, 2);
}

static void test_kept_register_is_found_where_a_callee_saved_it(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_REGISTER, RSP, 24);
    struct spipe_unwind_rule by_rbx = rule_of(SPIPE_RULE_REGISTER, RBX, 16);
    struct spipe_unwind_saves saves = usual;
    saves.location[SPIPE_SAVED_RBX] = (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2};
    spipe_unwind_builder_add(&scene->builder, 0, spipe_unwind_builder_find_rule(&scene->builder, &rule, &saves));
    spipe_unwind_builder_add(&scene->builder, CALLER - IMAGE,
                             spipe_unwind_builder_find_rule(&scene->builder, &by_rbx, &usual));
    spipe_unwind_builder_add(&scene->builder, ROOT - IMAGE, SPIPE_UNWIND_FIXED_ROOT);
    spipe_unwind_builder_add(&scene->builder, IMAGE_END - IMAGE, SPIPE_UNWIND_FIXED_NONE);
    assert_int_equal(spipe_unwind_builder_finish(&scene->builder, &scene->table), SPIPE_OK);
    scene->map->range[0].table = scene->table;
    scene->registers.value[RBX] = 99;
    poke(scene, STACK + 64 + 8, STACK + 240);
    poke(scene, STACK + 64 + 16, CALLER + 3);
    poke(scene, STACK + 240 + 8, ROOT + 9);
    expect_root(scene, 3, through_caller);
}

static void test_return_address_may_be_in_a_register(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_saves saves = usual;
    saves.location[SPIPE_SAVED_RIP] = (struct spipe_unwind_location){SPIPE_LOCATION_IS, RDI, 0};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 0), &saves);
    scene->registers.value[RDI] = CALLER + 3;
    put_caller(scene, STACK + 64);
    expect_root(scene, 3, through_caller);
}

static void test_realigned_frame_finds_rbp_through_rbp(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_LOAD, RBP, 0);
    struct spipe_unwind_saves saves = usual;
    rule.inner = -8;
    saves.location[SPIPE_SAVED_RBP] = (struct spipe_unwind_location){SPIPE_LOCATION_AT, RBP, 0};
    set_rule(scene, rule, &saves);
    scene->registers.value[RBP] = STACK + 104;
    poke(scene, STACK + 96, STACK + 152);
    poke(scene, STACK + 104, STACK + 200);
    poke(scene, STACK + 144, OUTER + 3);
    poke(scene, STACK + 208, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 5, OUTER + 2, ROOT + 8});
}

static void test_signal_rule_takes_all_registers_from_the_context(void **state)
{
    struct scene *scene = *state;
    static const uint8_t order[] = {R8, R9, R10, R11, R12, R13, R14, R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP};
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_SIGNAL, RSP, 0);
    struct spipe_unwind_rule by_r10 = rule_of(SPIPE_RULE_REGISTER, R10, 8);
    rule.step.flags = SPIPE_RULE_EXACT_PC;
    spipe_unwind_builder_add(&scene->builder, 0, spipe_unwind_builder_find_rule(&scene->builder, &rule, &usual));
    spipe_unwind_builder_add(&scene->builder, CALLER - IMAGE,
                             spipe_unwind_builder_find_rule(&scene->builder, &by_r10, &usual));
    spipe_unwind_builder_add(&scene->builder, ROOT - IMAGE, SPIPE_UNWIND_FIXED_ROOT);
    spipe_unwind_builder_add(&scene->builder, IMAGE_END - IMAGE, SPIPE_UNWIND_FIXED_NONE);
    assert_int_equal(spipe_unwind_builder_finish(&scene->builder, &scene->table), SPIPE_OK);
    scene->map->range[0].table = scene->table;
    for (size_t i = 0; i < sizeof(order); i++) {
        uint64_t value = order[i] == RIP ? CALLER : order[i] == RSP ? STACK + 320 : order[i] == R10 ? STACK + 400 : 1;
        poke(scene, STACK + 64 + 40 + 8 * i, value);
    }
    poke(scene, STACK + 400, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 5, CALLER, ROOT + 8});
}

static void test_other_trampolines_give_an_exact_pc(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_rule rule = rule_of(SPIPE_RULE_REGISTER, RSP, 8);
    rule.step.flags = SPIPE_RULE_EXACT_PC;
    set_rule(scene, rule, &usual);
    poke(scene, STACK + 64, CALLER);
    put_caller(scene, STACK + 72);
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 5, CALLER, ROOT + 8});
}

static void test_generated_code_is_followed_by_its_frame_pointer(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = STACK + 96;
    poke(scene, STACK + 96, STACK + 160);
    poke(scene, STACK + 104, JIT + 0x20);
    poke(scene, STACK + 160, 0);
    poke(scene, STACK + 168, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){JIT + 5, JIT + 0x1f, ROOT + 8});
}

static void test_generated_code_at_its_start_has_its_return_address_on_top(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT;
    scene->registers.value[RBP] = STACK + 160;
    poke(scene, STACK + 64, OUTER + 3);
    poke(scene, STACK + 168, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){JIT, OUTER + 2, ROOT + 8});
}

static void test_gap_in_a_table_is_followed_like_generated_code(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_NONE, 0, 0), &usual);
    scene->registers.value[RBP] = STACK + 96;
    poke(scene, STACK + 96, 1);
    poke(scene, STACK + 104, CALLER + 3);
    put_caller(scene, STACK + 112);
    expect_root(scene, 3, through_caller);
}

static void test_zero_frame_pointer_marks_the_first_frame_of_code_without_rules(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RBP] = 0;
    poke(scene, STACK + 64, JIT + 9);
    poke(scene, STACK + 72, 1);
    expect_root(scene, 2, (const uint64_t[]){FUNCTION + 5, JIT + 8});
}

static void test_chain_that_ends_in_zeros_is_complete(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = STACK + 96;
    poke(scene, STACK + 96, 0);
    poke(scene, STACK + 104, 0);
    expect_root(scene, 1, (const uint64_t[]){JIT + 5});
}

static void test_chain_with_a_bad_return_address_is_not_complete(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = STACK + 96;
    poke(scene, STACK + 96, STACK + 160);
    poke(scene, STACK + 104, 0);
    assert_int_equal(walk(scene), SPIPE_WALK_NOT_CODE);
}

static void test_frame_pointer_below_the_stack_pointer_is_none(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = STACK + 56;
    scene->registers.value[RSP] = STACK + 60;
    poke(scene, STACK + 64, ROOT + 9);
    assert_int_equal(walk(scene), SPIPE_WALK_NO_TABLE);
}

static void test_lost_frame_pointer_ends_the_walk(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = 12345;
    assert_int_equal(walk(scene), SPIPE_WALK_NO_TABLE);
    scene->registers.value[RIP] = BAD_TABLE + 5;
    assert_int_equal(walk(scene), SPIPE_WALK_BAD_TABLE);
    assert_int_equal(scene->depth, 1);
}

static void test_interrupted_code_with_a_zero_in_rbp_is_not_taken_for_the_first_frame(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = JIT + 5;
    scene->registers.value[RBP] = 0;
    assert_int_equal(walk(scene), SPIPE_WALK_NO_TABLE);
}

static void test_table_that_is_not_built_is_asked_for(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    poke(scene, STACK + 64, UNBUILT + 9);
    assert_int_equal(walk(scene), SPIPE_WALK_NEEDS_TABLE);
    assert_int_equal(scene->depth, 2);
    assert_int_equal(scene->address[1], UNBUILT + 8);
    assert_int_equal(scene->needed, UNBUILT + 8);
}

static void test_unknown_code_is_reported_and_left_out(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    poke(scene, STACK + 64, UINT64_C(0x7f0000001234));
    assert_int_equal(walk(scene), SPIPE_WALK_UNKNOWN_CODE);
    assert_int_equal(scene->depth, 1);
    assert_int_equal(scene->needed, UINT64_C(0x7f0000001233));
}

static void test_interrupted_pc_is_an_address_even_when_unknown(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    scene->registers.value[RIP] = UINT64_C(0x7f0000001234);
    assert_int_equal(walk(scene), SPIPE_WALK_UNKNOWN_CODE);
    assert_int_equal(scene->depth, 1);
    scene->registers.value[RIP] = 0;
    assert_int_equal(walk(scene), SPIPE_WALK_NOT_CODE);
    assert_int_equal(scene->depth, 1);
    assert_int_equal(scene->address[0], 0);
}

static void test_words_that_cannot_be_code_end_the_walk(void **state)
{
    struct scene *scene = *state;
    static const uint64_t words[] = {0, 1, 0xffff, STACK + 8, UINT64_C(0x800000000000), UINT64_MAX};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        poke(scene, STACK + 64, words[i]);
        assert_int_equal(walk(scene), SPIPE_WALK_NOT_CODE);
        assert_int_equal(scene->depth, 1);
    }
}

static void test_stack_deeper_than_the_limit_says_so(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    for (uint64_t address = STACK + 64; address < STACK_END; address += 8)
        poke(scene, address, FUNCTION + 9);
    assert_int_equal(walk(scene), SPIPE_WALK_TOO_DEEP);
    assert_int_equal(scene->depth, DEPTH);
}

static void test_last_frame_at_the_limit_is_still_the_root(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    for (uint64_t i = 0; i < DEPTH - 2; i++)
        poke(scene, STACK + 64 + 8 * i, FUNCTION + 9);
    poke(scene, STACK + 64 + 8 * (DEPTH - 2), ROOT + 9);
    assert_int_equal(walk(scene), SPIPE_WALK_ROOT);
    assert_int_equal(scene->depth, DEPTH);
}

static void test_end_of_the_view_ends_the_walk(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8 * STACK_WORDS - 64 + 8), &usual);
    assert_int_equal(walk(scene), SPIPE_WALK_OUTSIDE_STACK);
    assert_int_equal(scene->depth, 1);
}

static void test_other_stack_gives_the_top_frame_alone(void **state)
{
    struct scene *scene = *state;
    static const uint64_t pointers[] = {0, STACK - 8, STACK_END, UINT64_MAX, UINT64_MAX - 7};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        scene->registers.value[RSP] = pointers[i];
        assert_int_equal(walk(scene), SPIPE_WALK_OUTSIDE_STACK);
        assert_int_equal(scene->depth, 1);
        assert_int_equal(scene->address[0], FUNCTION + 5);
    }
}

static void test_empty_view_is_never_read(void **state)
{
    struct scene *scene = *state;
    static const struct spipe_stack_view views[] = {
        {0, 0, NULL},         {0, 7, NULL}, {STACK, STACK, NULL}, {STACK, STACK + 7, NULL}, {STACK_END, STACK, NULL},
        {UINT64_MAX, 3, NULL}};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        scene->view = views[i];
        scene->registers.value[RSP] = views[i].low;
        assert_int_equal(walk(scene), SPIPE_WALK_OUTSIDE_STACK);
    }
}

static void test_frame_that_does_not_go_up_ends_the_walk(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 0), &usual);
    poke(scene, STACK + 56, FUNCTION + 9);
    assert_int_equal(walk(scene), SPIPE_WALK_NO_PROGRESS);
}

static void test_only_the_interrupted_frame_may_stay_where_it_is(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_saves saves = usual;
    saves.location[SPIPE_SAVED_RIP] = (struct spipe_unwind_location){SPIPE_LOCATION_IS, RDI, 0};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 0), &saves);
    scene->registers.value[RDI] = FUNCTION + 9;
    assert_int_equal(walk(scene), SPIPE_WALK_NO_PROGRESS);
    assert_int_equal(scene->depth, 2);
}

static void test_frame_between_words_is_outside_the_stack(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 12), &usual);
    assert_int_equal(walk(scene), SPIPE_WALK_OUTSIDE_STACK);
    assert_int_equal(scene->depth, 1);
}

static void test_unsupported_rule_ends_the_walk(void **state)
{
    struct scene *scene = *state;
    set_rule(scene, rule_of(SPIPE_RULE_UNSUPPORTED, 0, 0), &usual);
    assert_int_equal(walk(scene), SPIPE_WALK_BAD_TABLE);
    assert_int_equal(scene->depth, 1);
}

/* rbp = -8 once wrapped around the check of a walker and crashed the program. */
static void test_registers_that_wrap_around_are_outside_the_stack(void **state)
{
    struct scene *scene = *state;
    static const uint64_t values[] = {
        UINT64_MAX,    UINT64_MAX - 7, UINT64_MAX - 15, UINT64_C(0x8000000000000000), 0, 8, STACK_END,
        STACK_END - 8, STACK - 8,      STACK + 1};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RBP, 16), &usual);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        scene->registers.value[RBP] = values[i];
        scene->registers.value[RIP] = FUNCTION + 5;
        assert_int_not_equal(walk(scene), SPIPE_WALK_ROOT);
        assert_int_equal(scene->depth, 1);
        scene->registers.value[RIP] = JIT + 5;
        (void)walk(scene);
        assert_int_equal(scene->depth, 1);
    }
}

static void test_popped_rbp_is_unchanged_when_the_red_zone_is_not_in_the_view(void **state)
{
    struct scene *scene = *state;
    struct spipe_unwind_saves saves = usual;
    saves.location[SPIPE_SAVED_RBP] = (struct spipe_unwind_location){SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2};
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &saves);
    scene->view.low = STACK + 64;
    scene->view.bytes += 64;
    scene->registers.value[RBP] = STACK + 160;
    poke(scene, STACK + 64, OUTER + 3);
    poke(scene, STACK + 168, ROOT + 9);
    expect_root(scene, 3, (const uint64_t[]){FUNCTION + 5, OUTER + 2, ROOT + 8});
}

static void test_cache_gives_what_the_table_says_and_forgets_with_the_map(void **state)
{
    struct scene *scene = *state;
    struct spipe_walk_cache *cache = calloc(1, sizeof(*cache));
    set_rule(scene, rule_of(SPIPE_RULE_REGISTER, RSP, 8), &usual);
    poke(scene, STACK + 64, ROOT + 9);
    for (int i = 0; i < 2; i++) {
        enum spipe_walk_end end = spipe_unwind_walk(scene->map, &scene->view, &scene->registers, cache, scene->address,
                                                    DEPTH, &scene->depth, &scene->needed);
        assert_int_equal(end, SPIPE_WALK_ROOT);
        assert_int_equal(scene->depth, 2);
    }
    assert_int_equal(cache->generation, 7);

    /* An empty entry is none for the address 0. */
    scene->registers.value[RIP] = 0;
    assert_int_equal(spipe_unwind_walk(scene->map, &scene->view, &scene->registers, cache, scene->address, DEPTH,
                                       &scene->depth, &scene->needed),
                     SPIPE_WALK_NOT_CODE);
    scene->registers.value[RIP] = FUNCTION + 5;

    /* The same places without a table, under another generation. */
    scene->map->generation = 8;
    scene->map->range[0].kind = SPIPE_CODE_UNBUILT;
    assert_int_equal(spipe_unwind_walk(scene->map, &scene->view, &scene->registers, cache, scene->address, DEPTH,
                                       &scene->depth, &scene->needed),
                     SPIPE_WALK_NEEDS_TABLE);
    free(cache);
}

/* Random registers over a random stack, all of them made of words that mean something: whatever comes out, nothing
 * is read beyond the view (which lies at the end of its memory, where sanitizers look), and every address is code. */
static void test_random_stacks_are_walked_within_their_view(void **state)
{
    struct scene *scene = *state;
    static const uint64_t words[] = {
        FUNCTION + 9,   CALLER + 9, OUTER + 9, JIT + 9,    STACK,       STACK + 64, STACK_END - 8, STACK_END,
        UINT64_MAX - 7, 0,          8,         STACK + 99, STACK + 128, IMAGE_END,  UNBUILT + 9,   BAD_TABLE + 9};
    uint32_t seed = 12345;
    set_rule(scene, rule_of(SPIPE_RULE_LOAD, RBP, 16), &usual);
    uint64_t *copy = malloc(sizeof(scene->stack));
    scene->view.bytes = (const unsigned char *)copy;
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < STACK_WORDS + SPIPE_REGISTER_COUNT; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint64_t word = words[(seed >> 16) % (sizeof(words) / sizeof(words[0]))];
            if (i < STACK_WORDS)
                copy[i] = word;
            else
                scene->registers.value[i - STACK_WORDS] = word;
        }
        enum spipe_walk_end end = walk(scene);
        assert_in_range(end, SPIPE_WALK_ROOT, SPIPE_WALK_NO_PROGRESS);
        assert_in_range(scene->depth, 1, DEPTH);
        for (size_t i = 1; i < scene->depth; i++)
            assert_non_null(spipe_code_map_find(scene->map, scene->address[i]));
    }
    free(copy);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, open_scene, close_scene)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SCENE_TEST(test_rsp_rule_finds_the_caller),
        SCENE_TEST(test_rbp_is_followed_through_a_save_at_any_place),
        SCENE_TEST(test_linkage_table_rule_depends_on_the_place_in_the_entry),
        SCENE_TEST(test_load_rule_reads_the_stack_pointer_from_the_stack),
        SCENE_TEST(test_indexed_rule_adds_eight_times_a_register),
        SCENE_TEST(test_any_register_serves_the_interrupted_function),
        SCENE_TEST(test_register_without_any_rule_stays_as_it_is),
        SCENE_TEST(test_registers_are_lost_in_code_without_rules),
        SCENE_TEST(test_kept_register_is_found_where_a_callee_saved_it),
        SCENE_TEST(test_return_address_may_be_in_a_register),
        SCENE_TEST(test_realigned_frame_finds_rbp_through_rbp),
        SCENE_TEST(test_signal_rule_takes_all_registers_from_the_context),
        SCENE_TEST(test_other_trampolines_give_an_exact_pc),
        SCENE_TEST(test_generated_code_is_followed_by_its_frame_pointer),
        SCENE_TEST(test_generated_code_at_its_start_has_its_return_address_on_top),
        SCENE_TEST(test_gap_in_a_table_is_followed_like_generated_code),
        SCENE_TEST(test_zero_frame_pointer_marks_the_first_frame_of_code_without_rules),
        SCENE_TEST(test_chain_that_ends_in_zeros_is_complete),
        SCENE_TEST(test_lost_frame_pointer_ends_the_walk),
        SCENE_TEST(test_interrupted_code_with_a_zero_in_rbp_is_not_taken_for_the_first_frame),
        SCENE_TEST(test_table_that_is_not_built_is_asked_for),
        SCENE_TEST(test_unknown_code_is_reported_and_left_out),
        SCENE_TEST(test_interrupted_pc_is_an_address_even_when_unknown),
        SCENE_TEST(test_words_that_cannot_be_code_end_the_walk),
        SCENE_TEST(test_stack_deeper_than_the_limit_says_so),
        SCENE_TEST(test_last_frame_at_the_limit_is_still_the_root),
        SCENE_TEST(test_end_of_the_view_ends_the_walk),
        SCENE_TEST(test_other_stack_gives_the_top_frame_alone),
        SCENE_TEST(test_empty_view_is_never_read),
        SCENE_TEST(test_frame_that_does_not_go_up_ends_the_walk),
        SCENE_TEST(test_unsupported_rule_ends_the_walk),
        SCENE_TEST(test_registers_that_wrap_around_are_outside_the_stack),
        SCENE_TEST(test_popped_rbp_is_unchanged_when_the_red_zone_is_not_in_the_view),
        SCENE_TEST(test_cache_gives_what_the_table_says_and_forgets_with_the_map),
        SCENE_TEST(test_only_the_interrupted_frame_may_stay_where_it_is),
        SCENE_TEST(test_frame_between_words_is_outside_the_stack),
        SCENE_TEST(test_chain_with_a_bad_return_address_is_not_complete),
        SCENE_TEST(test_frame_pointer_below_the_stack_pointer_is_none),
        SCENE_TEST(test_random_stacks_are_walked_within_their_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
