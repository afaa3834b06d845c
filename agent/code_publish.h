/* SPDX-License-Identifier: MIT */
/*
 * Shows handlers a new code map, and frees old maps and tables when no handler can hold them.
 *
 * A handler holds a map only while its slot's epoch is odd. What is retired waits until each slot that was inside a
 * handler at that time has left it. Pump only.
 */
#ifndef SPIPE_AGENT_CODE_PUBLISH_H
#define SPIPE_AGENT_CODE_PUBLISH_H

#include "code_map.h"

#include <stddef.h>

/* Publishes `map`, which lies at the start of `size` bytes of pages, and retires the one before it. */
void spipe_code_publish(struct spipe_code_map *map, size_t size);

/* Frees `table` when no handler can hold it any more; the published map must not name it. */
void spipe_code_retire_table(struct spipe_unwind_table *table);

/* Frees what can be freed by now. Never waits. */
void spipe_code_collect(void);

/* In a forked child, before handlers run: the map that was published and all that waited to be freed is gone. */
void spipe_code_fork(void);

#endif
