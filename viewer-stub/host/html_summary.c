/* SPDX-License-Identifier: MIT */
/* The parts of the page's data that tell of the whole capture: what ran, and the ledger. */
#include "viewer-stub/host/html_data.h"
#include "viewer-stub/host/summary_cost.h"
#include "viewer-stub/host/wall_summary_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define COMMAND_MAX 4096u

/* The program's arguments as one line, or its path when they were not sent. */
static void write_command(const struct spipe_hello *hello, struct spipe_json *json)
{
    char command[COMMAND_MAX] = "";
    size_t len = 0;

    for (size_t i = 0; i < hello->argument_count && len < sizeof command; i++) {
        int added = snprintf(command + len, sizeof command - len, "%s%s", i ? " " : "", hello->argument[i]);
        len += added > 0 ? (size_t)added : 0;
    }
    spipe_json_member_text(json, "command", hello->argument_count ? command : hello->executable);
}

static void write_date(const struct spipe_hello *hello, struct spipe_json *json)
{
    time_t seconds = (time_t)(hello->origin_unix_us / 1000000);
    struct tm when;
    char date[64] = "";

    if (hello->origin_unix_us != 0 && gmtime_r(&seconds, &when))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &when);
    spipe_json_member_text(json, "date", date);
}

static void write_machine(const struct spipe_hello *hello, struct spipe_json *json)
{
    char machine[512];

    snprintf(machine, sizeof machine, "%s %s, %u CPU%s%s%s", hello->operating_system, hello->architecture,
             (unsigned)hello->cpu_count, hello->cpu_count == 1 ? "" : "s", hello->cpu_model[0] ? ", " : "",
             hello->cpu_model);
    spipe_json_member_text(json, "machine", machine);
}

/* Which samples the page holds when it does not hold all. */
static void write_note(const struct spipe_export_options *options, struct spipe_json *json)
{
    char note[256] = "";
    size_t len = 0;

    if (options && options->thread)
        len = (size_t)snprintf(note, sizeof note, "thread %.100s", options->thread);
    for (uint32_t state = 0; options && options->states != 0 && state < SPIPE_STORE_STATES; state++) {
        if (options->states >> state & 1)
            len += (size_t)snprintf(note + len, sizeof note - len, "%s%s", len ? ", " : "",
                                    spipe_wall_summary_state_name(state));
    }
    if (options && (options->from_ns > 0 || options->to_ns > 0)) {
        snprintf(note + len, sizeof note - len, "%sfrom %.3f s", len ? ", " : "", (double)options->from_ns / 1e9);
        len = strlen(note);
        if (options->to_ns > 0)
            snprintf(note + len, sizeof note - len, " to %.3f s", (double)options->to_ns / 1e9);
    }
    spipe_json_member_text(json, "part", note);
}

static void write_ledger(const struct spipe_summary *summary, struct spipe_json *json)
{
    spipe_json_key(json, "ledger");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "attempted", summary->attempted);
    spipe_json_member_unsigned(json, "sent", summary->sent);
    spipe_json_member_unsigned(json, "pending", summary->pending);
    spipe_json_key(json, "dropped");
    spipe_json_begin_object(json);
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++)
        spipe_json_member_unsigned(json, summary->dropped[i].name, summary->dropped[i].count);
    spipe_json_end_object(json);
    spipe_json_member_unsigned(json, "dropped_total", summary->dropped_total);
    spipe_json_member_unsigned(json, "agent_cpu_ns", summary->agent_cpu_ns);
    spipe_json_key(json, "handler_ns");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "p50", summary->handler_p50_ns);
    spipe_json_member_unsigned(json, "p99", summary->handler_p99_ns);
    spipe_json_member_unsigned(json, "max", summary->handler_max_ns);
    spipe_json_end_object(json);
    spipe_json_member_unsigned(json, "bytes", summary->bytes);
    spipe_json_member_unsigned(json, "sleeps_cut_short", summary->sleeps_cut_short);
    spipe_json_end_object(json);
}

static void write_stacks(const struct spipe_summary *summary, struct spipe_json *json)
{
    spipe_json_key(json, "stacks");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "reached_root", summary->reached_root);
    spipe_json_member_unsigned(json, "no stack", summary->no_stack);
    for (size_t i = 0; i < SPIPE_SUMMARY_STAND_INS; i++) {
        if (summary->stand_in[i] > 0)
            spipe_json_member_unsigned(json, spipe_summary_stand_in_name(i), summary->stand_in[i]);
    }
    spipe_json_end_object(json);
}

static void write_gaps(const struct spipe_summary *summary, struct spipe_json *json)
{
    spipe_json_key(json, "gaps");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < summary->gap_count; i++) {
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "name", summary->gap[i].name);
        spipe_json_member_unsigned(json, "cpu_ns", summary->gap[i].cpu_ns);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

void spipe_html_data_write_run(const struct spipe_html_data *data, struct spipe_json *json)
{
    struct spipe_store_session session;

    spipe_json_key(json, "run");
    spipe_json_begin_object(json);
    spipe_json_member_text(json, "program", data->program);
    if (data->main_session != SPIPE_STORE_NONE) {
        spipe_store_get_session(data->store, data->main_session, &session);
        write_command(&session.hello, json);
        write_date(&session.hello, json);
        write_machine(&session.hello, json);
    }
    write_note(data->options, json);
    spipe_json_end_object(json);
}

void spipe_html_data_write_summary(const struct spipe_summary *summary, struct spipe_json *json)
{
    spipe_json_key(json, "summary");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "samples", summary->samples);
    spipe_json_member_unsigned(json, "weight_ns", summary->weight_ns);
    spipe_json_member_unsigned(json, "duration_ns", summary->duration_ns);
    spipe_json_member_unsigned(json, "process_cpu_ns", summary->process_cpu_ns);
    spipe_json_member_unsigned(json, "covered_cpu_ns", summary->covered_cpu_ns);
    spipe_json_member_real(json, "rate_hz", summary->rate_hz);
    spipe_json_member_text(json, "mechanism", summary->mechanism);
    spipe_json_member_bool(json, "tick_aligned", summary->tick_aligned);
    spipe_json_member_unsigned(json, "sessions", summary->sessions);
    spipe_json_member_unsigned(json, "records_refused", summary->records_refused);
    write_ledger(summary, json);
    spipe_summary_write_cost(summary, json);
    write_stacks(summary, json);
    write_gaps(summary, json);
    if (summary->wall.has_source)
        spipe_wall_summary_write_json(&summary->wall, json);
    spipe_json_key(json, "end");
    spipe_json_begin_object(json);
    spipe_json_member_text(json, "reason", summary->end_reason);
    spipe_json_member_bool(json, "cut", summary->cut);
    spipe_json_end_object(json);
    spipe_json_end_object(json);
}
