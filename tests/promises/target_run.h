/* SPDX-License-Identifier: MIT */
/*
 * Runs a target program, with the agent or without, and keeps all that it shows to the world.
 */
#ifndef SPIPE_TESTS_TARGET_RUN_H
#define SPIPE_TESTS_TARGET_RUN_H

#include "capture_host.h"

#include <sys/resource.h>

#define TARGET_OUTPUT_MAX (256u * 1024u)
#define TARGET_LIMITS_MAX 2u

struct target_limit {
    int resource;
    rlim_t value;
};

enum target_loading {
    TARGET_PRELOADED = 0,
    TARGET_STARTS_AGENT, /* the program brings the agent along and starts it, with the endpoint in PROMISE_ENDPOINT */
    TARGET_LINKED,       /* the program brings the agent along, which starts by itself */
    TARGET_ENCLOSED      /* preloaded to the program that survival/enclose.c executes, not to that one */
};

struct target {
    const char *const *argument; /* the first one: the program's path, or a name below the build's promises folder */
    const char *endpoint;        /* NULL: without the agent */
    bool starts_now;             /* STACKPIPE_START=now instead of wait */
    enum target_loading loading;
    const char *mechanism;       /* the agent's, whatever it would choose itself; NULL leaves it the choice */
    const char *const *variable; /* further entries for the environment, or NULL */
    const char *other_preload;   /* for LD_PRELOAD, with the agent and without it; NULL: none */
    bool is_agent_first;         /* before the other one there, instead of behind it */
    struct target_limit limit[TARGET_LIMITS_MAX];
    size_t limit_count;
};

struct target_outcome {
    int status; /* as of waitpid(); -1: it did not end and was killed */
    uint64_t elapsed_us;
    pid_t pid;
    char *output; /* what came on stdout, ended by NUL */
    size_t output_len;
    char *complaints; /* and on stderr */
    char log[8192];   /* STACKPIPE_LOG */
};

/* Where sockets, logs and other files of this test program are; any user may write there. */
const char *target_folder(void);

/* Removes it, with what is in it. */
void target_remove_folder(void);

/* The path of the agent under test. */
const char *target_agent(void);

/* Puts the path of a program or library of ours into `path`. */
void target_path(const char *name, char *path, size_t size);

struct target_outcome target_run(const struct target *target);

/* True when status and output are equal, and what came on stderr. Says on stderr what is not. */
bool target_behaves_alike(const struct target_outcome *one, const struct target_outcome *other);

void target_outcome_done(struct target_outcome *outcome);

/* A number behind `key` and a blank at the start of a line of the output; -1 when there is none. */
long long target_number(const struct target_outcome *outcome, const char *key);

#endif
