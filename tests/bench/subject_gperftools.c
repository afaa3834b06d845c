/* SPDX-License-Identifier: MIT */
/* gperftools' CPU profiler, loaded when it is installed. Its own timer fires once a second (CPUPROFILE_FREQUENCY); all
 * other samples are those that this program sends itself. */
#include "subject.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *subject_name(void)
{
    return "gperftools";
}

bool subject_start(void)
{
    int (*start)(const char *);
    setenv("CPUPROFILE_FREQUENCY", "1", 1);
    void *library = dlopen("libprofiler.so.0", RTLD_NOW);
    void *address = library != NULL ? dlsym(library, "ProfilerStart") : NULL;
    if (address == NULL) {
        fprintf(stderr, "sample_cost: %s\n", dlerror());
        return false;
    }
    memcpy(&start, &address, sizeof start);
    return start("/dev/null") != 0;
}

int subject_signal(union sigval *ret_value)
{
    ret_value->sival_ptr = NULL;
    return SIGPROF;
}

void subject_settle(void)
{
}

unsigned long subject_lost(void)
{
    return 0;
}
