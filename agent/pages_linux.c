/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include "protocol/system_linux.h"

#include <sys/mman.h>

static void *map(size_t size, int flags)
{
    long address = spipe_system(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    return address < 0 ? NULL : (void *)address;
}

void *spipe_pages_new(size_t size)
{
    void *pages = map(size, MAP_PRIVATE | MAP_NORESERVE);
    /* A forked child neither needs our memory nor should pay for copying its page tables. */
    if (pages != NULL)
        (void)spipe_system(SYS_madvise, pages, size, MADV_DONTFORK);
    /* A core dump is as large as without us. */
    if (pages != NULL)
        (void)spipe_system(SYS_madvise, pages, size, MADV_DONTDUMP);
    return pages;
}

void *spipe_pages_new_kept(size_t size)
{
    return map(size, MAP_PRIVATE);
}

void *spipe_pages_new_shared(size_t size)
{
    return map(size, MAP_SHARED);
}

void spipe_pages_free(void *pages, size_t size)
{
    if (pages != NULL)
        (void)spipe_system(SYS_munmap, pages, size);
}
