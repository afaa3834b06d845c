/* SPDX-License-Identifier: MIT */
/* STACKPIPE_LOG: why nothing is profiled, a line at a time. Nothing is ever written elsewhere. Any thread. */
#ifndef SPIPE_AGENT_LOG_H
#define SPIPE_AGENT_LOG_H

/* Appends one line, "stackpipe[PID]: WHAT" and ": DETAIL" unless that is NULL. Opens and closes the file each time,
 * so that no descriptor stays. */
void spipe_log(const char *what, const char *detail);

#endif
