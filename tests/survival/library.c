/* SPDX-License-Identifier: MIT */
/*
 * A library that comes and goes, in two versions whose work is at different places. It says which threads it was loaded
 * and unloaded by.
 */
#define _GNU_SOURCE
#include "library.h"

#include "../targets/burn.h"

#include <sys/syscall.h>
#include <unistd.h>

static int *destructor_tid;
int library_constructor_tid;

/* Moves what follows it. */
#if LIBRARY_VERSION == 2
__attribute__((used)) static void fill(void)
{
    __asm__ volatile(".skip 0x6000, 0x90");
}
#endif

__attribute__((noinline)) uint32_t library_work(unsigned pieces)
{
    uint32_t result = LIBRARY_VERSION;
    for (unsigned i = 0; i < pieces; i++)
        result = burn_piece(result);
    return result;
}

void library_watch(int *tid)
{
    destructor_tid = tid;
}

__attribute__((constructor)) static void enter(void)
{
    library_constructor_tid = (int)syscall(SYS_gettid);
}

__attribute__((destructor)) static void leave(void)
{
    if (destructor_tid != 0)
        *destructor_tid = (int)syscall(SYS_gettid);
}
