/* SPDX-License-Identifier: MIT */
/*
 * The paths of images, one behind the other in memory of a fixed size. Single paths are not given back: when the pool is
 * nearly full, its owner moves those that it still needs to a new one. Pump only.
 */
#ifndef SPIPE_AGENT_PATH_POOL_H
#define SPIPE_AGENT_PATH_POOL_H

#include <stdbool.h>

/* Takes the memory. False when there is none. */
bool spipe_path_pool_init(void);

/* Keeps a copy. "" when the pool is full. */
const char *spipe_path_pool_keep(const char *path);

/* True when it is time to move. */
bool spipe_path_pool_is_low(void);

/* What is kept from here on is in a new pool; the old one is there until the end of the move. False, and no move, when
 * there is no memory. */
bool spipe_path_pool_begin_move(void);
void spipe_path_pool_end_move(void);

/* A forked child has nothing of it. */
void spipe_path_pool_fork(void);

#endif
