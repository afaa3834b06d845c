/* SPDX-License-Identifier: MIT */
/*
 * What a capture comes to, in numbers: the content of `report`, and of its --json.
 *
 * CPU samples, and apart from them the wall clock's, where the capture has any. Sums go over all sessions. Lists are sorted: functions and threads by weight, the largest first.
 */
#ifndef SPIPE_HOST_SUMMARY_H
#define SPIPE_HOST_SUMMARY_H

#include "calltree.h"
#include "capture.h"
#include "host_api.h"
#include "processes.h"
#include "store.h"
#include "wall_summary.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPIPE_SUMMARY_DROP_CAUSES 9
/* Stand-ins of this version by number, the last place for numbers that are not known. */
#define SPIPE_SUMMARY_STAND_INS (SPIPE_STAND_IN_NOT_SEEN + 2)

struct spipe_summary_drop {
    const char *name; /* "ring_full", "pipe_full", "paused", "no_slot", "in_agent", "blocked", "other", "connection",
                         "no_host" */
    uint64_t count;
};

struct spipe_summary_thread {
    uint32_t thread; /* its index in the store */
    uint32_t tid;
    const char *name;
    uint64_t samples;
    uint64_t weight_ns;
    uint64_t cpu_ns; /* by the system's own count */
};

struct spipe_summary_function {
    uint32_t function;
    const char *name;
    const char *image;
    uint64_t self_ns;
    uint64_t total_ns;
    uint64_t self_samples;
    uint64_t total_samples;
};

/* CPU time that the mechanism cannot see. */
struct spipe_summary_gap {
    const char *name; /* "kernel", "threads without a slot" */
    uint64_t cpu_ns;
};

struct spipe_audit_result;

struct spipe_summary {
    uint64_t samples;
    uint64_t weight_ns;
    uint64_t duration_ns;    /* from the first session's origin to the last time named */
    uint64_t process_cpu_ns; /* the kernel's account of the whole process, user and system */
    uint64_t covered_cpu_ns; /* the part of it that the mechanism can see */
    double rate_hz;          /* of the last settings; 0 when they are not known */
    const char *mechanism;   /* "" when it is not known */
    bool tick_aligned;
    uint32_t sessions;

    uint64_t attempted;
    uint64_t sent;
    uint64_t pending;
    struct spipe_summary_drop dropped[SPIPE_SUMMARY_DROP_CAUSES];
    uint64_t dropped_total;
    uint64_t agent_cpu_ns;
    uint64_t sampling_cpu_ns; /* the part of it that grows with the samples */
    uint64_t handler_cpu_ns; /* how long samples held the program's threads in all */
    uint32_t budget_ppm;     /* of the last settings; 0 when it is not known */
    uint32_t stretch_percent;         /* the interval between samples at the end, in percent of the asked one; 0: not known */
    uint32_t longest_stretch_percent; /* at its longest */
    uint32_t handler_p50_ns;
    uint32_t handler_p99_ns;
    uint32_t handler_max_ns;
    uint64_t bytes; /* that the agents say they sent */
    uint64_t sleeps_cut_short;
    uint64_t unwind_faults;

    uint64_t reached_root;                      /* samples whose stack reaches its thread's root */
    uint64_t no_stack;                          /* samples without a stack */
    uint64_t stand_in[SPIPE_SUMMARY_STAND_INS]; /* samples by the stand-in at the stack's outer end */

    struct spipe_summary_thread *thread;
    size_t thread_count;
    struct spipe_summary_function *function; /* the largest `top` ones */
    size_t function_count;
    size_t function_total; /* how many functions there are in all */
    struct spipe_summary_gap gap[4];
    size_t gap_count;

    struct spipe_processes processes; /* the program and its followed children */

    struct spipe_wall_summary wall;

    uint64_t samples_all;   /* of all sources */
    uint64_t bytes_samples; /* of the capture, by what they are for */
    uint64_t bytes_definitions;
    uint64_t bytes_other;

    const char *end_reason;   /* why the program's last session ended, such as "target exits"; "cut", "damaged" */
    bool cut;                 /* no Goodbye at its end */
    uint64_t records_refused; /* by the store */
    char *names;              /* the texts that the summary owns */
    /* NULL, or what the owner of the summary has put here to be written with it: see audit.h. Borrowed. */
    const struct spipe_audit_result *audit;
};

/* Fills the summary. `naming` may be NULL: functions are then places, named image+0xoffset. `end` may be NULL for a
 * store that was not read from a capture. At most `top` functions are listed, all with 0. Texts belong to the store, to
 * `naming` or to the summary; free it with spipe_summary_done(). SPIPE_E_NO_MEMORY. */
SPIPE_HOST_API int spipe_summary_init(const struct spipe_store *store, const struct spipe_naming *naming,
                                      const struct spipe_capture_end *end, size_t top,
                                      struct spipe_summary *ret_summary);
/* What the samples took, of the program's threads and of the agent's: what the budget limits. */
SPIPE_HOST_API uint64_t spipe_summary_sampling_ns(const struct spipe_summary *summary);

SPIPE_HOST_API void spipe_summary_done(struct spipe_summary *summary);

/* The name of the stand-in counted at `index` of `stand_in`, such as "too deep". A static string. */
SPIPE_HOST_API const char *spipe_summary_stand_in_name(size_t index);

/* Writes the summary as one JSON object, ended by a newline: a stable format for programs. `end` may be NULL. */
SPIPE_HOST_API void spipe_summary_write_json(const struct spipe_summary *summary, const struct spipe_store *store,
                                             const struct spipe_capture_end *end, FILE *stream);

#ifdef __cplusplus
}
#endif

#endif
