/* SPDX-License-Identifier: MIT */
/*
 * Finds the program that is to be run, and says why the agent could not get into it.
 *
 * Nothing here stops the program from running: what cannot be profiled runs all the same.
 */
#ifndef SPIPE_TOOL_ELF_CHECK_H
#define SPIPE_TOOL_ELF_CHECK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define SPIPE_ELF_CHECK_TEXT_MAX 512

enum spipe_elf_verdict {
    SPIPE_ELF_FINE = 0,
    SPIPE_ELF_STATIC,        /* no dynamic loader takes part */
    SPIPE_ELF_OTHER_WIDTH,   /* 32-bit, where the agent has 64 */
    SPIPE_ELF_OTHER_MACHINE, /* for another processor */
    SPIPE_ELF_PRIVILEGED,    /* set-uid, set-gid or file capabilities: the loader ignores LD_PRELOAD */
    SPIPE_ELF_MUSL,          /* or another C library than the one that the agent is built for */
    SPIPE_ELF_NO_PROGRAM,    /* a damaged file, or one for another system */
    SPIPE_ELF_NO_INTERPRETER /* a script whose interpreter is not there */
};

struct spipe_elf_check {
    enum spipe_elf_verdict verdict;
    char text[SPIPE_ELF_CHECK_TEXT_MAX]; /* the reason in words, without a full stop; "" when it is fine */
};

/* Finds a program as shells do: a name with a slash is a path, another one is looked for in `path_variable` (NULL: the
 * system's default). SPIPE_E_NOT_FOUND; SPIPE_E_PERMISSION: it is there but cannot be executed, and is then in
 * `ret_path` too. */
int spipe_program_find(const char *name, const char *path_variable, char ret_path[PATH_MAX]);

/* Judges the file at `path`, following `#!` lines (and the program named to `env` in one) to what really runs. */
void spipe_elf_check(const char *path, const char *path_variable, struct spipe_elf_check *ret_check);

/* What is in a `#!` line: the interpreter and its one argument ("" when there is none). */
struct spipe_script_line {
    char interpreter[PATH_MAX];
    char argument[PATH_MAX];
};

/* Takes the first `len` bytes of a file apart. False when it does not begin with a `#!` line that the kernel would
 * take. */
bool spipe_script_line_parse(const char *bytes, size_t len, struct spipe_script_line *ret_line);

#endif
