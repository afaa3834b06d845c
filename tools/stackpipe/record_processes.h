/* SPDX-License-Identifier: MIT */
/*
 * What `record` says of followed children in the end.
 */
#ifndef SPIPE_TOOL_RECORD_PROCESSES_H
#define SPIPE_TOOL_RECORD_PROCESSES_H

#include "viewer-stub/host/processes.h"

#include <stddef.h>

#define SPIPE_RECORD_PROCESSES_MAX 400

/* How many processes there are, and by program, the three that used most CPU time: "31 processes, 12 of them with
 * samples; most CPU time: cc1 (9) 1.62 s, as (9) 210 ms, gcc-12 (10) 97.0 ms". Returns `text`. */
char *spipe_record_processes_format(const struct spipe_processes *processes, char text[SPIPE_RECORD_PROCESSES_MAX]);

/* The same as a line on standard error when there is more than one process, and a line for each program that could not
 * be profiled, up to a few. */
void spipe_record_processes_write(const struct spipe_processes *processes);

#endif
