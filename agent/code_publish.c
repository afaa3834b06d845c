/* SPDX-License-Identifier: MIT */
#include "code_publish.h"

#include "handler.h"
#include "pages.h"
#include "unwind_table.h"

#define RETIRED_MAX 4096u

struct retired {
    void *pages;        /* a map, or NULL */
    size_t size;
    struct spipe_unwind_table *table;
};

static struct retired list[RETIRED_MAX];
static uint32_t list_count;         /* all */
static uint32_t waiting_count;      /* the first of them, which the epochs were noted for */
static uint32_t epochs[SPIPE_SLOT_COUNT];
static size_t published_size;

static void retire(struct retired entry)
{
    /* A full list cannot come from a sane program; memory is then lost rather than a handler hurt. */
    if (list_count < RETIRED_MAX)
        list[list_count++] = entry;
}

void spipe_code_publish(struct spipe_code_map *map, size_t size)
{
    const struct spipe_code_map *old = atomic_exchange(&spipe_handler_shared.map, map);
    if (old != NULL)
        retire((struct retired){(void *)(uintptr_t)old, published_size, NULL});
    published_size = size;
}

void spipe_code_retire_table(struct spipe_unwind_table *table)
{
    retire((struct retired){NULL, 0, table});
}

static void note_epochs(void)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++)
        epochs[i] = atomic_load(&spipe_slot_get(i)->epoch);
    for (uint32_t i = spipe_slot_used(); i < SPIPE_SLOT_COUNT; i++)
        epochs[i] = 0;
    waiting_count = list_count;
}

static bool has_left(uint32_t index)
{
    return epochs[index] % 2 == 0 || atomic_load(&spipe_slot_get(index)->epoch) != epochs[index];
}

static void free_waiting(void)
{
    for (uint32_t i = 0; i < waiting_count; i++) {
        spipe_pages_free(list[i].pages, list[i].size);
        if (list[i].table != NULL)
            spipe_unwind_table_free(list[i].table);
    }
    for (uint32_t i = waiting_count; i < list_count; i++)
        list[i - waiting_count] = list[i];
    list_count -= waiting_count;
    waiting_count = 0;
}

void spipe_code_collect(void)
{
    if (list_count == 0)
        return;
    if (waiting_count == 0) {
        note_epochs();
        return;
    }
    for (uint32_t i = 0; i < SPIPE_SLOT_COUNT; i++) {
        if (!has_left(i))
            return;
    }
    free_waiting();
}

void spipe_code_fork(void)
{
    atomic_store(&spipe_handler_shared.map, NULL);
    atomic_store(&spipe_handler_shared.map_is_stale, 0);
    list_count = 0;
    waiting_count = 0;
    published_size = 0;
}
