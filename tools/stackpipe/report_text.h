/* SPDX-License-Identifier: MIT */
/*
 * A report for people: the sections that `report` prints.
 */
#ifndef SPIPE_TOOL_REPORT_TEXT_H
#define SPIPE_TOOL_REPORT_TEXT_H

#include "viewer-stub/host/audit.h"
#include "viewer-stub/host/summary.h"
#include "viewer-stub/host/symbols.h"

#include <stdio.h>

/* What ran, for how long, and how far the samples can be trusted. */
void spipe_report_write_header(const struct spipe_summary *summary, const struct spipe_store *store, FILE *stream);

/* The functions of the summary, a line each. */
void spipe_report_write_functions(const struct spipe_summary *summary, FILE *stream);

void spipe_report_write_threads(const struct spipe_summary *summary, FILE *stream);

/* The program and its followed children, a line each. */
void spipe_report_write_processes(const struct spipe_summary *summary, FILE *stream);

/* The account of all samples. */
void spipe_report_write_ledger(const struct spipe_summary *summary, FILE *stream);

/* The call tree from the outermost functions on, without what is below half a percent of `all`. */
void spipe_report_write_tree(const struct spipe_calltree *tree, const char *title, uint64_t all,
                             const struct spipe_naming *naming, FILE *stream);

/* How the agent's unwinding and libdwfl's compare. */
void spipe_report_write_audit(const struct spipe_audit_result *result, const struct spipe_store *store,
                              struct spipe_symbols *symbols, FILE *stream);

#endif
