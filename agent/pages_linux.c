/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include "protocol/system_linux.h"

#include <sys/mman.h>

void *spipe_pages_new(size_t size)
{
    long address = spipe_system(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address < 0)
        return NULL;
    /* A forked child neither needs our memory nor should pay for copying its page tables. */
    (void)spipe_system(SYS_madvise, address, size, MADV_DONTFORK);
    /* A core dump is as large as without us. */
    (void)spipe_system(SYS_madvise, address, size, MADV_DONTDUMP);
    return (void *)address;
}

void spipe_pages_free(void *pages, size_t size)
{
    if (pages != NULL)
        (void)spipe_system(SYS_munmap, pages, size);
}
