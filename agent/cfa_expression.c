/* SPDX-License-Identifier: MIT */
#include "cfa_expression.h"

#include <string.h>

#define NO_REGISTER 0xffu
#define STACK_DEPTH 8u

/* base + 8 * index + offset, or, once loaded, *(base + 8 * index + inner) + offset. */
struct symbol {
    uint8_t base;
    uint8_t index;
    bool is_loaded;
    int32_t inner;
    int32_t offset;
};

struct evaluation {
    struct symbol stack[STACK_DEPTH];
    unsigned depth;
    bool failed;
};

enum expression_opcode {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_CONST1S = 0x09,
    OP_CONST2U = 0x0a,
    OP_CONST2S = 0x0b,
    OP_CONST4U = 0x0c,
    OP_CONST4S = 0x0d,
    OP_CONSTU = 0x10,
    OP_CONSTS = 0x11,
    OP_AND = 0x1a,
    OP_MINUS = 0x1c,
    OP_MUL = 0x1e,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_GE = 0x2a,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
    OP_BREG31 = 0x8f,
    OP_NOP = 0x96
};

static void push_symbol(struct evaluation *evaluation, struct symbol symbol)
{
    if (evaluation->depth == STACK_DEPTH)
        evaluation->failed = true;
    else
        evaluation->stack[evaluation->depth++] = symbol;
}

static void push(struct evaluation *evaluation, unsigned base, int64_t offset)
{
    if (offset < INT32_MIN || offset > INT32_MAX)
        evaluation->failed = true;
    push_symbol(evaluation, (struct symbol){(uint8_t)base, NO_REGISTER, false, 0, (int32_t)offset});
}

static void push_unsigned(struct evaluation *evaluation, uint64_t number)
{
    push(evaluation, NO_REGISTER, number > INT32_MAX ? INT64_MAX : (int64_t)number);
}

static struct symbol pop(struct evaluation *evaluation)
{
    if (evaluation->depth == 0) {
        evaluation->failed = true;
        return (struct symbol){NO_REGISTER, NO_REGISTER, false, 0, 0};
    }
    return evaluation->stack[--evaluation->depth];
}

static bool is_constant(struct symbol symbol)
{
    return symbol.base == NO_REGISTER && symbol.index == NO_REGISTER && !symbol.is_loaded;
}

static void add_constant(struct evaluation *evaluation, int64_t constant)
{
    struct symbol symbol = pop(evaluation);
    int64_t sum = symbol.offset + constant;
    if (constant < INT32_MIN || constant > INT32_MAX || sum < INT32_MIN || sum > INT32_MAX)
        evaluation->failed = true;
    symbol.offset = (int32_t)sum;
    push_symbol(evaluation, symbol);
}

static void add(struct evaluation *evaluation)
{
    struct symbol second = pop(evaluation);
    struct symbol first = pop(evaluation);
    if (is_constant(first)) {
        struct symbol constant = first;
        first = second;
        second = constant;
    }
    if (second.index != NO_REGISTER && second.base == NO_REGISTER && first.index == NO_REGISTER && !first.is_loaded)
        first.index = second.index;
    else if (!is_constant(second))
        evaluation->failed = true;
    push_symbol(evaluation, first);
    add_constant(evaluation, second.offset);
}

static void subtract(struct evaluation *evaluation)
{
    struct symbol second = pop(evaluation);
    if (!is_constant(second))
        evaluation->failed = true;
    add_constant(evaluation, -(int64_t)second.offset);
}

/* The only product is that of a register and 8. */
static void multiply(struct evaluation *evaluation)
{
    struct symbol second = pop(evaluation);
    struct symbol first = pop(evaluation);
    bool is_index =
        first.base < SPIPE_REGISTER_COUNT && first.index == NO_REGISTER && !first.is_loaded && first.offset == 0;
    if (!is_index || !is_constant(second) || second.offset != 8)
        evaluation->failed = true;
    push_symbol(evaluation, (struct symbol){NO_REGISTER, first.base, false, 0, 0});
}

static void load(struct evaluation *evaluation)
{
    struct symbol symbol = pop(evaluation);
    if (symbol.base == NO_REGISTER || symbol.is_loaded)
        evaluation->failed = true;
    symbol.is_loaded = true;
    symbol.inner = symbol.offset;
    symbol.offset = 0;
    push_symbol(evaluation, symbol);
}

static void run_constant(struct evaluation *evaluation, uint8_t opcode, struct spipe_dwarf_cursor *cursor)
{
    switch (opcode) {
    case OP_CONST1U:
        push(evaluation, NO_REGISTER, (int64_t)spipe_dwarf_cursor_fixed(cursor, 1));
        break;
    case OP_CONST1S:
        push(evaluation, NO_REGISTER, (int8_t)spipe_dwarf_cursor_fixed(cursor, 1));
        break;
    case OP_CONST2U:
        push(evaluation, NO_REGISTER, (int64_t)spipe_dwarf_cursor_fixed(cursor, 2));
        break;
    case OP_CONST2S:
        push(evaluation, NO_REGISTER, (int16_t)spipe_dwarf_cursor_fixed(cursor, 2));
        break;
    case OP_CONST4U:
        push_unsigned(evaluation, spipe_dwarf_cursor_fixed(cursor, 4));
        break;
    case OP_CONST4S:
        push(evaluation, NO_REGISTER, (int32_t)spipe_dwarf_cursor_fixed(cursor, 4));
        break;
    case OP_CONSTU:
        push_unsigned(evaluation, spipe_dwarf_cursor_uleb(cursor));
        break;
    case OP_CONSTS:
        push(evaluation, NO_REGISTER, spipe_dwarf_cursor_sleb(cursor));
        break;
    default:
        evaluation->failed = true;
    }
}

static void run_opcode(struct evaluation *evaluation, uint8_t opcode, struct spipe_dwarf_cursor *cursor)
{
    if (opcode >= OP_BREG0 && opcode < OP_BREG0 + SPIPE_REGISTER_COUNT) {
        push(evaluation, (unsigned)(opcode - OP_BREG0), spipe_dwarf_cursor_sleb(cursor));
        return;
    }
    if (opcode >= OP_LIT0 && opcode <= OP_LIT31) {
        push(evaluation, NO_REGISTER, opcode - OP_LIT0);
        return;
    }
    switch (opcode) {
    case OP_NOP:
        break;
    case OP_DEREF:
        load(evaluation);
        break;
    case OP_PLUS:
        add(evaluation);
        break;
    case OP_MINUS:
        subtract(evaluation);
        break;
    case OP_MUL:
        multiply(evaluation);
        break;
    case OP_PLUS_UCONST:
        push_unsigned(evaluation, spipe_dwarf_cursor_uleb(cursor));
        add(evaluation);
        break;
    default:
        run_constant(evaluation, opcode, cursor);
    }
}

static bool run(struct evaluation *evaluation, struct spipe_dwarf_cursor cursor, struct symbol *ret_result)
{
    while (cursor.at != cursor.end && !cursor.failed && !evaluation->failed) {
        uint8_t opcode = spipe_dwarf_cursor_byte(&cursor);
        run_opcode(evaluation, opcode, &cursor);
    }
    struct symbol result = pop(evaluation);
    if (cursor.failed || evaluation->failed || result.base == NO_REGISTER)
        return false;
    *ret_result = result;
    return true;
}

/* An entry of a procedure linkage table is 16 bytes long, and from some byte on it has pushed one word. Linkers all
 * describe that by the same bytes: breg offset, rip, 15, and, threshold, ge, 3, shl, plus. */
static bool read_plt(struct spipe_dwarf_cursor cursor, struct spipe_unwind_rule *rule)
{
    static const unsigned char before[] = {OP_BREG0 + SPIPE_REGISTER_RIP, 0, OP_LIT0 + 15, OP_AND};
    static const unsigned char after[] = {OP_GE, OP_LIT0 + 3, OP_SHL, OP_PLUS};
    uint8_t opcode = spipe_dwarf_cursor_byte(&cursor);
    int64_t offset = spipe_dwarf_cursor_sleb(&cursor);
    if (cursor.failed || opcode < OP_BREG0 || opcode >= OP_BREG0 + SPIPE_REGISTER_COUNT || offset < 0 ||
        offset > INT32_MAX)
        return false;
    if (spipe_dwarf_cursor_left(&cursor) != sizeof(before) + 1 + sizeof(after))
        return false;
    uint8_t threshold = (uint8_t)(cursor.at[sizeof(before)] - OP_LIT0);
    if (memcmp(cursor.at, before, sizeof(before)) != 0 || threshold > 15 ||
        memcmp(cursor.at + sizeof(before) + 1, after, sizeof(after)) != 0)
        return false;
    rule->step.kind = SPIPE_RULE_PLT;
    rule->cfa_register = (uint8_t)(opcode - OP_BREG0);
    rule->index_register = 0;
    rule->step.offset = (int32_t)offset;
    rule->inner = threshold;
    return true;
}

bool spipe_cfa_expression_read_rule(struct spipe_dwarf_cursor expression, struct spipe_unwind_rule *rule)
{
    if (read_plt(expression, rule))
        return true;

    struct evaluation evaluation = {.depth = 0, .failed = false};
    struct symbol result;
    if (!run(&evaluation, expression, &result) || (result.index != NO_REGISTER && !result.is_loaded))
        return false;
    rule->step.kind = SPIPE_RULE_REGISTER;
    if (result.is_loaded)
        rule->step.kind = result.index == NO_REGISTER ? SPIPE_RULE_LOAD : SPIPE_RULE_INDEXED;
    rule->cfa_register = result.base;
    rule->index_register = result.index == NO_REGISTER ? 0 : result.index;
    rule->step.offset = result.offset;
    rule->inner = result.inner;
    return true;
}

bool spipe_cfa_expression_read_location(struct spipe_dwarf_cursor expression, struct spipe_unwind_location *location)
{
    struct evaluation evaluation = {.depth = 0, .failed = false};
    struct symbol result;
    push(&evaluation, SPIPE_REGISTER_CFA, 0);
    if (!run(&evaluation, expression, &result) || result.index != NO_REGISTER || result.is_loaded)
        return false;
    if (result.offset % 8 != 0 || result.offset / 8 < INT16_MIN || result.offset / 8 > INT16_MAX)
        return false;
    location->base = result.base;
    location->words = (int16_t)(result.offset / 8);
    return true;
}
