/* SPDX-License-Identifier: MIT */
/*
 * The user whom the process acts for. Agent threads are unknown to libc, so its setuid() and the like do not reach
 * them; they follow by themselves.
 */
#ifndef SPIPE_AGENT_USER_H
#define SPIPE_AGENT_USER_H

#include <stdint.h>

/* Of the calling thread. */
uint32_t spipe_user_effective_id(void);

/* Takes over the user and group ids of the process's main thread, when they differ. Agent threads. */
void spipe_user_follow(void);

#endif
