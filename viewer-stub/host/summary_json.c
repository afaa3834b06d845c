/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/audit.h"
#include "viewer-stub/host/json.h"
#include "viewer-stub/host/summary.h"
#include "viewer-stub/host/summary_cost.h"
#include "viewer-stub/host/wall_summary_json.h"

#include "protocol/status.h"

#include <string.h>

static void write_totals(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_member_unsigned(json, "samples", summary->samples);
    spipe_json_member_unsigned(json, "weight_ns", summary->weight_ns);
    spipe_json_member_unsigned(json, "duration_ns", summary->duration_ns);
    spipe_json_member_unsigned(json, "process_cpu_ns", summary->process_cpu_ns);
    spipe_json_member_unsigned(json, "covered_cpu_ns", summary->covered_cpu_ns);
    spipe_json_member_real(json, "rate_hz", summary->rate_hz);
    spipe_json_member_text(json, "mechanism", summary->mechanism);
    spipe_json_member_bool(json, "tick_aligned", summary->tick_aligned);
    spipe_json_member_unsigned(json, "sessions", summary->sessions);
}

static void write_program(struct spipe_json *json, const struct spipe_summary *summary, const struct spipe_store *store)
{
    struct spipe_store_session session;
    if (summary->processes.count == 0) {
        return;
    }
    spipe_store_get_session(store, summary->processes.process[0].last_session, &session);
    spipe_json_key(json, "program");
    spipe_json_begin_object(json);
    spipe_json_member_text(json, "executable", session.hello.executable);
    spipe_json_member_unsigned(json, "pid", session.hello.pid);
    spipe_json_member_text(json, "agent_version", session.hello.agent_version);
    spipe_json_member_unsigned(json, "start_unix_us", session.hello.start_time_us);
    spipe_json_key(json, "configuration_hash");
    spipe_json_hex(json, session.applied.configuration_hash.data, session.applied.configuration_hash.len);
    spipe_json_end_object(json);
}

static void write_ledger(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "ledger");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "attempted", summary->attempted);
    spipe_json_member_unsigned(json, "sent", summary->sent);
    spipe_json_member_unsigned(json, "pending", summary->pending);
    spipe_json_key(json, "dropped");
    spipe_json_begin_object(json);
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        spipe_json_member_unsigned(json, summary->dropped[i].name, summary->dropped[i].count);
    }
    spipe_json_end_object(json);
    spipe_json_member_unsigned(json, "agent_cpu_ns", summary->agent_cpu_ns);
    spipe_json_key(json, "handler_ns");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "p50", summary->handler_p50_ns);
    spipe_json_member_unsigned(json, "p99", summary->handler_p99_ns);
    spipe_json_member_unsigned(json, "max", summary->handler_max_ns);
    spipe_json_end_object(json);
    spipe_json_member_unsigned(json, "bytes", summary->bytes);
    spipe_json_member_unsigned(json, "sleeps_cut_short", summary->sleeps_cut_short);
    spipe_json_member_unsigned(json, "unwind_faults", summary->unwind_faults);
    spipe_json_end_object(json);
}

/* Stand-ins by name, those of later versions together; the zeros are left out. */
static void write_stacks(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "stacks");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "reached_root", summary->reached_root);
    if (summary->no_stack != 0) {
        spipe_json_member_unsigned(json, "none", summary->no_stack);
    }
    for (size_t i = 0; i < SPIPE_SUMMARY_STAND_INS; i++) {
        if (summary->stand_in[i] != 0) {
            spipe_json_member_unsigned(json, spipe_summary_stand_in_name(i), summary->stand_in[i]);
        }
    }
    spipe_json_end_object(json);
}

static void write_threads(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "threads");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < summary->thread_count; i++) {
        const struct spipe_summary_thread *thread = &summary->thread[i];
        spipe_json_begin_object(json);
        spipe_json_member_unsigned(json, "tid", thread->tid);
        spipe_json_member_text(json, "name", thread->name);
        spipe_json_member_unsigned(json, "samples", thread->samples);
        spipe_json_member_unsigned(json, "weight_ns", thread->weight_ns);
        spipe_json_member_unsigned(json, "cpu_ns", thread->cpu_ns);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_functions(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "functions");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < summary->function_count; i++) {
        const struct spipe_summary_function *function = &summary->function[i];
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "name", function->name);
        spipe_json_member_text(json, "image", function->image);
        spipe_json_member_unsigned(json, "self_ns", function->self_ns);
        spipe_json_member_unsigned(json, "total_ns", function->total_ns);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static const char *unwind_name(enum spipe_unwind unwind)
{
    static const char *const name[] = {"unknown", "full", "partial", "none"};
    return (unsigned)unwind < sizeof name / sizeof name[0] ? name[unwind] : name[0];
}

static void write_images(struct spipe_json *json, const struct spipe_store *store)
{
    spipe_json_key(json, "images");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < spipe_store_image_count(store); i++) {
        struct spipe_store_image image;
        spipe_store_get_image(store, i, &image);
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "path", image.path);
        spipe_json_key(json, "build_id");
        spipe_json_hex(json, image.build_id.data, image.build_id.len);
        spipe_json_member_text(json, "unwind", unwind_name(image.unwind));
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_gaps(struct spipe_json *json, const struct spipe_summary *summary)
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

static void write_processes(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "processes");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < summary->processes.count; i++) {
        const struct spipe_process *process = &summary->processes.process[i];
        spipe_json_begin_object(json);
        spipe_json_member_unsigned(json, "pid", process->pid);
        spipe_json_member_unsigned(json, "parent_pid", process->parent_pid);
        spipe_json_key(json, "process_id");
        spipe_json_hex(json, process->process_id.data, process->process_id.len);
        spipe_json_key(json, "parent_process_id");
        spipe_json_hex(json, process->parent_process_id.data, process->parent_process_id.len);
        spipe_json_member_text(json, "executable", process->executable);
        spipe_json_member_unsigned(json, "sessions", process->sessions);
        spipe_json_member_unsigned(json, "samples", process->samples);
        spipe_json_member_unsigned(json, "weight_ns", process->weight_ns);
        spipe_json_member_unsigned(json, "cpu_ns", process->cpu_ns);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_unprofiled(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "not_profiled");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < summary->processes.unprofiled_count; i++) {
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "text", summary->processes.unprofiled[i].text);
        spipe_json_member_unsigned(json, "count", summary->processes.unprofiled[i].count);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_bytes(struct spipe_json *json, const struct spipe_summary *summary)
{
    spipe_json_key(json, "bytes");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "samples_columns", summary->bytes_samples);
    spipe_json_member_unsigned(json, "definitions", summary->bytes_definitions);
    spipe_json_member_unsigned(json, "other", summary->bytes_other);
    spipe_json_end_object(json);
}

static void write_end(struct spipe_json *json, const struct spipe_summary *summary, const struct spipe_capture_end *end)
{
    spipe_json_key(json, "end");
    spipe_json_begin_object(json);
    spipe_json_member_text(json, "reason", summary->end_reason);
    spipe_json_member_bool(json, "cut", summary->cut);
    spipe_json_member_unsigned(json, "records_refused", summary->records_refused);
    if (end != NULL) {
        spipe_json_member_unsigned(json, "offset", end->offset);
        spipe_json_member_text(json, "text", end->text);
        spipe_json_member_unsigned(json, "resumed", end->resumed);
        spipe_json_member_unsigned(json, "skipped_bytes", end->skipped_bytes);
    }
    spipe_json_end_object(json);
}

void spipe_summary_write_json(const struct spipe_summary *summary, const struct spipe_store *store,
                              const struct spipe_capture_end *end, FILE *stream)
{
    struct spipe_json json;
    spipe_json_init(&json, stream, true);
    spipe_json_begin_object(&json);
    write_totals(&json, summary);
    write_program(&json, summary, store);
    write_ledger(&json, summary);
    spipe_summary_write_cost(summary, &json);
    write_stacks(&json, summary);
    write_threads(&json, summary);
    write_functions(&json, summary);
    write_images(&json, store);
    write_end(&json, summary, end);
    write_gaps(&json, summary);
    write_processes(&json, summary);
    write_unprofiled(&json, summary);
    write_bytes(&json, summary);
    if (summary->wall.has_source) {
        spipe_wall_summary_write_json(&summary->wall, &json);
    }
    if (summary->audit != NULL) {
        spipe_json_key(&json, "audit");
        spipe_audit_write_json(summary->audit, store, &json);
    }
    spipe_json_end_object(&json);
    putc('\n', stream);
}
