/* SPDX-License-Identifier: MIT */
/* Sampling that is paused and resumed again and again, and when each change held. */
#ifndef SPIPE_BENCH_TOGGLE_H
#define SPIPE_BENCH_TOGGLE_H

#include "viewer-stub/host/stackpipe-host.h"

#include <stdio.h>

#define TOGGLES_MAX 65536u

struct toggle {
    uint64_t period_ns; /* 0: sampling is left alone */
    uint64_t next_ns;   /* when the next command is due; 0: not yet known; UINT64_MAX: when the last one has been answered */
    struct spipe_connection *connection;
    uint64_t origin_ns;
    bool is_paused;     /* by the last command */
    size_t count;
    struct {
        uint64_t ns; /* CLOCK_MONOTONIC */
        bool is_on;
    } change[TOGGLES_MAX];
};

/* Notes what the agent says: its origin of times, and from when on a command held. */
void toggle_add(struct toggle *toggle, struct spipe_connection *connection, const struct spipe_record *record);

/* The connection has ended. */
void toggle_end(struct toggle *toggle);

/* Sends the next command when it is due. Returns in how many ms it has to be called again. */
int toggle_continue(struct toggle *toggle);

/* Writes the changes as an array of [ns, 1 or 0]. */
void toggle_print(const struct toggle *toggle, FILE *out);

#endif
