/* SPDX-License-Identifier: MIT */
/* A signal that a thread sends to itself, with what a timer's would carry. */
#ifndef SPIPE_BENCH_SELF_SIGNAL_H
#define SPIPE_BENCH_SELF_SIGNAL_H

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct self_signal {
    pid_t pid, tid;
    int number;
    siginfo_t info;
};

static inline struct self_signal self_signal_make(int number, union sigval value)
{
    struct self_signal made;
    memset(&made, 0, sizeof made);
    made.pid = getpid();
    made.tid = (pid_t)syscall(SYS_gettid);
    made.number = number;
    made.info.si_code = SI_TIMER;
    made.info.si_value = value;
    return made;
}

static inline void self_signal_send(struct self_signal *made)
{
    syscall(SYS_rt_tgsigqueueinfo, made->pid, made->tid, made->number, &made->info);
}

#endif
