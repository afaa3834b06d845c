/* SPDX-License-Identifier: MIT */
/*
 * What `record` says in the end: what it has, or why it has nothing.
 */
#ifndef SPIPE_TOOL_RECORD_SUMMARY_H
#define SPIPE_TOOL_RECORD_SUMMARY_H

#include "recording.h"

/* Two or three lines about the capture, on standard error. */
void spipe_record_summary_write(const struct spipe_recording *recording, const struct spipe_recorder *recorder);

/* Why no session has begun. `log_path` is where the agent was told to say what goes wrong; NULL when the user has
 * chosen another place. */
void spipe_record_summary_explain(const struct spipe_recording *recording, const char *log_path);

/* The last line of a text file that is not empty, without its newline; false when there is none. */
bool spipe_record_summary_last_line(const char *path, char *ret_line, size_t size);

#endif
