/* SPDX-License-Identifier: MIT */
/*
 * Whether a program that is about to be executed can carry the agent. System calls only, and nothing is written but what
 * is passed in: a vforked child may ask too.
 */
#ifndef SPIPE_AGENT_PROGRAM_H
#define SPIPE_AGENT_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

struct spipe_program {
    const char *obstacle;   /* why it will not be profiled, in words; NULL: nothing is in the way. A static string */
    bool takes_preload;     /* LD_PRELOAD does no harm: its children may be profiled, or it itself */
};

/* Looks at a file, and where it is a script, at what will interpret it. A file that cannot be read is taken for one
 * without obstacles. */
struct spipe_program spipe_program_look(const char *path);
struct spipe_program spipe_program_look_at(int descriptor);

/* The path that execvp() finds for `file` by the PATH of `environment`, in `memory` unless it is `file` itself; NULL when
 * there is none, or it is too long. */
const char *spipe_program_find(const char *file, char *const *environment, char *memory, size_t size);

/* True when this process may execute the file. */
bool spipe_program_is_executable(const char *path);

#endif
