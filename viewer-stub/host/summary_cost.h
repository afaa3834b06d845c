/* SPDX-License-Identifier: MIT */
/*
 * What profiling took from the program, as a summary has it: for JSON of either kind.
 */
#ifndef SPIPE_SUMMARY_COST_H
#define SPIPE_SUMMARY_COST_H

#include "viewer-stub/host/json.h"
#include "viewer-stub/host/summary.h"

/* Writes the member "cost". */
void spipe_summary_write_cost(const struct spipe_summary *summary, struct spipe_json *json);

#endif
