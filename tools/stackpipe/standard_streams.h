/* SPDX-License-Identifier: MIT */
/*
 * The descriptors 0, 1 and 2, which a careless parent may have left closed.
 */
#ifndef SPIPE_TOOL_STANDARD_STREAMS_H
#define SPIPE_TOOL_STANDARD_STREAMS_H

/* Opens the null device in place of each one that is closed, close-on-exec: a file of ours can then never take its
 * number and get what is meant for a person, and a program that we start finds it closed as it was. Returns 0 or
 * SPIPE_E_SYSTEM. */
int spipe_standard_streams_fill(void);

#endif
