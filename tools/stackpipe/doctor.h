/* SPDX-License-Identifier: MIT */
/*
 * Judges a machine: what would stop or slow profiling there, and what helps.
 */
#ifndef SPIPE_TOOL_DOCTOR_H
#define SPIPE_TOOL_DOCTOR_H

#include "elf_check.h"
#include "machine.h"

#include <stddef.h>

#define SPIPE_DOCTOR_FINDINGS_MAX 24

enum spipe_finding_level {
    SPIPE_FINDING_OK = 0,
    SPIPE_FINDING_NOTE = 1,   /* works, with less speed or less detail */
    SPIPE_FINDING_PROBLEM = 2 /* programs could not be profiled */
};

struct spipe_finding {
    enum spipe_finding_level level;
    const char *name; /* one word for programs, stable */
    char text[PATH_MAX + 128];
    const char *remedy; /* "" when nothing has to be done */
};

struct spipe_doctor {
    struct spipe_finding finding[SPIPE_DOCTOR_FINDINGS_MAX];
    size_t count;
};

void spipe_doctor_judge(const struct spipe_machine *machine, struct spipe_doctor *ret_doctor);

/* Adds what was found of a program: whether it can be profiled. */
void spipe_doctor_judge_program(struct spipe_doctor *doctor, const char *path, const struct spipe_elf_check *check);

/* "ok", "note" or "problem". */
const char *spipe_finding_level_name(enum spipe_finding_level level);

/* True when at least one finding is a problem. */
bool spipe_doctor_has_problem(const struct spipe_doctor *doctor);

#endif
