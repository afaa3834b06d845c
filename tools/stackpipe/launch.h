/* SPDX-License-Identifier: MIT */
/*
 * Starts the program and looks after it: its signals, and its end.
 *
 * The program gets exactly what this process was given: signal mask and dispositions, limits, umask, working folder,
 * descriptors. So the mask that is changed here is put back in between fork and exec, and no disposition is changed
 * before the fork. From then on signals arrive through one descriptor, and nothing of ours runs in a signal handler.
 *
 * The terminal sends its signals to the program as well as to us: those end nothing here. Signals that a process sent
 * to us alone are passed on.
 */
#ifndef SPIPE_TOOL_LAUNCH_H
#define SPIPE_TOOL_LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct spipe_launch {
    pid_t pid;     /* 0: not started */
    int signal_fd; /* readable when spipe_launch_handle() has something to do */
    bool is_over;
    int wait_status;   /* when it is over */
    int start_errno;   /* why it could not be started */
    bool asked_to_end; /* somebody has sent SIGTERM to this process */
    sigset_t mask_before;
    struct sigaction child_before;
};

/* Holds back the signals that would end this process, so that whatever is made from now on is also removed. */
int spipe_launch_prepare(struct spipe_launch *launch);

/* Starts the file at `path`. A file without a known format is given to /bin/sh, as shells do. SPIPE_E_NOT_FOUND,
 * SPIPE_E_PERMISSION or SPIPE_E_SYSTEM, with `start_errno`: it did not start. */
int spipe_launch_start(struct spipe_launch *launch, const char *path, char *const *argv, char *const *environment);

/* Takes what has arrived at `signal_fd`: passes signals on, and notices the program's end. */
void spipe_launch_handle(struct spipe_launch *launch);

/* The program's status as shells show it: its own, or 128 and the signal's number. */
int spipe_launch_exit_code(const struct spipe_launch *launch);

void spipe_launch_done(struct spipe_launch *launch);

#endif
