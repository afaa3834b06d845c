/* SPDX-License-Identifier: MIT */
#include "doctor.h"
#include "elf_check.h"
#include "options.h"
#include "plain_text.h"

#include "protocol/status.h"
#include "viewer-stub/host/json.h"

#include <stdio.h>
#include <stdlib.h>

static void write_text(const struct spipe_doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        const struct spipe_finding *finding = &doctor->finding[i];
        printf("%-8s ", spipe_finding_level_name(finding->level));
        spipe_plain_text_write(finding->text, stdout);
        if (finding->remedy[0] != '\0') {
            printf("\n         -> %s", finding->remedy);
        }
        putchar('\n');
    }
}

static void write_json(const struct spipe_doctor *doctor)
{
    struct spipe_json json;
    spipe_json_init(&json, stdout, true);
    spipe_json_begin_array(&json);
    for (size_t i = 0; i < doctor->count; i++) {
        const struct spipe_finding *finding = &doctor->finding[i];
        spipe_json_begin_object(&json);
        spipe_json_member_text(&json, "name", finding->name);
        spipe_json_member_text(&json, "level", spipe_finding_level_name(finding->level));
        spipe_json_member_text(&json, "text", finding->text);
        spipe_json_member_text(&json, "remedy", finding->remedy);
        spipe_json_end_object(&json);
    }
    spipe_json_end_array(&json);
    putchar('\n');
}

/* A program that cannot be run at all is none of our problems, but cannot be profiled either. */
static void look_at_program(const char *name, struct spipe_doctor *doctor)
{
    char path[PATH_MAX];
    struct spipe_elf_check check = {.verdict = SPIPE_ELF_NO_PROGRAM};
    int status = spipe_program_find(name, getenv("PATH"), path);
    if (status == 0) {
        spipe_elf_check(path, getenv("PATH"), &check);
    } else {
        snprintf(check.text, sizeof check.text, "%s %s", name,
                 status == SPIPE_E_NOT_FOUND ? "is not found" : "cannot be executed");
    }
    spipe_doctor_judge_program(doctor, status == 0 ? path : name, &check);
}

int cmd_doctor(const struct spipe_options *options)
{
    struct spipe_machine machine;
    struct spipe_doctor doctor;
    spipe_machine_read(&machine);
    spipe_doctor_judge(&machine, &doctor);
    if (options->operand_count > 0) {
        look_at_program(options->operand[0], &doctor);
    }
    if (spipe_options_has(options, "json")) {
        write_json(&doctor);
    } else {
        write_text(&doctor);
    }
    return spipe_doctor_has_problem(&doctor) ? SPIPE_EXIT_FAILED : SPIPE_EXIT_OK;
}
