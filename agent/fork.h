/* SPDX-License-Identifier: MIT */
/* What happens around a fork() of the program's, on the thread that forks. */
#ifndef SPIPE_AGENT_FORK_H
#define SPIPE_AGENT_FORK_H

/* Has libc tell us of forks from now on. Once. */
void spipe_fork_init(void);

#endif
