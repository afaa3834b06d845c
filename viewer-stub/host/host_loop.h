/* SPDX-License-Identifier: MIT */
/*
 * Waits for many handles at once; a file for each system (host_loop_linux.c).
 *
 * Belongs to one thread, but spipe_host_loop_wake(), which any thread and any signal handler may call.
 */
#ifndef SPIPE_HOST_HOST_LOOP_H
#define SPIPE_HOST_HOST_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_host_loop {
    int descriptor; /* readable when something is ready */
    int wake;
};

#define SPIPE_HOST_LOOP_READABLE 1u
#define SPIPE_HOST_LOOP_WRITABLE 2u

/* Something that can become ready. `watch` of the loop's calls points here and comes back from waiting. */
struct spipe_host_watch {
    int64_t handle;
    uint32_t events; /* what is waited for at present; kept by the loop */
    bool is_added;
    void *owner;
};

struct spipe_host_ready {
    struct spipe_host_watch *watch;
    uint32_t events; /* an end or an error is reported as what was waited for */
};

int spipe_host_loop_init(struct spipe_host_loop *loop);
void spipe_host_loop_done(struct spipe_host_loop *loop);

/* Waits for `events` on the watch's handle from now on; 0: for nothing, and nothing is reported. */
int spipe_host_loop_set(struct spipe_host_loop *loop, struct spipe_host_watch *watch, uint32_t events);

/* Waits at most `timeout_ms` (UINT32_MAX: for ever) and fills in what is ready, at most `max`. A wake-up ends the
 * waiting and is used up. */
int spipe_host_loop_wait(struct spipe_host_loop *loop, uint32_t timeout_ms, struct spipe_host_ready *ready, size_t max,
                         size_t *ret_count);
void spipe_host_loop_wake(const struct spipe_host_loop *loop);

#endif
