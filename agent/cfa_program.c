/* SPDX-License-Identifier: MIT */
#include "cfa_program.h"

#include "cfa_expression.h"

#include <string.h>

#define NO_SAVE 0xffu
/* Where a signal trampoline finds the interrupted stack pointer: in the ucontext that its own stack pointer is at. */
#define UCONTEXT_RSP_OFFSET 160

/* Instructions whose operand is in their low six bits, by their high two bits. */
enum cfa_packed_opcode {
    CFA_ADVANCE = 0x40,
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_PACKED_MASK = 0xc0,
    CFA_OPERAND_MASK = 0x3f
};

enum cfa_opcode {
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE1 = 0x02,
    CFA_ADVANCE2 = 0x03,
    CFA_ADVANCE4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER_STATE = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF_CFA = 0x0c,
    CFA_DEF_CFA_REGISTER = 0x0d,
    CFA_DEF_CFA_OFFSET = 0x0e,
    CFA_DEF_CFA_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_CFA_SF = 0x12,
    CFA_DEF_CFA_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_ADVANCE8 = 0x1d,
    CFA_GNU_ARGS_SIZE = 0x2e,
    CFA_GNU_NEGATIVE_OFFSET = 0x2f
};

enum outcome {
    CFA_DONE,       /* the rules may have changed */
    CFA_MOVE,       /* the place is to move by `advance` */
    CFA_STOP        /* not to be followed */
};

struct run {
    const struct spipe_cfa_common *common;
    struct spipe_cfa_state state;
    struct spipe_cfa_state remembered[SPIPE_CFA_REMEMBER_DEPTH];
    unsigned remembered_count;
    struct spipe_dwarf_cursor cursor;
    uint64_t advance;               /* in code bytes */
};

/* Which of the registers that functions give back a number names. Rules for the others are stepped over: to the walk
 * they stay as they are. */
static unsigned find_save(uint64_t number)
{
    static const uint8_t save[SPIPE_REGISTER_COUNT] = {
        NO_SAVE, NO_SAVE, NO_SAVE, SPIPE_SAVED_RBX, NO_SAVE, NO_SAVE, SPIPE_SAVED_RBP, SPIPE_SAVED_RSP, NO_SAVE,
        NO_SAVE, NO_SAVE, NO_SAVE, SPIPE_SAVED_R12, SPIPE_SAVED_R13, SPIPE_SAVED_R14, SPIPE_SAVED_R15, SPIPE_SAVED_RIP};
    return number < SPIPE_REGISTER_COUNT ? save[number] : NO_SAVE;
}

static void set_location(struct run *run, uint64_t number, struct spipe_unwind_location location)
{
    unsigned save = find_save(number);
    if (save != NO_SAVE)
        run->state.saves.location[save] = location;
}

static void set_kind(struct run *run, uint64_t number, enum spipe_location_kind kind)
{
    set_location(run, number, (struct spipe_unwind_location){(uint8_t)kind, 0, 0});
}

/* The register is in memory at (AT), or has the value of (IS), the CFA plus `factored` times the data alignment. */
static void set_from_cfa(struct run *run, uint64_t number, uint8_t kind, int64_t factored)
{
    int64_t offset = 0;
    if (__builtin_mul_overflow(factored, run->common->data_alignment, &offset) || offset % 8 != 0 ||
        offset / 8 < INT16_MIN || offset / 8 > INT16_MAX)
        set_kind(run, number, SPIPE_LOCATION_UNKNOWN);
    else
        set_location(run, number, (struct spipe_unwind_location){kind, SPIPE_REGISTER_CFA, (int16_t)(offset / 8)});
}

/* Operands that would not fit a signed number are as good as none that fits a rule. */
static int64_t read_factor(struct run *run)
{
    uint64_t number = spipe_dwarf_cursor_uleb(&run->cursor);
    return number > INT32_MAX ? INT64_MAX : (int64_t)number;
}

static void set_expression(struct run *run, uint8_t kind)
{
    uint64_t number = spipe_dwarf_cursor_uleb(&run->cursor);
    uint64_t len = spipe_dwarf_cursor_uleb(&run->cursor);
    struct spipe_dwarf_cursor expression = spipe_dwarf_cursor_take(&run->cursor, len);
    struct spipe_unwind_location location = {kind, 0, 0};
    if (find_save(number) == NO_SAVE)
        return;
    if (spipe_cfa_expression_read_location(expression, &location))
        set_location(run, number, location);
    else
        set_kind(run, number, SPIPE_LOCATION_UNKNOWN);
}

static void set_register(struct run *run)
{
    uint64_t number = spipe_dwarf_cursor_uleb(&run->cursor);
    uint64_t from = spipe_dwarf_cursor_uleb(&run->cursor);
    if (from < SPIPE_REGISTER_COUNT)
        set_location(run, number, (struct spipe_unwind_location){SPIPE_LOCATION_IS, (uint8_t)from, 0});
    else
        set_kind(run, number, SPIPE_LOCATION_UNKNOWN);
}

static void restore_register(struct run *run, uint64_t number)
{
    unsigned save = find_save(number);
    if (save != NO_SAVE)
        run->state.saves.location[save] = run->common->initial.saves.location[save];
}

static enum outcome set_cfa(struct run *run, uint64_t number, int64_t offset)
{
    if (number >= SPIPE_REGISTER_COUNT || offset < INT32_MIN || offset > INT32_MAX)
        return CFA_STOP;
    run->state.cfa = (struct spipe_unwind_rule){
        .step = {.kind = SPIPE_RULE_REGISTER, .offset = (int32_t)offset}, .cfa_register = (uint8_t)number};
    return CFA_DONE;
}

static enum outcome set_cfa_register(struct run *run, uint64_t number)
{
    return run->state.cfa.step.kind == SPIPE_RULE_REGISTER ? set_cfa(run, number, run->state.cfa.step.offset)
                                                           : CFA_STOP;
}

static enum outcome set_cfa_offset(struct run *run, int64_t offset)
{
    return run->state.cfa.step.kind == SPIPE_RULE_REGISTER ? set_cfa(run, run->state.cfa.cfa_register, offset)
                                                           : CFA_STOP;
}

static int64_t read_signed_offset(struct run *run)
{
    int64_t offset = 0;
    bool overflows =
        __builtin_mul_overflow(spipe_dwarf_cursor_sleb(&run->cursor), run->common->data_alignment, &offset);
    return overflows ? INT64_MAX : offset;
}

/* A CFA by an expression of unknown shape concerns only the rows that have it. */
static enum outcome set_cfa_expression(struct run *run)
{
    uint64_t len = spipe_dwarf_cursor_uleb(&run->cursor);
    struct spipe_dwarf_cursor expression = spipe_dwarf_cursor_take(&run->cursor, len);
    struct spipe_unwind_rule rule = {.step.kind = SPIPE_RULE_NONE};
    if (!spipe_cfa_expression_read_rule(expression, &rule))
        rule = (struct spipe_unwind_rule){.step.kind = SPIPE_RULE_UNSUPPORTED};
    run->state.cfa = rule;
    return CFA_DONE;
}

static enum outcome remember(struct run *run)
{
    if (run->remembered_count == SPIPE_CFA_REMEMBER_DEPTH)
        return CFA_STOP;
    run->remembered[run->remembered_count++] = run->state;
    return CFA_DONE;
}

static enum outcome restore(struct run *run)
{
    if (run->remembered_count == 0)
        return CFA_STOP;
    run->state = run->remembered[--run->remembered_count];
    return CFA_DONE;
}

static enum outcome move(struct run *run, uint64_t factored)
{
    if (__builtin_mul_overflow(factored, run->common->code_alignment, &run->advance))
        run->advance = UINT64_MAX;
    return CFA_MOVE;
}

static enum outcome run_location(struct run *run, uint8_t opcode)
{
    struct spipe_dwarf_cursor *cursor = &run->cursor;
    uint64_t number = spipe_dwarf_cursor_uleb(cursor);
    switch (opcode) {
    case CFA_OFFSET_EXTENDED:
        set_from_cfa(run, number, SPIPE_LOCATION_AT, read_factor(run));
        return CFA_DONE;
    case CFA_OFFSET_EXTENDED_SF:
        set_from_cfa(run, number, SPIPE_LOCATION_AT, spipe_dwarf_cursor_sleb(cursor));
        return CFA_DONE;
    case CFA_GNU_NEGATIVE_OFFSET:
        set_from_cfa(run, number, SPIPE_LOCATION_AT, -read_factor(run));
        return CFA_DONE;
    case CFA_VAL_OFFSET:
        set_from_cfa(run, number, SPIPE_LOCATION_IS, read_factor(run));
        return CFA_DONE;
    case CFA_VAL_OFFSET_SF:
        set_from_cfa(run, number, SPIPE_LOCATION_IS, spipe_dwarf_cursor_sleb(cursor));
        return CFA_DONE;
    case CFA_RESTORE_EXTENDED:
        restore_register(run, number);
        return CFA_DONE;
    case CFA_UNDEFINED:
        set_kind(run, number, SPIPE_LOCATION_UNDEFINED);
        return CFA_DONE;
    case CFA_SAME_VALUE:
        set_kind(run, number, SPIPE_LOCATION_SAME);
        return CFA_DONE;
    default:
        return CFA_STOP;
    }
}

static enum outcome run_cfa(struct run *run, uint8_t opcode)
{
    struct spipe_dwarf_cursor *cursor = &run->cursor;
    uint64_t number;
    switch (opcode) {
    case CFA_DEF_CFA:
        number = spipe_dwarf_cursor_uleb(cursor);
        return set_cfa(run, number, read_factor(run));
    case CFA_DEF_CFA_SF:
        number = spipe_dwarf_cursor_uleb(cursor);
        return set_cfa(run, number, read_signed_offset(run));
    case CFA_DEF_CFA_REGISTER:
        return set_cfa_register(run, spipe_dwarf_cursor_uleb(cursor));
    case CFA_DEF_CFA_OFFSET:
        return set_cfa_offset(run, read_factor(run));
    case CFA_DEF_CFA_OFFSET_SF:
        return set_cfa_offset(run, read_signed_offset(run));
    case CFA_DEF_CFA_EXPRESSION:
        return set_cfa_expression(run);
    default:
        return run_location(run, opcode);
    }
}

static enum outcome run_other(struct run *run, uint8_t opcode)
{
    struct spipe_dwarf_cursor *cursor = &run->cursor;
    switch (opcode) {
    case CFA_NOP:
        return CFA_DONE;
    case CFA_ADVANCE1:
        return move(run, spipe_dwarf_cursor_byte(cursor));
    case CFA_ADVANCE2:
        return move(run, spipe_dwarf_cursor_fixed(cursor, 2));
    case CFA_ADVANCE4:
        return move(run, spipe_dwarf_cursor_fixed(cursor, 4));
    case CFA_ADVANCE8:
        return move(run, spipe_dwarf_cursor_fixed(cursor, 8));
    case CFA_REMEMBER_STATE:
        return remember(run);
    case CFA_RESTORE_STATE:
        return restore(run);
    case CFA_REGISTER:
        set_register(run);
        return CFA_DONE;
    case CFA_EXPRESSION:
        set_expression(run, SPIPE_LOCATION_AT);
        return CFA_DONE;
    case CFA_VAL_EXPRESSION:
        set_expression(run, SPIPE_LOCATION_IS);
        return CFA_DONE;
    case CFA_GNU_ARGS_SIZE:
        (void)spipe_dwarf_cursor_uleb(cursor);
        return CFA_DONE;
    default:
        return run_cfa(run, opcode);
    }
}

static enum outcome run_next(struct run *run)
{
    uint8_t opcode = spipe_dwarf_cursor_byte(&run->cursor);
    uint8_t operand = opcode & CFA_OPERAND_MASK;
    enum outcome outcome = CFA_DONE;
    switch (opcode & CFA_PACKED_MASK) {
    case CFA_ADVANCE:
        outcome = move(run, operand);
        break;
    case CFA_OFFSET:
        set_from_cfa(run, operand, SPIPE_LOCATION_AT, read_factor(run));
        break;
    case CFA_RESTORE:
        restore_register(run, operand);
        break;
    default:
        outcome = run_other(run, opcode);
    }
    return run->cursor.failed ? CFA_STOP : outcome;
}

static uint32_t find_rule(const struct run *run, struct spipe_unwind_builder *builder)
{
    struct spipe_unwind_rule rule = run->state.cfa;
    uint8_t rip_kind = run->state.saves.location[SPIPE_SAVED_RIP].kind;
    if (rip_kind == SPIPE_LOCATION_UNDEFINED)
        return SPIPE_UNWIND_FIXED_ROOT;
    if (rule.step.kind == SPIPE_RULE_NONE || rule.step.kind == SPIPE_RULE_UNSUPPORTED ||
        rip_kind == SPIPE_LOCATION_UNKNOWN)
        return SPIPE_UNWIND_FIXED_UNSUPPORTED;
    if (run->common->is_signal) {
        rule.step.flags |= SPIPE_RULE_EXACT_PC;
        if (rule.step.kind == SPIPE_RULE_LOAD && rule.cfa_register == SPIPE_REGISTER_RSP && rule.step.offset == 0 &&
            rule.inner == UCONTEXT_RSP_OFFSET)
            rule.step.kind = SPIPE_RULE_SIGNAL;
    }
    return spipe_unwind_builder_find_rule(builder, &rule, &run->state.saves);
}

static void init_state(struct spipe_cfa_state *state)
{
    memset(state, 0, sizeof(*state));
    state->cfa.step.kind = SPIPE_RULE_NONE;
    state->saves.location[SPIPE_SAVED_RSP] =
        (struct spipe_unwind_location){SPIPE_LOCATION_IS, SPIPE_REGISTER_CFA, 0};
    state->saves.location[SPIPE_SAVED_RIP].kind = SPIPE_LOCATION_UNKNOWN;
}

/* Leaves the remembered states as they are: they are written before they are read. */
static void start_run(struct run *run, const struct spipe_cfa_common *common, struct spipe_dwarf_cursor instructions)
{
    run->common = common;
    run->state = common->initial;
    run->remembered_count = 0;
    run->cursor = instructions;
    run->advance = 0;
}

bool spipe_cfa_program_init_common(struct spipe_cfa_common *common, struct spipe_dwarf_cursor instructions)
{
    init_state(&common->initial);
    struct run run;
    start_run(&run, common, instructions);
    while (run.cursor.at != run.cursor.end) {
        if (run_next(&run) != CFA_DONE)
            return false;
    }
    common->initial = run.state;
    return true;
}

bool spipe_cfa_program_run(const struct spipe_cfa_common *common, struct spipe_dwarf_cursor instructions,
                           uint32_t start, uint32_t end, struct spipe_unwind_builder *builder)
{
    struct run run;
    start_run(&run, common, instructions);
    uint32_t offset = start;
    while (run.cursor.at != run.cursor.end) {
        enum outcome outcome = run_next(&run);
        if (outcome == CFA_STOP) {
            spipe_unwind_builder_add(builder, offset, SPIPE_UNWIND_FIXED_UNSUPPORTED);
            return false;
        }
        if (outcome == CFA_DONE)
            continue;
        spipe_unwind_builder_add(builder, offset, find_rule(&run, builder));
        /* What the instructions say about places behind the function's end is of no use to anyone. */
        if (run.advance >= end - offset)
            return true;
        offset += (uint32_t)run.advance;
    }
    spipe_unwind_builder_add(builder, offset, find_rule(&run, builder));
    return true;
}
