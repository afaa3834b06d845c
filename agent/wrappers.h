/* SPDX-License-Identifier: MIT */
/*
 * The libc functions that the agent stands in front of when it is preloaded: each does what it always did, and tells
 * the agent what it needs to know. In a forked or vforked child they do nothing else.
 */
#ifndef SPIPE_AGENT_WRAPPERS_H
#define SPIPE_AGENT_WRAPPERS_H

/* Finds the functions behind the wrappers. On a program's thread, as early as can be; again is harmless. */
void spipe_wrappers_init(void);

/* The parts of it that are about signals, and about other programs; called by spipe_wrappers_init(). */
void spipe_signal_wrappers_init(void);
void spipe_exec_wrappers_init(void);

/* In a forked child, on the thread that forked: its slot is its parent's. */
void spipe_wrappers_fork(void);

#endif
