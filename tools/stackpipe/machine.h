/* SPDX-License-Identifier: MIT */
/*
 * What profiling depends on, as it is on this machine and for this user. Facts only; doctor.h judges them.
 */
#ifndef SPIPE_TOOL_MACHINE_H
#define SPIPE_TOOL_MACHINE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define SPIPE_MACHINE_TEXT_MAX 256
#define SPIPE_MACHINE_UNKNOWN  (-100)

struct spipe_machine {
    /* The agent. */
    bool agent_found;
    char agent_path[PATH_MAX];
    bool agent_loads;
    char agent_text[SPIPE_MACHINE_TEXT_MAX]; /* what the loader says when it does not */

    /* The kernel. */
    char kernel_release[SPIPE_MACHINE_TEXT_MAX];
    unsigned tick_hz;     /* 0: not known */
    char clocksource[64]; /* "": not known */
    int perf_paranoid;    /* SPIPE_MACHINE_UNKNOWN: the kernel has no perf events */
    bool perf_works;      /* CPU clock events of our own threads, without the kernel's part */
    bool timers_work;     /* CPU timers of threads, with a signal for the thread */
    bool has_close_range;
    bool can_read_itself; /* process_vm_readv on itself */
    bool has_maps;        /* /proc/self/maps */

    /* Limits of the user and of the surroundings. */
    uint64_t signals_max; /* RLIMIT_SIGPENDING; UINT64_MAX: none */
    uint64_t signals_used;
    int seccomp_mode; /* 0: none */
    bool socket_works;
    char socket_text[SPIPE_MACHINE_TEXT_MAX]; /* where it was tried, or why it does not work */
    uint64_t disk_free;                       /* bytes in the current folder; UINT64_MAX: not known */

    /* The processors. */
    unsigned cpu_count;   /* that this process may use */
    double steal_percent; /* of the time since the start, taken by the hypervisor */

    /* Names. */
    bool libc_known;
    bool libc_has_debug_file;
    char libc_path[PATH_MAX];
    char debuginfod_urls[SPIPE_MACHINE_TEXT_MAX];
    char preload[SPIPE_MACHINE_TEXT_MAX]; /* LD_PRELOAD as it is now */
};

/* Looks. Takes some milliseconds, and starts a program (true) with the agent in it to see whether that works. */
void spipe_machine_read(struct spipe_machine *ret_machine);

/* How many filters of system calls this process is under; where the system does not tell, 1 for some. */
unsigned spipe_machine_filter_count(void);

#endif
