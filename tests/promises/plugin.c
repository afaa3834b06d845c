/* SPDX-License-Identifier: MIT */
/*
 * A library that comes and goes. It tells the program which thread runs its destructor.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int plugin_work(int number);
void plugin_watch(void (*watch)(int tid));

static void (*watcher)(int tid);

int plugin_work(int number)
{
    return number * 3 + 1;
}

void plugin_watch(void (*watch)(int tid))
{
    watcher = watch;
}

__attribute__((destructor)) static void leave(void)
{
    if (watcher != 0)
        watcher((int)syscall(SYS_gettid));
}
