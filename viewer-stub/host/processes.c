/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/processes.h"

#include "protocol/status.h"
#include "viewer-stub/host/intern.h"

#include <stdlib.h>
#include <string.h>

/* How the agent begins the name of a marker that tells of such a program. */
#define UNPROFILED_PREFIX "not profiled: "
/* More different ones than this are counted as "others". */
#define UNPROFILED_MAX 200u

/* While they are read: the processes by their ids, and which one each session is of. */
struct reading {
    struct spipe_processes *processes;
    struct spipe_index index;
    struct spipe_budget budget;
    uint32_t *process_of;
};

static bool is_same(struct spipe_bytes a, struct spipe_bytes b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

static uint32_t hash_of(struct spipe_bytes process_id)
{
    return spipe_intern_hash(process_id.data, process_id.len, 0);
}

static uint32_t find(const struct reading *reading, struct spipe_bytes process_id)
{
    if (process_id.len == 0) {
        return SPIPE_STORE_NONE;
    }
    uint32_t hash = hash_of(process_id);
    size_t position = hash;
    for (;;) {
        uint32_t index = spipe_index_next(&reading->index, hash, &position);
        if (index == SPIPE_INTERN_NONE || is_same(reading->processes->process[index].process_id, process_id)) {
            return index == SPIPE_INTERN_NONE ? SPIPE_STORE_NONE : index;
        }
    }
}

static int add_process(struct reading *reading, const struct spipe_hello *hello, uint32_t *ret_index)
{
    *ret_index = (uint32_t)reading->processes->count++;
    reading->processes->process[*ret_index] = (struct spipe_process){
        .process_id = hello->process_id,
        .parent_process_id = hello->parent_process_id,
        .parent = SPIPE_STORE_NONE,
        .pid = hello->pid,
        .parent_pid = hello->parent_pid,
    };
    return hello->process_id.len == 0
               ? SPIPE_OK
               : spipe_index_put(&reading->index, hash_of(hello->process_id), *ret_index, &reading->budget);
}

static int add_session(struct reading *reading, const struct spipe_store_session *session, uint32_t number)
{
    uint32_t index = find(reading, session->hello.process_id);
    int status = index == SPIPE_STORE_NONE ? add_process(reading, &session->hello, &index) : SPIPE_OK;
    struct spipe_process *process = &reading->processes->process[index];
    process->executable = session->hello.executable;
    process->sessions++;
    process->last_session = number;
    process->cpu_ns += (session->ledger.process_user_us + session->ledger.process_system_us) * 1000;
    reading->process_of[number] = index;
    return status;
}

static void add_threads(const struct spipe_store *store, const struct reading *reading)
{
    uint32_t count = spipe_store_thread_count(store);
    for (uint32_t i = 0; i < count; i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(store, i, &thread);
        struct spipe_process *process = &reading->processes->process[reading->process_of[thread.session]];
        process->samples += thread.samples;
        process->weight_ns += thread.weight_ns;
    }
}

static int read_sessions(const struct spipe_store *store, struct reading *reading, uint32_t sessions)
{
    int status = SPIPE_OK;
    for (uint32_t i = 0; i < sessions && status == SPIPE_OK; i++) {
        struct spipe_store_session session;
        spipe_store_get_session(store, i, &session);
        status = add_session(reading, &session, i);
    }
    if (status != SPIPE_OK) {
        return status;
    }
    add_threads(store, reading);
    for (size_t i = 0; i < reading->processes->count; i++) {
        struct spipe_process *process = &reading->processes->process[i];
        process->parent = find(reading, process->parent_process_id);
    }
    return SPIPE_OK;
}

static int read_processes(const struct spipe_store *store, struct spipe_processes *processes)
{
    uint32_t sessions = spipe_store_session_count(store);
    struct reading reading = {.processes = processes, .budget = {.max = UINT64_MAX}};
    reading.process_of = calloc((size_t)sessions + 1, sizeof *reading.process_of);
    processes->process = calloc((size_t)sessions + 1, sizeof *processes->process);
    int status = reading.process_of != NULL && processes->process != NULL ? read_sessions(store, &reading, sessions)
                                                                          : SPIPE_E_NO_MEMORY;
    spipe_index_done(&reading.index, &reading.budget);
    free(reading.process_of);
    return status;
}

/* -------------------------------------------------------------------------------------------- what was not profiled */

static int note_unprofiled(struct spipe_processes *processes, const char *text)
{
    text = processes->unprofiled_count < UNPROFILED_MAX ? text : "others";
    for (size_t i = 0; i < processes->unprofiled_count; i++) {
        if (strcmp(processes->unprofiled[i].text, text) == 0) {
            processes->unprofiled[i].count++;
            return SPIPE_OK;
        }
    }
    struct spipe_unprofiled *grown =
        realloc(processes->unprofiled, (processes->unprofiled_count + 1) * sizeof *processes->unprofiled);
    if (grown == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    processes->unprofiled = grown;
    processes->unprofiled[processes->unprofiled_count++] = (struct spipe_unprofiled){text, 1};
    return SPIPE_OK;
}

static int read_unprofiled(const struct spipe_store *store, struct spipe_processes *processes)
{
    uint64_t count = spipe_store_marker_count(store);
    int status = SPIPE_OK;
    for (uint64_t i = 0; i < count && status == SPIPE_OK; i++) {
        const struct spipe_store_marker *marker = spipe_store_get_marker(store, i);
        const char *name = spipe_store_get_string(store, marker->name_string);
        if (marker->thread == SPIPE_STORE_NONE && strncmp(name, UNPROFILED_PREFIX, strlen(UNPROFILED_PREFIX)) == 0) {
            status = note_unprofiled(processes, name + strlen(UNPROFILED_PREFIX));
        }
    }
    return status;
}

int spipe_processes_init(const struct spipe_store *store, struct spipe_processes *ret_processes)
{
    struct spipe_processes processes = {0};
    int status = read_processes(store, &processes);
    status = status != 0 ? status : read_unprofiled(store, &processes);
    if (status != SPIPE_OK) {
        spipe_processes_done(&processes);
        return status;
    }
    *ret_processes = processes;
    return SPIPE_OK;
}

void spipe_processes_done(struct spipe_processes *processes)
{
    free(processes->process);
    free(processes->unprofiled);
    *processes = (struct spipe_processes){0};
}
