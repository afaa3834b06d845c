/* SPDX-License-Identifier: MIT */
/*
 * The libc functions that the agent stands in front of when it is preloaded: each does what it always did, and tells
 * the agent what it needs to know. In a forked or vforked child they do nothing else.
 */
#ifndef SPIPE_AGENT_WRAPPERS_H
#define SPIPE_AGENT_WRAPPERS_H

/* Finds the functions behind the wrappers. On a program's thread, as early as can be; again is harmless. */
void spipe_wrappers_init(void);

/* The part of it that is about signals; called by spipe_wrappers_init(). */
void spipe_signal_wrappers_init(void);

#endif
