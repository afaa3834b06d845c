/* SPDX-License-Identifier: MIT */
/* agent/pages.h on the heap, so that sanitizers see what is not freed and what is read beyond the end. */
#include "agent/pages.h"

#include <stdlib.h>

void *spipe_pages_new(size_t size)
{
    return calloc(1, size);
}

void *spipe_pages_new_kept(size_t size)
{
    return calloc(1, size);
}

void *spipe_pages_new_shared(size_t size)
{
    return calloc(1, size);
}

void spipe_pages_free(void *pages, size_t size)
{
    (void)size;
    free(pages);
}
