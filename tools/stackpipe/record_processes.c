/* SPDX-License-Identifier: MIT */
#include "record_processes.h"

#include "complain.h"
#include "plain_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAMS_SHOWN   3
#define UNPROFILED_SHOWN 5

/* All processes that ended as one program. */
struct program {
    const char *name;
    size_t count;
    uint64_t cpu_ns;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct program *)a)->name, ((const struct program *)b)->name);
}

static int compare_times(const void *a, const void *b)
{
    const struct program *x = a;
    const struct program *y = b;
    return x->cpu_ns != y->cpu_ns ? (x->cpu_ns < y->cpu_ns ? 1 : -1) : strcmp(x->name, y->name);
}

/* Makes one of those with the same name. Returns how many are left. */
static size_t merge(struct program *program, size_t count)
{
    size_t left = 0;
    qsort(program, count, sizeof *program, compare_names);
    for (size_t i = 0; i < count; i++) {
        if (left > 0 && strcmp(program[left - 1].name, program[i].name) == 0) {
            program[left - 1].count += program[i].count;
            program[left - 1].cpu_ns += program[i].cpu_ns;
        } else {
            program[left++] = program[i];
        }
    }
    qsort(program, left, sizeof *program, compare_times);
    return left;
}

static void add_programs(const struct spipe_processes *processes, FILE *stream)
{
    struct program *program = calloc(processes->count + 1, sizeof *program);
    char cpu[SPIPE_PLAIN_NUMBER_MAX];
    if (program == NULL) {
        return;
    }
    for (size_t i = 0; i < processes->count; i++) {
        const struct spipe_process *process = &processes->process[i];
        program[i] = (struct program){last_part(process->executable), 1, process->cpu_ns};
    }
    size_t count = merge(program, processes->count);
    for (size_t i = 0; i < count && i < PROGRAMS_SHOWN; i++) {
        fputs(i == 0 ? "; most CPU time: " : ", ", stream);
        spipe_plain_text_write(program[i].name, stream);
        fprintf(stream, " (%zu) %s", program[i].count, spipe_plain_text_duration(program[i].cpu_ns, cpu));
    }
    free(program);
}

static size_t count_sampled(const struct spipe_processes *processes)
{
    size_t sampled = 0;
    for (size_t i = 0; i < processes->count; i++) {
        sampled += processes->process[i].samples > 0;
    }
    return sampled;
}

char *spipe_record_processes_format(const struct spipe_processes *processes, char text[SPIPE_RECORD_PROCESSES_MAX])
{
    FILE *stream = fmemopen(text, SPIPE_RECORD_PROCESSES_MAX - 1, "w");
    text[0] = '\0';
    text[SPIPE_RECORD_PROCESSES_MAX - 1] = '\0';
    if (stream != NULL) {
        fprintf(stream, "%zu processes, %zu of them with samples", processes->count, count_sampled(processes));
        add_programs(processes, stream);
        fclose(stream);
    }
    return text;
}

void spipe_record_processes_write(const struct spipe_processes *processes)
{
    char text[SPIPE_RECORD_PROCESSES_MAX];
    if (processes->count > 1) {
        spipe_complain("%s", spipe_record_processes_format(processes, text));
    }
    for (size_t i = 0; i < processes->unprofiled_count && i < UNPROFILED_SHOWN; i++) {
        spipe_complain("not profiled: %s (%" PRIu32 ")", processes->unprofiled[i].text,
                       processes->unprofiled[i].count);
    }
    if (processes->unprofiled_count > UNPROFILED_SHOWN) {
        spipe_complain("not profiled: %zu other programs; stackpipe report lists them",
                       processes->unprofiled_count - UNPROFILED_SHOWN);
    }
}
