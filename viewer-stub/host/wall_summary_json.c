/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/wall_summary_json.h"

/* Time by state, each as a member of its own. */
static void write_states(struct spipe_json *json, const char *key, const uint64_t *ns)
{
    spipe_json_key(json, key);
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "running", ns[SPIPE_STATE_RUNNING]);
    spipe_json_member_unsigned(json, "runnable", ns[SPIPE_STATE_RUNNABLE]);
    spipe_json_member_unsigned(json, "waiting", ns[SPIPE_STATE_WAITING]);
    spipe_json_end_object(json);
}

static void write_ledger(struct spipe_json *json, const struct spipe_wall_summary *wall)
{
    spipe_json_key(json, "ledger");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "attempted", wall->attempted);
    spipe_json_member_unsigned(json, "sent", wall->sent);
    spipe_json_member_unsigned(json, "pending", wall->pending);
    spipe_json_key(json, "dropped");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "pipe_full", wall->dropped_pipe_full);
    spipe_json_member_unsigned(json, "paused", wall->dropped_paused);
    spipe_json_end_object(json);
    spipe_json_end_object(json);
}

static void write_threads(struct spipe_json *json, const struct spipe_wall_summary *wall)
{
    spipe_json_key(json, "threads");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < wall->thread_count; i++) {
        const struct spipe_wall_summary_thread *thread = &wall->thread[i];
        spipe_json_begin_object(json);
        spipe_json_member_unsigned(json, "tid", thread->tid);
        spipe_json_member_text(json, "name", thread->name);
        write_states(json, "ns", thread->ns);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_functions(struct spipe_json *json, const struct spipe_wall_summary *wall)
{
    spipe_json_key(json, "functions");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < wall->function_count; i++) {
        const struct spipe_wall_summary_function *function = &wall->function[i];
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "name", function->name);
        spipe_json_member_text(json, "image", function->image);
        write_states(json, "self_ns", function->self_ns);
        write_states(json, "total_ns", function->total_ns);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

void spipe_wall_summary_write_json(const struct spipe_wall_summary *wall, struct spipe_json *json)
{
    spipe_json_key(json, "wall");
    spipe_json_begin_object(json);
    spipe_json_member_real(json, "rate_hz", wall->rate_hz);
    spipe_json_member_text(json, "mechanism", wall->mechanism);
    spipe_json_member_unsigned(json, "samples", wall->samples);
    spipe_json_member_unsigned(json, "weight_ns", wall->weight_ns);
    write_states(json, "ns", wall->ns);
    spipe_json_member_unsigned(json, "rooted_ns", wall->rooted_ns);
    spipe_json_member_unsigned(json, "not_seen_ns", wall->not_seen_ns);
    write_ledger(json, wall);
    write_threads(json, wall);
    write_functions(json, wall);
    spipe_json_end_object(json);
}
