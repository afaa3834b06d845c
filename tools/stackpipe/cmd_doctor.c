/* SPDX-License-Identifier: MIT */
#include "doctor.h"
#include "options.h"
#include "plain_text.h"

#include "viewer-stub/host/json.h"

#include <stdio.h>

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

int cmd_doctor(const struct spipe_options *options)
{
    struct spipe_machine machine;
    struct spipe_doctor doctor;
    spipe_machine_read(&machine);
    spipe_doctor_judge(&machine, &doctor);
    if (spipe_options_has(options, "json")) {
        write_json(&doctor);
    } else {
        write_text(&doctor);
    }
    return spipe_doctor_has_problem(&doctor) ? SPIPE_EXIT_FAILED : SPIPE_EXIT_OK;
}
