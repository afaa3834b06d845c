/* SPDX-License-Identifier: MIT */
/*
 * Memory straight from the system, for the agent's tables: whole pages, zeroed, unknown to the target's allocator.
 *
 * Pages that are never touched cost nothing but address space. Any thread; not in a handler.
 */
#ifndef SPIPE_AGENT_PAGES_H
#define SPIPE_AGENT_PAGES_H

#include <stddef.h>

/* Returns at least `size` bytes of zeros, aligned to a page, or NULL. Free them with spipe_pages_free() and the same
 * size. */
void *spipe_pages_new(size_t size);

/* The same, but a forked child has a copy of it, or shares it with this process; others do not reach it in a child. */
void *spipe_pages_new_kept(size_t size);
void *spipe_pages_new_shared(size_t size);

/* Gives the pages back. NULL is allowed. */
void spipe_pages_free(void *pages, size_t size);

#endif
