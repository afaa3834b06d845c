/* SPDX-License-Identifier: MIT */
#include "path_pool.h"

#include "pages.h"

#include <string.h>

#define POOL_SIZE (4u * 1024u * 1024u)
/* So much at least is used between two moves, however much is still needed. */
#define MOVE_STEP (POOL_SIZE / 4u)

static struct {
    char *memory;
    char *old;
    size_t used;
    size_t low_at;
} pool;

static void begin(char *memory)
{
    pool.memory = memory;
    pool.used = 0;
    pool.low_at = POOL_SIZE - MOVE_STEP;
}

bool spipe_path_pool_init(void)
{
    if (pool.memory == NULL)
        begin(spipe_pages_new(POOL_SIZE));
    return pool.memory != NULL;
}

const char *spipe_path_pool_keep(const char *path)
{
    size_t len = strlen(path) + 1;
    if (len > POOL_SIZE - pool.used)
        return "";
    char *kept = pool.memory + pool.used;
    memcpy(kept, path, len);
    pool.used += len;
    return kept;
}

bool spipe_path_pool_is_low(void)
{
    return pool.used >= pool.low_at;
}

bool spipe_path_pool_begin_move(void)
{
    char *memory = spipe_pages_new(POOL_SIZE);
    if (memory == NULL)
        return false;
    pool.old = pool.memory;
    begin(memory);
    return true;
}

void spipe_path_pool_end_move(void)
{
    spipe_pages_free(pool.old, POOL_SIZE);
    pool.old = NULL;
    if (pool.used + MOVE_STEP > pool.low_at)
        pool.low_at = pool.used + MOVE_STEP;
}

void spipe_path_pool_fork(void)
{
    begin(NULL);
}
