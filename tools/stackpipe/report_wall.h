/* SPDX-License-Identifier: MIT */
/*
 * A wall-clock report for people: running, waiting for a CPU and waiting for something else stand apart in each section.
 */
#ifndef SPIPE_TOOL_REPORT_WALL_H
#define SPIPE_TOOL_REPORT_WALL_H

#include "viewer-stub/host/summary.h"

#include <stdio.h>

/* A line for the header: how the threads spent their lives. */
void spipe_report_wall_write_header(const struct spipe_wall_summary *wall, FILE *stream);

void spipe_report_wall_write_functions(const struct spipe_wall_summary *wall, FILE *stream);

/* A call tree for each state that has any time, with shares of all time. */
int spipe_report_wall_write_trees(const struct spipe_wall_summary *wall, const struct spipe_store *store,
                                  const struct spipe_naming *naming, FILE *stream);

void spipe_report_wall_write_threads(const struct spipe_wall_summary *wall, FILE *stream);

void spipe_report_wall_write_ledger(const struct spipe_wall_summary *wall, FILE *stream);

#endif
