/* SPDX-License-Identifier: MIT */
/* Sections made byte by byte: each instruction, each encoding, and what a broken or hostile file may hold. */
#include "agent/eh_frame.h"
#include "protocol/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECTION_OFFSET UINT64_C(0x100000)
#define HEADER_OFFSET UINT64_C(0x200000)
#define CODE_START UINT64_C(0x1000)
#define CODE_END UINT64_C(0x9000)
#define PC_RELATIVE_4 0x1b

enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, RIP };

struct section {
    unsigned char bytes[16384];
    size_t len;
    size_t entry_at;
    size_t common_at;
    uint8_t encoding;
    uint64_t image_base;
    struct spipe_code_extent code[2];
    struct spipe_eh_frame_image image;
    struct spipe_unwind_table *table;
    struct spipe_eh_frame_summary summary;
};

static void put(struct section *section, uint64_t number, size_t size)
{
    assert_true(section->len + size <= sizeof(section->bytes));
    for (size_t i = 0; i < size; i++)
        section->bytes[section->len++] = (unsigned char)(number >> (8 * i));
}

static void put_bytes(struct section *section, const void *bytes, size_t len)
{
    assert_true(section->len + len <= sizeof(section->bytes));
    memcpy(section->bytes + section->len, bytes, len);
    section->len += len;
}

static void begin_entry(struct section *section)
{
    section->entry_at = section->len;
    put(section, 0, 4);
}

static void end_entry(struct section *section)
{
    uint32_t len = (uint32_t)(section->len - section->entry_at - 4);
    memcpy(section->bytes + section->entry_at, &len, 4);
}

/* A common entry with that augmentation; `data` goes with it, `instructions` follow. */
static void put_common(struct section *section, uint8_t code_alignment, uint8_t data_alignment,
                       const char *augmentation, const void *data, size_t data_len, const void *instructions,
                       size_t instructions_len)
{
    section->common_at = section->len;
    begin_entry(section);
    put(section, 0, 4);
    put(section, 1, 1);
    put_bytes(section, augmentation, strlen(augmentation) + 1);
    put(section, code_alignment, 1);
    put(section, data_alignment, 1);
    put(section, RIP, 1);
    if (augmentation[0] == 'z')
        put(section, data_len, 1);
    put_bytes(section, data, data_len);
    put_bytes(section, instructions, instructions_len);
    end_entry(section);
}

/* What compilers write: CFA = rsp + 8, return address at CFA - 8, offsets in units of -8. */
static void put_usual_common(struct section *section)
{
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char instructions[] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    section->encoding = PC_RELATIVE_4;
    put_common(section, 1, 0x78, "zR", encoding, 1, instructions, sizeof(instructions));
}

static void begin_function(struct section *section, uint64_t start, uint64_t size)
{
    begin_entry(section);
    put(section, section->len - section->common_at, 4);
    put(section, start - (SECTION_OFFSET + section->len), 4);
    put(section, size, 4);
    put(section, 0, 1);
}

static void put_function(struct section *section, uint64_t start, uint64_t size, const void *instructions, size_t len)
{
    begin_function(section, start, size);
    put_bytes(section, instructions, len);
    end_entry(section);
}

static int compile(struct section *section)
{
    spipe_unwind_table_free(section->table);
    section->table = NULL;
    section->code[0] = (struct spipe_code_extent){CODE_START, 0x5000};
    section->code[1] = (struct spipe_code_extent){0x5000, CODE_END};
    section->image.image_base = section->image_base;
    /* An exact copy, so that sanitizers see a read beyond its end. */
    unsigned char *copy = malloc(section->len + (section->len == 0));
    memcpy(copy, section->bytes, section->len);
    section->image.eh_frame = copy;
    section->image.eh_frame_len = section->len;
    section->image.eh_frame_offset = SECTION_OFFSET;
    section->image.code = section->code;
    section->image.code_count = 2;
    int status = spipe_eh_frame_compile(&section->image, &section->table, &section->summary);
    free(copy);
    return status;
}

static void compile_all(struct section *section, enum spipe_eh_frame_coverage coverage)
{
    assert_int_equal(compile(section), SPIPE_OK);
    assert_int_equal(section->summary.coverage, coverage);
}

static const struct spipe_unwind_rule *find(const struct section *section, uint64_t offset)
{
    return spipe_unwind_table_find(section->table, offset);
}

static void expect_cfa(const struct section *section, uint64_t offset, unsigned number, int32_t cfa_offset)
{
    const struct spipe_unwind_rule *rule = find(section, offset);
    unsigned kind = number == RSP ? SPIPE_RULE_PLAIN_RSP : number == RBP ? SPIPE_RULE_PLAIN_RBP : SPIPE_RULE_REGISTER;
    assert_int_equal(rule->step.kind, kind);
    assert_int_equal(rule->cfa_register, number);
    assert_int_equal(rule->step.offset, cfa_offset);
}

static void expect_kind(const struct section *section, uint64_t offset, enum spipe_rule_kind kind)
{
    assert_int_equal(find(section, offset)->step.kind, kind);
}

static void expect_location(const struct section *section, uint64_t offset, enum spipe_saved_index save,
                            enum spipe_location_kind kind, unsigned base, int words)
{
    const struct spipe_unwind_location *location = &section->table->saves[find(section, offset)->saves].location[save];
    assert_int_equal(location->kind, kind);
    if (kind == SPIPE_LOCATION_AT || kind == SPIPE_LOCATION_IS) {
        assert_int_equal(location->base, base);
        assert_int_equal(location->words, words);
    }
}

/* One function at 0x1000 of 0x100 bytes with these instructions, after the usual common entry. */
static void compile_one(struct section *section, const void *instructions, size_t len)
{
    section->len = 0;
    put_usual_common(section);
    put_function(section, 0x1000, 0x100, instructions, len);
    put(section, 0, 4);
    assert_int_equal(compile(section), SPIPE_OK);
}

#define COMPILE_ONE(section, ...)                                         \
    do {                                                                  \
        static const unsigned char instructions[] = {__VA_ARGS__};        \
        compile_one(section, instructions, sizeof(instructions));         \
    } while (0)

static int open_section(void **state)
{
    *state = calloc(1, sizeof(struct section));
    return *state == NULL;
}

static int close_section(void **state)
{
    struct section *section = *state;
    spipe_unwind_table_free(section->table);
    free(section);
    return 0;
}

static void test_function_covers_its_range_and_nothing_else(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_FULL);
    assert_int_equal(section->summary.entry_count, 1);
    assert_int_equal(section->summary.row_count, 2);
    assert_int_equal(section->summary.size_bytes, section->table->size_bytes);
    expect_kind(section, 0xfff, SPIPE_RULE_NONE);
    expect_cfa(section, 0x1000, RSP, 8);
    expect_cfa(section, 0x10ff, RSP, 8);
    expect_kind(section, 0x1100, SPIPE_RULE_NONE);
}

static void test_every_advance_moves_the_place(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x40 + 1, 0x0e, 16, 0x02, 2, 0x0e, 24, 0x03, 4, 0, 0x0e, 32, 0x04, 8, 0, 0, 0, 0x0e, 40,
                0x1d, 16, 0, 0, 0, 0, 0, 0, 0, 0x0e, 48);
    static const struct {
        uint64_t offset;
        int32_t cfa;
    } expected[] = {{0x1000, 8}, {0x1001, 16}, {0x1002, 16}, {0x1003, 24}, {0x1006, 24}, {0x1007, 32}, {0x100e, 32},
                    {0x100f, 40}, {0x101e, 40}, {0x101f, 48}, {0x10ff, 48}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        expect_cfa(section, expected[i].offset, RSP, expected[i].cfa);
}

static void test_advance_counts_in_units_of_the_code_alignment(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char initial[] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    static const unsigned char instructions[] = {0x40 + 3, 0x0e, 16};
    put_common(section, 4, 0x78, "zR", encoding, 1, initial, sizeof(initial));
    put_function(section, 0x1000, 0x100, instructions, sizeof(instructions));
    compile_all(section, SPIPE_EH_FRAME_FULL);
    expect_cfa(section, 0x100b, RSP, 8);
    expect_cfa(section, 0x100c, RSP, 16);
}

static void test_rows_beyond_the_end_of_the_function_are_dropped(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x03, 0xff, 0, 0x0e, 16, 0x40 + 1, 0x0e, 24, 0x04, 0xff, 0xff, 0xff, 0xff, 0x0e, 32);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_FULL);
    expect_cfa(section, 0x10fe, RSP, 8);
    expect_cfa(section, 0x10ff, RSP, 16);
    expect_kind(section, 0x1100, SPIPE_RULE_NONE);
    expect_kind(section, 0x1101, SPIPE_RULE_NONE);
}

static void test_every_definition_of_the_cfa_is_read(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x0c, RBP, 16, 0x40 + 1, 0x0d, R11, 0x40 + 1, 0x0e, 0x80, 1, 0x40 + 1,
                0x12, RSP, 0x7e, 0x40 + 1,
                0x13, 0x7d, 0x40 + 1, 0x0f, 2, 0x70 + RDX, 0x78);
    expect_cfa(section, 0x1000, RBP, 16);
    expect_cfa(section, 0x1001, R11, 16);
    expect_cfa(section, 0x1002, R11, 128);
    expect_cfa(section, 0x1003, RSP, 16);
    expect_cfa(section, 0x1004, RSP, 24);
    expect_cfa(section, 0x1005, RDX, -8);
}

static void test_every_rule_for_a_register_is_read(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x80 + RBX, 2, 0x05, R12, 3, 0x11, R13, 4, 0x2f, R14, 5, 0x40 + 1,
                0x14, RBX, 2, 0x15, R12, 0x7e, 0x09, R13, R9, 0x07, R14, 0x08, R15, 0x40 + 1,
                0xc0 + RBX, 0x06, R12, 0x10, R13, 2, 0x70 + RBP, 0x70, 0x16, R14, 2, 0x70 + RSP, 16, 0x2e, 0x85, 1, 0);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_FULL);
    expect_location(section, 0x1000, SPIPE_SAVED_RBX, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2);
    expect_location(section, 0x1000, SPIPE_SAVED_R12, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -3);
    expect_location(section, 0x1000, SPIPE_SAVED_R13, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -4);
    expect_location(section, 0x1000, SPIPE_SAVED_R14, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, 5);
    expect_location(section, 0x1000, SPIPE_SAVED_R15, SPIPE_LOCATION_SAME, 0, 0);
    expect_location(section, 0x1001, SPIPE_SAVED_RBX, SPIPE_LOCATION_IS, SPIPE_REGISTER_CFA, -2);
    expect_location(section, 0x1001, SPIPE_SAVED_R12, SPIPE_LOCATION_IS, SPIPE_REGISTER_CFA, 2);
    expect_location(section, 0x1001, SPIPE_SAVED_R13, SPIPE_LOCATION_IS, R9, 0);
    expect_location(section, 0x1001, SPIPE_SAVED_R14, SPIPE_LOCATION_UNDEFINED, 0, 0);
    expect_location(section, 0x1001, SPIPE_SAVED_R15, SPIPE_LOCATION_SAME, 0, 0);
    expect_location(section, 0x1002, SPIPE_SAVED_RBX, SPIPE_LOCATION_SAME, 0, 0);
    expect_location(section, 0x1002, SPIPE_SAVED_R12, SPIPE_LOCATION_SAME, 0, 0);
    expect_location(section, 0x1002, SPIPE_SAVED_R13, SPIPE_LOCATION_AT, RBP, -2);
    expect_location(section, 0x1002, SPIPE_SAVED_R14, SPIPE_LOCATION_IS, RSP, 2);
}

static void test_saved_rbp_is_part_of_a_plain_rule(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x0e, 40, 0x80 + RBP, 5, 0x40 + 1, 0x09, RBP, R9, 0x40 + 1, 0x0d, R10);
    expect_cfa(section, 0x1000, RSP, 40);
    assert_int_equal(find(section, 0x1000)->step.rbp_words, -5);
    assert_int_equal(find(section, 0x1000)->step.flags, 0);
    assert_int_equal(find(section, 0x1001)->step.kind, SPIPE_RULE_REGISTER);
    assert_int_equal(find(section, 0x1001)->step.flags, SPIPE_RULE_ODD);
    assert_int_equal(find(section, 0x1002)->cfa_register, R10);
}

static void test_rules_for_other_registers_are_stepped_over(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x80 + 17, 2, 0x05, 0xff, 0x7f, 3, 0x09, 40, 41, 0x10, RAX, 1, 0x96, 0x07,
                60, 0x08, 61, 0x06, 62, 0x40 + 1,
                0x0e, 16);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_FULL);
    assert_int_equal(section->summary.row_count, 3);
    expect_cfa(section, 0x1001, RSP, 16);
}

static void test_remembered_states_nest(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x0e, 16, 0x80 + RBX, 2, 0x0a, 0x40 + 1, 0x0e, 24, 0x0a, 0x40 + 1, 0x0c,
                RBP, 32, 0xc0 + RBX, 0x40 + 1,
                0x0b, 0x40 + 1, 0x0b);
    expect_cfa(section, 0x1000, RSP, 16);
    expect_cfa(section, 0x1001, RSP, 24);
    expect_cfa(section, 0x1002, RBP, 32);
    expect_location(section, 0x1002, SPIPE_SAVED_RBX, SPIPE_LOCATION_SAME, 0, 0);
    expect_cfa(section, 0x1003, RSP, 24);
    expect_location(section, 0x1003, SPIPE_SAVED_RBX, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2);
    expect_cfa(section, 0x1004, RSP, 16);
}

static void expect_cut_at_1001(const struct section *section)
{
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.cut_count, 1);
    assert_int_equal(section->summary.entry_count, 1);
    expect_cfa(section, 0x1000, RSP, 8);
    expect_kind(section, 0x1001, SPIPE_RULE_UNSUPPORTED);
    expect_kind(section, 0x10ff, SPIPE_RULE_UNSUPPORTED);
    expect_kind(section, 0x1100, SPIPE_RULE_NONE);
}

static void test_what_cannot_be_followed_makes_the_rest_unsupported(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x41, 0x3f, 0x41, 0x0e, 16);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0b, 0x41, 0x0e, 16);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0c, 17, 16);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x01, 1, 2, 3, 4);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 1);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0f, 2, 0x70 + RBP, 0x78, 0x0e, 16);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_FULL);
}

static void test_instructions_cut_short_make_the_rest_unsupported(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x41, 0x0c, RSP);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0e, 0x80);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x04, 1, 2, 3);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0e, 0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x0f, 20, 0x77);
    expect_cut_at_1001(section);
    COMPILE_ONE(section, 0x41, 0x10, RBP, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1);
    expect_cut_at_1001(section);
}

static void test_states_remembered_too_deep_make_the_rest_unsupported(void **state)
{
    struct section *section = *state;
    unsigned char instructions[40];
    memset(instructions, 0x0a, sizeof(instructions));
    instructions[0] = 0x41;
    compile_one(section, instructions, sizeof(instructions));
    expect_cut_at_1001(section);
}

static void test_unknown_expression_concerns_only_its_own_rows(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x0a, 0x41, 0x0f, 1, 0x12, 0x41, 0x0b, 0x41, 0x10, RBX, 1, 0x12, 0x10, RBP, 1, 0x12);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_FULL);
    expect_cfa(section, 0x1000, RSP, 8);
    expect_kind(section, 0x1001, SPIPE_RULE_UNSUPPORTED);
    expect_cfa(section, 0x1002, RSP, 8);
    expect_location(section, 0x1003, SPIPE_SAVED_RBX, SPIPE_LOCATION_UNKNOWN, 0, 0);
    assert_int_equal(find(section, 0x1003)->step.flags, SPIPE_RULE_ODD);
}

static void expect_expression(struct section *section, const void *expression, size_t len,
                              struct spipe_unwind_rule expected)
{
    section->len = 0;
    put_usual_common(section);
    begin_function(section, 0x1000, 0x100);
    put(section, 0x0f, 1);
    put(section, len, 1);
    put_bytes(section, expression, len);
    end_entry(section);
    assert_int_equal(compile(section), SPIPE_OK);
    const struct spipe_unwind_rule *rule = find(section, 0x1000);
    assert_int_equal(rule->step.kind, expected.step.kind);
    if (expected.step.kind == SPIPE_RULE_UNSUPPORTED)
        return;
    assert_int_equal(rule->step.offset, expected.step.offset);
    assert_int_equal(rule->inner, expected.inner);
    assert_int_equal(rule->cfa_register, expected.cfa_register);
    assert_int_equal(rule->index_register, expected.index_register);
}

#define EXPECT_EXPRESSION(section, rule, ...)                                                     \
    do {                                                                                          \
        static const unsigned char expression[] = {__VA_ARGS__};                                  \
        expect_expression(section, expression, sizeof(expression), (struct spipe_unwind_rule)rule); \
    } while (0)
#define RULE(...) {__VA_ARGS__}

static void test_expressions_of_known_shapes_become_rules(void **state)
{
    struct section *section = *state;
    EXPECT_EXPRESSION(section, RULE({8, 0, SPIPE_RULE_PLT, 0}, 11, 0, RSP, 0),
                      0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22);
    EXPECT_EXPRESSION(section, RULE({16, 0, SPIPE_RULE_PLT, 0}, 9, 0, RSP, 0),
                      0x77, 16, 0x80, 0, 0x3f, 0x1a, 0x39, 0x2a, 0x33, 0x24, 0x22);
    EXPECT_EXPRESSION(section, RULE({8, 0, SPIPE_RULE_LOAD, 0}, 152, 0, RSP, 0), 0x77, 0x98, 1, 0x06, 0x23, 8);
    EXPECT_EXPRESSION(section, RULE({0, 0, SPIPE_RULE_LOAD, 0}, -8, 0, RBP, 0), 0x76, 0x78, 0x06);
    EXPECT_EXPRESSION(section, RULE({8, 0, SPIPE_RULE_INDEXED, 0}, 16, 0, RSP, R9),
                      0x77, 16, 0x79, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8);
    EXPECT_EXPRESSION(section, RULE({-24, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0),
                      0x72, 8, 0x48, 0x48, 0x1c, 0x22, 0x08, 32, 0x1c);
    EXPECT_EXPRESSION(section, RULE({-1, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0), 0x72, 0, 0x09, 0xff, 0x22);
    EXPECT_EXPRESSION(section, RULE({0x1234, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0),
                      0x72, 0, 0x0a, 0x34, 0x12, 0x22, 0x96);
    EXPECT_EXPRESSION(section, RULE({-2, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0), 0x0b, 0xfe, 0xff, 0x72, 0, 0x22);
    EXPECT_EXPRESSION(section, RULE({0x10002, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0),
                      0x72, 0, 0x0c, 2, 0, 1, 0, 0x22);
    EXPECT_EXPRESSION(section, RULE({-3, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0),
                      0x72, 0, 0x0d, 0xfd, 0xff, 0xff, 0xff, 0x22);
    EXPECT_EXPRESSION(section, RULE({300, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0), 0x72, 0, 0x10, 0xac, 2, 0x22);
    EXPECT_EXPRESSION(section, RULE({-4, 0, SPIPE_RULE_REGISTER, 0}, 0, 0, RCX, 0), 0x72, 0, 0x11, 0x7c, 0x22);
}

static void test_expressions_of_other_shapes_are_unsupported(void **state)
{
    struct section *section = *state;
    const struct spipe_unwind_rule unsupported = {.step.kind = SPIPE_RULE_UNSUPPORTED};
    static const struct {
        unsigned char len;
        unsigned char bytes[14];
    } others[] = {
        {0, {0}},
        {1, {0x30}},
        {1, {0x22}},
        {1, {0x06}},
        {2, {0x30, 0x06}},
        {4, {0x77, 0, 0x06, 0x06}},
        {5, {0x77, 0, 0x76, 0, 0x22}},
        {5, {0x77, 0, 0x76, 0, 0x1c}},
        {4, {0x77, 0, 0x38, 0x1e}},
        {4, {0x77, 0, 0x35, 0x1e}},
        {2, {0x77, 0x80}},
        {7, {0x77, 0, 0x79, 0, 0x38, 0x1e, 0x22}},
        {8, {0x77, 0, 0x79, 0, 0x35, 0x1e, 0x22, 0x06}},
        {9, {0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30}},
        {7, {0x77, 0x80, 0x80, 0x80, 0x80, 0x80, 1}},
        {8, {0x77, 0xff, 0xff, 0xff, 0xff, 7, 0x31, 0x22}},
        {2, {0x90, 0}},
        {2, {0x81, 0}},
        {11, {0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x40, 0x2a, 0x33, 0x24, 0x22}},
        {11, {0x77, 8, 0x80, 1, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        expect_expression(section, others[i].bytes, others[i].len, unsupported);
}

static void test_undefined_return_address_is_the_root(void **state)
{
    struct section *section = *state;
    COMPILE_ONE(section, 0x07, RIP, 0x41, 0xc0 + RIP);
    expect_kind(section, 0x1000, SPIPE_RULE_ROOT);
    expect_cfa(section, 0x1001, RSP, 8);
}

static void test_return_address_without_rule_is_not_the_root(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char initial[] = {0x0c, RSP, 8};
    put_common(section, 1, 0x78, "zR", encoding, 1, initial, sizeof(initial));
    put_function(section, 0x1000, 0x100, "", 1);
    assert_int_equal(compile(section), SPIPE_OK);
    expect_kind(section, 0x1000, SPIPE_RULE_UNSUPPORTED);
}

static void test_signal_trampoline_is_known_by_its_context(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char initial[] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    static const unsigned char other[] = {0x0f, 3, 0x77, 8, 0x06};
    static const unsigned char context[] = {0x0f, 4, 0x77, 0xa0, 1, 0x06, 0x10, RIP, 3, 0x77, 0xa8, 1};
    put_common(section, 1, 0x78, "zRS", encoding, 1, initial, sizeof(initial));
    put_function(section, 0x1000, 0x10, context, sizeof(context));
    put_function(section, 0x1010, 0x10, "", 1);
    put_function(section, 0x1020, 0x10, other, sizeof(other));
    compile_all(section, SPIPE_EH_FRAME_FULL);
    expect_kind(section, 0x1000, SPIPE_RULE_SIGNAL);
    expect_kind(section, 0x1020, SPIPE_RULE_LOAD);
    expect_kind(section, 0x1010, SPIPE_RULE_REGISTER);
    assert_int_equal(find(section, 0x1010)->step.flags, SPIPE_RULE_EXACT_PC);
}

static void test_each_function_follows_its_own_common_entry(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char other[] = {0x0c, RBP, 16, 0x80 + RIP, 2, 0x80 + RBX, 4};
    static const unsigned char restore[] = {0x41, 0xc0 + RBX};
    static const unsigned char save[] = {0x80 + RBX, 3, 0x41, 0xc0 + RBX};
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, save, sizeof(save));
    put_common(section, 1, 0x7c, "zR", encoding, 1, other, sizeof(other));
    put_function(section, 0x1010, 0x10, restore, sizeof(restore));
    compile_all(section, SPIPE_EH_FRAME_FULL);
    expect_location(section, 0x1000, SPIPE_SAVED_RBX, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -3);
    expect_location(section, 0x1001, SPIPE_SAVED_RBX, SPIPE_LOCATION_SAME, 0, 0);
    expect_cfa(section, 0x1010, RBP, 16);
    expect_location(section, 0x1011, SPIPE_SAVED_RBX, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -2);
}

static void test_saves_between_words_are_unknown(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char initial[] = {0x0c, RSP, 8, 0x80 + RIP, 2, 0x80 + RBX, 3};
    put_common(section, 1, 0x7c, "zR", encoding, 1, initial, sizeof(initial));
    put_function(section, 0x1000, 0x10, "", 1);
    compile_all(section, SPIPE_EH_FRAME_FULL);
    expect_location(section, 0x1000, SPIPE_SAVED_RBX, SPIPE_LOCATION_UNKNOWN, 0, 0);
    expect_location(section, 0x1000, SPIPE_SAVED_RIP, SPIPE_LOCATION_AT, SPIPE_REGISTER_CFA, -1);
}

static void test_augmentations_of_languages_are_stepped_over(void **state)
{
    struct section *section = *state;
    static const unsigned char data[] = {0x9b, 1, 2, 3, 4, 0x1b, PC_RELATIVE_4};
    static const unsigned char initial[] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    put_common(section, 1, 0x78, "zPLR", data, sizeof(data), initial, sizeof(initial));
    begin_entry(section);
    put(section, section->len - section->common_at, 4);
    put(section, 0x1000 - (SECTION_OFFSET + section->len), 4);
    put(section, 0x10, 4);
    put(section, 4, 1);
    put(section, 0x3f3f3f3f, 4);
    put(section, 0x0e, 1);
    put(section, 24, 1);
    end_entry(section);
    compile_all(section, SPIPE_EH_FRAME_FULL);
    expect_cfa(section, 0x1000, RSP, 24);
}

/* Common entries that are no good take their functions with them, and nobody else's. */
static void test_bad_common_entry_costs_only_its_functions(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    static const unsigned char initial[] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    static const unsigned char unbalanced[] = {0x0b};
    static const char *const augmentations[] = {"zX", "eh", "R", "zRRRRRRRRRRRRRRRRRRRR", "zRL"};
    for (size_t i = 0; i < sizeof(augmentations) / sizeof(augmentations[0]); i++) {
        put_common(section, 1, 0x78, augmentations[i], encoding, 1, initial, sizeof(initial));
        put_function(section, 0x2000 + i * 0x10, 0x10, "", 1);
    }
    put_common(section, 1, 0x78, "zR", encoding, 1, unbalanced, 1);
    put_function(section, 0x3000, 0x10, "", 1);
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, "", 1);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.skipped_count, 6);
    assert_int_equal(section->summary.entry_count, 1);
    expect_cfa(section, 0x1000, RSP, 8);
    expect_kind(section, 0x2000, SPIPE_RULE_NONE);
}

static void test_long_common_entry_is_refused(void **state)
{
    struct section *section = *state;
    static const unsigned char encoding[] = {PC_RELATIVE_4};
    unsigned char initial[300] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    put_common(section, 1, 0x78, "zR", encoding, 1, initial, sizeof(initial));
    put_function(section, 0x1000, 0x10, "", 1);
    assert_int_equal(compile(section), SPIPE_E_NOT_FOUND);
    assert_int_equal(section->summary.coverage, SPIPE_EH_FRAME_NONE);
    assert_int_equal(section->summary.skipped_count, 1);
}

static void put_common_with_encoding(struct section *section, uint8_t encoding)
{
    static const unsigned char initial[] = {0x0c, RSP, 8, 0x80 + RIP, 1};
    section->len = 0;
    put_common(section, 1, 0x78, "zR", &encoding, 1, initial, sizeof(initial));
}

static int compile_encoded(struct section *section, uint8_t encoding, uint64_t start, size_t size)
{
    put_common_with_encoding(section, encoding);
    begin_entry(section);
    put(section, section->len - section->common_at, 4);
    put(section, (encoding & 0x70) == 0x10 ? start - (SECTION_OFFSET + section->len) : start, size);
    put(section, 0x20, size);
    put(section, 0, 1);
    put_bytes(section, "\x0e\x18", 2);
    end_entry(section);
    return compile(section);
}

static void test_every_pointer_encoding_is_read(void **state)
{
    struct section *section = *state;
    static const struct {
        uint8_t encoding;
        uint8_t size;
    } encodings[] = {{0x00, 8}, {0x02, 2}, {0x03, 4}, {0x04, 8}, {0x0a, 2}, {0x0b, 4},
                     {0x0c, 8}, {0x10, 8}, {0x1b, 4}, {0x1c, 8}, {0x14, 8}};
    section->image_base = 0x1000;
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        uint64_t start = (encodings[i].encoding & 0x70) == 0 ? 0x3000 : 0x2000;
        assert_int_equal(compile_encoded(section, encodings[i].encoding, start, encodings[i].size), SPIPE_OK);
        expect_cfa(section, 0x2000, RSP, 24);
        expect_cfa(section, 0x201f, RSP, 24);
        expect_kind(section, 0x2020, SPIPE_RULE_NONE);
    }
}

static void test_variable_length_pointers_are_read(void **state)
{
    struct section *section = *state;
    put_common_with_encoding(section, 0x01);
    begin_entry(section);
    put(section, section->len - section->common_at, 4);
    put_bytes(section, "\x80\x40\x20\x00\x0e\x18", 6);
    end_entry(section);
    assert_int_equal(compile(section), SPIPE_OK);
    expect_cfa(section, 0x2000, RSP, 24);
    expect_kind(section, 0x2020, SPIPE_RULE_NONE);
}

static void test_other_pointer_encodings_are_refused(void **state)
{
    struct section *section = *state;
    static const uint8_t encodings[] = {0x05, 0x08, 0x0d, 0x2b, 0x3b, 0x4b, 0x5b, 0x9b, 0xff};
    for (size_t i = 0; i < sizeof(encodings); i++) {
        assert_int_equal(compile_encoded(section, encodings[i], 0x2000, 4), SPIPE_E_NOT_FOUND);
        assert_int_equal(section->summary.skipped_count, 1);
    }
}

static void test_functions_outside_the_code_are_skipped(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0, 0x10, "", 1);
    put_function(section, CODE_START - 1, 0x10, "", 1);
    put_function(section, CODE_END - 8, 0x10, "", 1);
    put_function(section, CODE_END, 0x10, "", 1);
    put_function(section, 0x1000, 0xffffffff, "", 1);
    put_function(section, 0x4ff8, 0x10, "", 1);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.skipped_count, 5);
    assert_int_equal(section->summary.entry_count, 1);
    expect_cfa(section, 0x5000, RSP, 8);
}

static void test_functions_are_sorted(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    for (uint64_t i = 0; i < 64; i++) {
        unsigned char instructions[] = {0x0e, 0};
        uint64_t place = i * 37 % 64;
        instructions[1] = (unsigned char)(place + 8);
        put_function(section, 0x1000 + place * 0x100, 0x100, instructions, 2);
    }
    compile_all(section, SPIPE_EH_FRAME_FULL);
    assert_int_equal(section->summary.entry_count, 64);
    for (uint64_t place = 0; place < 64; place++)
        expect_cfa(section, 0x1000 + place * 0x100 + 0x80, RSP, (int32_t)place + 8);
}

static void test_function_without_code_is_not_counted(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, "", 1);
    put_function(section, 0x2000, 0, "", 1);
    compile_all(section, SPIPE_EH_FRAME_FULL);
    assert_int_equal(section->summary.entry_count, 1);
    expect_kind(section, 0x2000, SPIPE_RULE_NONE);
}

static void test_overlapping_function_takes_over_where_it_starts(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0x1000, 0x100, "\x0e\x10", 2);
    put_function(section, 0x1040, 0x20, "\x0e\x18", 2);
    put_function(section, 0x1040, 0x30, "\x0e\x20", 2);
    put_function(section, 0x1040, 0x20, "\x0e\x18", 2);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.skipped_count, 1);
    assert_int_equal(section->summary.cut_count, 1);
    expect_cfa(section, 0x103f, RSP, 16);
    expect_cfa(section, 0x1040, RSP, 24);
    expect_kind(section, 0x1060, SPIPE_RULE_NONE);
}

static void test_padding_between_functions_is_no_gap(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0x1000, 0x11, "\x0e\x10\x51\x0e\x38", 5);
    put_function(section, 0x1020, 0x10, "\x0e\x18", 2);
    put_function(section, 0x1040, 0x0f, "\x0e\x20", 2);
    put_function(section, 0x1060, 0x01, "\x0e\x28", 2);
    put_function(section, 0x1068, 0x08, "\x0e\x30", 2);
    compile_all(section, SPIPE_EH_FRAME_FULL);
    expect_cfa(section, 0x101f, RSP, 16);
    expect_cfa(section, 0x1020, RSP, 24);
    expect_kind(section, 0x1030, SPIPE_RULE_NONE);
    expect_cfa(section, 0x1040, RSP, 32);
    expect_kind(section, 0x104f, SPIPE_RULE_NONE);
    expect_kind(section, 0x1061, SPIPE_RULE_NONE);
    expect_cfa(section, 0x1068, RSP, 48);
}

static void test_broken_lengths_cost_what_they_cover(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, "", 1);
    size_t good_len = section->len;
    put(section, 3, 4);
    put(section, 0x010101, 3);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.skipped_count, 1);

    section->len = good_len;
    put(section, 0x1000, 4);
    put(section, 0, 8);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.entry_count, 1);

    section->len = good_len;
    put(section, 0xffffffff, 4);
    put(section, UINT64_MAX, 8);
    put(section, 0, 8);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);

    section->len = good_len;
    put(section, 0xfffffff0, 4);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    expect_cfa(section, 0x1000, RSP, 8);
}

static void test_pointers_to_no_common_entry_are_skipped(void **state)
{
    struct section *section = *state;
    static const uint32_t back[] = {1, 2, 4, 0x7fffffff, 0xffffffff, 1000};
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, "", 1);
    for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
        begin_entry(section);
        put(section, back[i], 4);
        put(section, 0x2000 - (SECTION_OFFSET + section->len), 4);
        put(section, 0x10, 4);
        put(section, 0, 1);
        end_entry(section);
    }
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    assert_int_equal(section->summary.skipped_count, sizeof(back) / sizeof(back[0]));
    assert_int_equal(section->summary.entry_count, 1);
}

static void test_zero_length_ends_the_section(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, "", 1);
    put(section, 0, 4);
    put(section, UINT64_MAX, 8);
    compile_all(section, SPIPE_EH_FRAME_FULL);
}

static const unsigned char one_entry_header[] = {1, 0x1b, 0x03, 0x3b, 0xfc, 0xff, 0xef, 0xff, 1, 0, 0, 0};

static void test_header_tells_the_end_of_a_section_without_end_mark(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    put_function(section, 0x1000, 0x10, "", 1);
    put(section, 0x0000000c00000009, 8);
    put(section, UINT64_MAX, 8);
    compile_all(section, SPIPE_EH_FRAME_PARTIAL);
    section->image.header = one_entry_header;
    section->image.header_len = sizeof(one_entry_header);
    section->image.header_offset = HEADER_OFFSET;
    compile_all(section, SPIPE_EH_FRAME_FULL);
}

static void test_header_says_where_the_section_is(void **state)
{
    (void)state;
    uint64_t offset = 0;
    uint32_t count = 0;
    assert_int_equal(
        spipe_eh_frame_locate(one_entry_header, sizeof(one_entry_header), HEADER_OFFSET, 0, &offset, &count), SPIPE_OK);
    assert_int_equal(offset, SECTION_OFFSET);
    assert_int_equal(count, 1);

    static const unsigned char data_relative[] = {1, 0x3b, 0xff, 0xff, 0x00, 0x00, 0xf0, 0xff};
    assert_int_equal(spipe_eh_frame_locate(data_relative, sizeof(data_relative), HEADER_OFFSET, 0, &offset, &count),
                     SPIPE_OK);
    assert_int_equal(offset, SECTION_OFFSET);
    assert_int_equal(count, 0);
}

static void test_broken_header_is_refused(void **state)
{
    (void)state;
    uint64_t offset = 5;
    uint32_t count = 5;
    for (size_t len = 0; len < 8; len++)
        assert_int_equal(spipe_eh_frame_locate(one_entry_header, len, HEADER_OFFSET, 0, &offset, &count),
                         SPIPE_E_TRUNCATED);
    static const unsigned char version[] = {2, 0x1b, 0x03, 0x3b, 0, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char indirect[] = {1, 0x9b, 0x03, 0x3b, 0, 0, 0, 0, 0, 0, 0, 0};
    static const unsigned char omitted[] = {1, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(spipe_eh_frame_locate(version, 12, 0, 0, &offset, &count), SPIPE_E_VERSION);
    assert_int_equal(spipe_eh_frame_locate(indirect, 12, 0, 0, &offset, &count), SPIPE_E_UNSUPPORTED);
    assert_int_equal(spipe_eh_frame_locate(omitted, 12, 0, 0, &offset, &count), SPIPE_E_UNSUPPORTED);
    assert_int_equal(offset, 5);
    assert_int_equal(count, 5);
}

static void test_nothing_makes_no_table(void **state)
{
    struct section *section = *state;
    assert_int_equal(compile(section), SPIPE_E_NOT_FOUND);
    put(section, 0, 4);
    assert_int_equal(compile(section), SPIPE_E_NOT_FOUND);
    section->image.eh_frame_len = SPIPE_EH_FRAME_LIMIT + (size_t)1;
    assert_int_equal(spipe_eh_frame_compile(&section->image, &section->table, &section->summary), SPIPE_E_LIMIT);
    assert_null(section->table);
}

/* Whatever the first bytes of a section are cut to, what is left is read without harm. */
static void test_section_may_end_anywhere(void **state)
{
    struct section *section = *state;
    put_usual_common(section);
    for (uint64_t i = 0; i < 4; i++)
        put_function(section, 0x1000 + i * 0x100, 0x100, "\x41\x0e\x10\x86\x02\x43\x0d\x06\x02\x05\x0c\x07\x08", 13);
    size_t whole_len = section->len;
    for (section->len = 0; section->len < whole_len; section->len++) {
        int status = compile(section);
        assert_true(status == SPIPE_OK || status == SPIPE_E_NOT_FOUND);
    }
    compile_all(section, SPIPE_EH_FRAME_FULL);
    assert_int_equal(section->summary.entry_count, 4);
}

#define SECTION_TEST(name) cmocka_unit_test_setup_teardown(name, open_section, close_section)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SECTION_TEST(test_function_covers_its_range_and_nothing_else),
        SECTION_TEST(test_every_advance_moves_the_place),
        SECTION_TEST(test_advance_counts_in_units_of_the_code_alignment),
        SECTION_TEST(test_rows_beyond_the_end_of_the_function_are_dropped),
        SECTION_TEST(test_every_definition_of_the_cfa_is_read),
        SECTION_TEST(test_every_rule_for_a_register_is_read),
        SECTION_TEST(test_saved_rbp_is_part_of_a_plain_rule),
        SECTION_TEST(test_rules_for_other_registers_are_stepped_over),
        SECTION_TEST(test_remembered_states_nest),
        SECTION_TEST(test_what_cannot_be_followed_makes_the_rest_unsupported),
        SECTION_TEST(test_instructions_cut_short_make_the_rest_unsupported),
        SECTION_TEST(test_states_remembered_too_deep_make_the_rest_unsupported),
        SECTION_TEST(test_unknown_expression_concerns_only_its_own_rows),
        SECTION_TEST(test_expressions_of_known_shapes_become_rules),
        SECTION_TEST(test_expressions_of_other_shapes_are_unsupported),
        SECTION_TEST(test_undefined_return_address_is_the_root),
        SECTION_TEST(test_return_address_without_rule_is_not_the_root),
        SECTION_TEST(test_signal_trampoline_is_known_by_its_context),
        SECTION_TEST(test_each_function_follows_its_own_common_entry),
        SECTION_TEST(test_saves_between_words_are_unknown),
        SECTION_TEST(test_augmentations_of_languages_are_stepped_over),
        SECTION_TEST(test_bad_common_entry_costs_only_its_functions),
        SECTION_TEST(test_long_common_entry_is_refused),
        SECTION_TEST(test_every_pointer_encoding_is_read),
        SECTION_TEST(test_variable_length_pointers_are_read),
        SECTION_TEST(test_other_pointer_encodings_are_refused),
        SECTION_TEST(test_functions_outside_the_code_are_skipped),
        SECTION_TEST(test_functions_are_sorted),
        SECTION_TEST(test_function_without_code_is_not_counted),
        SECTION_TEST(test_overlapping_function_takes_over_where_it_starts),
        SECTION_TEST(test_padding_between_functions_is_no_gap),
        SECTION_TEST(test_broken_lengths_cost_what_they_cover),
        SECTION_TEST(test_pointers_to_no_common_entry_are_skipped),
        SECTION_TEST(test_zero_length_ends_the_section),
        SECTION_TEST(test_header_tells_the_end_of_a_section_without_end_mark),
        SECTION_TEST(test_header_says_where_the_section_is),
        SECTION_TEST(test_broken_header_is_refused),
        SECTION_TEST(test_nothing_makes_no_table),
        SECTION_TEST(test_section_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
