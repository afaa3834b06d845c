/* SPDX-License-Identifier: MIT */
/*
 * The processes that a capture's sessions are of, and what is said of those that could not be profiled.
 */
#ifndef SPIPE_HOST_PROCESSES_H
#define SPIPE_HOST_PROCESSES_H

#include "host_api.h"
#include "store.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spipe_process {
    struct spipe_bytes process_id; /* empty when the agent names none: then each session is a process of its own */
    struct spipe_bytes parent_process_id;
    uint32_t parent; /* its index, when it is recorded too; SPIPE_STORE_NONE */
    uint32_t pid;
    uint32_t parent_pid;
    const char *executable; /* the last program that it was */
    uint32_t sessions;
    uint32_t last_session; /* its index in the store */
    uint64_t samples;      /* CPU samples and the sum of their weights */
    uint64_t weight_ns;
    uint64_t cpu_ns; /* by the kernel's account, as far as its sessions know */
};

/* A program that was started and could not be profiled. */
struct spipe_unprofiled {
    const char *text; /* why, and its path */
    uint32_t count;   /* how often it was started */
};

struct spipe_processes {
    struct spipe_process *process; /* in the order of their first sessions: the program itself comes first */
    size_t count;
    struct spipe_unprofiled *unprofiled;
    size_t unprofiled_count;
};

/* Reads them out of a store; texts stay the store's. SPIPE_E_NO_MEMORY. */
SPIPE_HOST_API int spipe_processes_init(const struct spipe_store *store, struct spipe_processes *ret_processes);
SPIPE_HOST_API void spipe_processes_done(struct spipe_processes *processes);

#ifdef __cplusplus
}
#endif

#endif
