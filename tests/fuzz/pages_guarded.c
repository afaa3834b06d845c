/* SPDX-License-Identifier: MIT */
/*
 * agent/pages.h for fuzzers: zeros straight from the system, which cost nothing until they are touched, and behind each
 * block a page that cannot be, so that a step beyond its end is seen.
 */
#include "agent/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE 4096u
/* Blocks end at the guard but for this, which is the strictest alignment that is relied on. */
#define ALIGNMENT 64u

static size_t round_up(size_t size, size_t unit)
{
    return (size + unit - 1) / unit * unit;
}

void *spipe_pages_new(size_t size)
{
    size_t len = round_up(size, PAGE);
    unsigned char *pages = mmap(NULL, len + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    (void)mprotect(pages + len, PAGE, PROT_NONE);
    return pages + len - round_up(size, ALIGNMENT);
}

void spipe_pages_free(void *pages, size_t size)
{
    if (pages != NULL)
        (void)munmap((void *)((uintptr_t)pages & ~(uintptr_t)(PAGE - 1)), round_up(size, PAGE) + PAGE);
}
