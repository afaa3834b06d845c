/* SPDX-License-Identifier: MIT */
/* What the agent's memory in another process comes to. */
#ifndef SPIPE_BENCH_AGENT_MEMORY_H
#define SPIPE_BENCH_AGENT_MEMORY_H

#include <sys/types.h>

struct agent_memory {
    unsigned long mapped_kib, resident_kib; /* anonymous mappings that a forked child does not get: the agent's */
    unsigned long library_kib;              /* resident, of the agent's file */
};

/* Reads it from /proc/PID/smaps. All 0 when that cannot be read. */
struct agent_memory agent_memory_read(pid_t pid);

#endif
