/* SPDX-License-Identifier: MIT */
/*
 * Loads the agent as a plugin would be loaded, starts it, unloads it, works on, and ends by SIGPROF: `unloader AGENT`.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

static volatile uint32_t sink;

int main(int argc, char **argv)
{
    int (*start)(const char *);
    void *agent = argc < 2 ? NULL : dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (agent == NULL)
        return 78;
    *(void **)&start = dlsym(agent, "spipe_agent_start");
    printf("start %d\n", start == NULL ? -99 : start(getenv("PROMISE_ENDPOINT")));
    sink = burn_for(200 * MS);
    printf("close %d\n", dlclose(agent));
    sink = burn_for(200 * MS);
    fflush(stdout);
    kill(getpid(), SIGPROF);
    return 25;
}
