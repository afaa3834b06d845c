/* SPDX-License-Identifier: MIT */
/*
 * Understands the few shapes of DWARF expressions that call frame information uses: sums of a register and a constant,
 * with at most one load and one register times 8, and the one for procedure linkage tables. Any thread; not in a
 * handler.
 */
#ifndef SPIPE_AGENT_CFA_EXPRESSION_H
#define SPIPE_AGENT_CFA_EXPRESSION_H

#include "dwarf_cursor.h"
#include "unwind_table.h"

/* Makes a CFA's rule of an expression: fills kind, registers, offset and inner. False when it has another shape. */
bool spipe_cfa_expression_read_rule(struct spipe_dwarf_cursor expression, struct spipe_unwind_rule *rule);

/* Reads an expression for register + 8 * words or CFA + 8 * words (the CFA is on the stack when it starts), into the
 * location's base and words. False when it has another shape. */
bool spipe_cfa_expression_read_location(struct spipe_dwarf_cursor expression, struct spipe_unwind_location *location);

#endif
