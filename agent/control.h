/* SPDX-License-Identifier: MIT */
/*
 * Between the program's threads and the pump: who asks for what, and how the asker waits. All of it lies in ordinary
 * memory, which a forked child has a copy of; whoever acts on it first makes sure of being in the process that started.
 */
#ifndef SPIPE_AGENT_CONTROL_H
#define SPIPE_AGENT_CONTROL_H

#include "protocol/endpoint.h"
#include "protocol/record.h"
#include "thread.h"

#include <stdbool.h>

/* How often the pump looks for requests that nobody may wake it for. */
#define SPIPE_FILTERED_WAIT_MS 10u

enum spipe_request {
    SPIPE_REQUEST_LEAVE = 1,            /* say Goodbye, for control.leave_reason; the pump's thread ends */
    SPIPE_REQUEST_NEW_THREAD = 2,       /* a thread waits for the pump to give it an event */
    SPIPE_REQUEST_MOVE_SIGNAL = 4,      /* the program wants our signal for itself */
    SPIPE_REQUEST_LOOK = 8              /* a library is being unloaded: look at the mappings soon */
};

/* What the environment said, copied before it was cleaned. */
struct spipe_environment {
    char endpoint[SPIPE_ENDPOINT_TEXT_MAX];
    char token[256];
    char log_path[1024];
    char config[512];
    char mechanism[32];
    char filters[16];                   /* how many filters of system calls the launcher is under itself */
    char temporary_folder[512];
    char preload[1024];                 /* our own entry of LD_PRELOAD; "" when we came otherwise */
    bool wait;                          /* STACKPIPE_START=wait */
};

struct spipe_control {
    struct spipe_environment environment;
    int process_id;                     /* of the process that started; 0: never started */
    struct spipe_agent_thread pump;
    _Atomic uint32_t requests;          /* enum spipe_request; the pump waits on it, and those who wait for their bit to clear */
    _Atomic uint32_t has_settled;       /* the program may go on: sampling has begun, or there will be none for now */
    _Atomic uint32_t has_hidden;        /* the pump has a descriptor table of its own */
    _Atomic uint32_t is_active;         /* a session is running: new threads get slots */
    _Atomic uint32_t follows_children;  /* they are to carry the agent on */
    bool is_forked;                     /* this process came by fork() from one that had the agent */
    _Atomic uint32_t is_filtered;       /* the program filters its system calls: on its threads we make none any more */
    _Atomic uint32_t leave_reason;      /* enum spipe_goodbye_reason */
    const char *leave_text;
    _Atomic uint32_t dlopen_count;      /* calls of dlopen(), counted before they begin */
};

extern struct spipe_control spipe_control;

/* True in the process that started the agent; false in a forked or vforked child, and where a filter of the program's
 * may forbid to ask. */
bool spipe_control_is_own_process(void);

/* Asks the pump for something, and wakes it. */
void spipe_control_request(uint32_t request);

/* Waits until the pump has done it, at most `timeout_ms`. False when it has not. */
bool spipe_control_wait(uint32_t request, uint32_t timeout_ms);

/* The pump has done these. */
void spipe_control_done(uint32_t requests);

/* Ends the session with a Goodbye and the pump's thread with it, waiting at most a little over 200 ms for the host,
 * and a second where the pump does not get to run. Any thread of the process that started; harmless when there is no
 * session. */
void spipe_control_leave(enum spipe_goodbye_reason reason, const char *text);

/* The same behind a filter of system calls of the program's, on a thread that must not make any: the pump finds out by
 * itself, and this thread spins until it has. Nothing when there is no filter. For the end of a process, which a vforked
 * child does not reach; in a forked one there is no pump. */
void spipe_control_leave_without_calls(void);

/* Starts the pump's thread (again). False when the system refuses. */
bool spipe_control_start_pump(void);

#endif
