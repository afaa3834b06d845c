/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/summary.h"

#include "viewer-stub/host/lost_sessions.h"

#include "protocol/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 512
/* Where the causes stand that no Ledger of a thread names. */
#define CAUSE_CONNECTION 7
#define CAUSE_NO_HOST    8

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t us_to_ns(uint64_t us)
{
    return us > UINT64_MAX / 1000 ? UINT64_MAX : us * 1000;
}

/* ------------------------------------------------------------------------------------------------------------ the
 * ledger */

static void name_drops(struct spipe_summary *summary)
{
    static const char *const name[SPIPE_SUMMARY_DROP_CAUSES] = {"ring_full", "pipe_full", "paused",     "no_slot", "in_agent",
                                                                "blocked",   "other",     "connection", "no_host"};
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        summary->dropped[i].name = name[i];
    }
}

static void add_drop(struct spipe_summary *summary, size_t cause, uint64_t count)
{
    summary->dropped[cause].count = add(summary->dropped[cause].count, count);
    summary->dropped_total = add(summary->dropped_total, count);
}

static void add_thread_ledger(struct spipe_summary *summary, const struct spipe_thread_ledger *ledger)
{
    const uint64_t count[] = {ledger->dropped_ring_full, ledger->dropped_pipe_full, ledger->dropped_paused,
                              ledger->dropped_no_slot,   ledger->dropped_in_agent,  ledger->dropped_blocked,
                              ledger->dropped_other};
    summary->attempted = add(summary->attempted, ledger->attempted);
    summary->sent = add(summary->sent, ledger->sent);
    summary->pending = add(summary->pending, ledger->pending);
    for (size_t i = 0; i < sizeof count / sizeof count[0]; i++) {
        add_drop(summary, i, count[i]);
    }
}

static int add_lost_sessions(const struct spipe_store *store, struct spipe_summary *summary)
{
    struct spipe_lost_sessions lost;
    int status = spipe_lost_sessions_count(store, &lost);
    if (status == SPIPE_OK) {
        summary->attempted = add(summary->attempted, add(lost.attempted, lost.no_host));
        summary->sent = add(summary->sent, lost.sent);
        summary->pending -= lost.pending;
        add_drop(summary, CAUSE_CONNECTION, lost.connection);
        add_drop(summary, CAUSE_NO_HOST, lost.no_host);
    }
    return status;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static bool sees_kernel(const char *mechanism)
{
    return strcmp(mechanism, "perf-ring") != 0 && strcmp(mechanism, "perf-cpu-clock") != 0;
}

/* The CPU source of a session's settings; NULL when there is none. */
static const struct spipe_source *find_cpu_source(const struct spipe_store_session *session)
{
    for (size_t i = 0; session->has_applied && i < session->applied.source_count; i++) {
        if (session->applied.source[i].kind == SPIPE_SOURCE_CPU) {
            return &session->applied.source[i];
        }
    }
    return NULL;
}

static void add_gap(struct spipe_summary *summary, const char *name, uint64_t cpu_ns)
{
    if (cpu_ns == 0) {
        return;
    }
    for (size_t i = 0; i < summary->gap_count; i++) {
        if (strcmp(summary->gap[i].name, name) == 0) {
            summary->gap[i].cpu_ns = add(summary->gap[i].cpu_ns, cpu_ns);
            return;
        }
    }
    if (summary->gap_count < sizeof summary->gap / sizeof summary->gap[0]) {
        summary->gap[summary->gap_count++] = (struct spipe_summary_gap){name, cpu_ns};
    }
}

static void add_settings(struct spipe_summary *summary, const struct spipe_store_session *session)
{
    const struct spipe_source *source = find_cpu_source(session);
    uint32_t period_us = session->has_applied ? session->applied.configuration.cpu_period_us : 0;
    if (session->has_applied) {
        summary->budget_ppm = session->applied.configuration.budget_ppm;
    }
    if (source != NULL) {
        summary->mechanism = source->mechanism;
        summary->tick_aligned = source->tick_aligned;
    }
    if (source != NULL && source->weight_quantum != 0) {
        summary->rate_hz = 1e9 / source->weight_quantum;
    } else if (period_us != 0) {
        summary->rate_hz = 1e6 / period_us;
    }
}

static void add_session(struct spipe_summary *summary, const struct spipe_store_session *session)
{
    const struct spipe_ledger *ledger = &session->ledger;
    const struct spipe_source *source = find_cpu_source(session);
    add_settings(summary, session);
    add_thread_ledger(summary, &session->slotless);
    if (session->has_ledger) {
        uint64_t user_ns = us_to_ns(ledger->process_user_us);
        uint64_t system_ns = us_to_ns(ledger->process_system_us);
        bool all = source == NULL || sees_kernel(source->mechanism);
        summary->process_cpu_ns = add(summary->process_cpu_ns, add(user_ns, system_ns));
        summary->covered_cpu_ns = add(summary->covered_cpu_ns, all ? add(user_ns, system_ns) : user_ns);
        add_gap(summary, "kernel", all ? 0 : system_ns);
        add_gap(summary, "threads without a slot", us_to_ns(session->slotless.cpu_us));
        summary->agent_cpu_ns = add(summary->agent_cpu_ns, us_to_ns(ledger->agent_cpu_us));
        summary->sampling_cpu_ns = add(summary->sampling_cpu_ns, us_to_ns(ledger->sampling_cpu_us));
        summary->handler_cpu_ns = add(summary->handler_cpu_ns, us_to_ns(ledger->handler_cpu_us));
        summary->stretch_percent = ledger->stretch_percent;
        summary->longest_stretch_percent = larger(summary->longest_stretch_percent, ledger->longest_stretch_percent);
        summary->handler_p50_ns = larger(summary->handler_p50_ns, ledger->handler_p50_ns);
        summary->handler_p99_ns = larger(summary->handler_p99_ns, ledger->handler_p99_ns);
        summary->handler_max_ns = larger(summary->handler_max_ns, ledger->handler_max_ns);
        summary->bytes = add(summary->bytes, ledger->bytes_sent);
        summary->sleeps_cut_short += ledger->sleeps_cut_short;
        summary->unwind_faults += ledger->unwind_faults;
    }
    if (session->last_ns > summary->duration_ns) {
        summary->duration_ns = session->last_ns;
    }
}

static void add_sessions(const struct spipe_store *store, struct spipe_summary *summary)
{
    summary->sessions = spipe_store_session_count(store);
    summary->mechanism = "";
    for (uint32_t i = 0; i < summary->sessions; i++) {
        struct spipe_store_session session;
        spipe_store_get_session(store, i, &session);
        add_session(summary, &session);
    }
}

/* A capture that ends within a session is cut; when that session is a child's, the program's may still be whole. */
static void note_end(const struct spipe_store *store, const struct spipe_capture_end *end,
                     struct spipe_summary *summary)
{
    struct spipe_store_session session = {0};
    if (summary->processes.count > 0) {
        spipe_store_get_session(store, summary->processes.process[0].last_session, &session);
    }
    summary->cut = !session.has_goodbye;
    summary->end_reason = session.has_goodbye ? spipe_goodbye_reason_name(session.goodbye.reason) : "cut";
    if (end != NULL && end->reason == SPIPE_CAPTURE_DAMAGED) {
        summary->end_reason = "damaged";
    } else if (end != NULL && end->reason == SPIPE_CAPTURE_CUT && summary->processes.count < 2) {
        summary->end_reason = "cut";
        summary->cut = true;
    }
}

/* --------------------------------------------------------------------------------------------------- threads and
 * stacks */

static int compare_threads(const void *a, const void *b)
{
    const struct spipe_summary_thread *x = a;
    const struct spipe_summary_thread *y = b;
    if (x->weight_ns != y->weight_ns) {
        return x->weight_ns > y->weight_ns ? -1 : 1;
    }
    if (x->cpu_ns != y->cpu_ns) {
        return x->cpu_ns > y->cpu_ns ? -1 : 1;
    }
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static int add_threads(const struct spipe_store *store, struct spipe_summary *summary)
{
    uint32_t count = spipe_store_thread_count(store);
    summary->thread = calloc((size_t)count + 1, sizeof *summary->thread);
    if (summary->thread == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(store, i, &thread);
        summary->thread[i] = (struct spipe_summary_thread){
            i, thread.tid, thread.name, thread.samples, thread.weight_ns, us_to_ns(thread.ledger.cpu_us)};
        add_thread_ledger(summary, &thread.ledger);
    }
    summary->thread_count = count;
    qsort(summary->thread, count, sizeof *summary->thread, compare_threads);
    return SPIPE_OK;
}

static void add_stacks(const struct spipe_store *store, const struct spipe_fold *fold, struct spipe_summary *summary)
{
    summary->samples = fold->samples;
    summary->weight_ns = fold->weight;
    for (size_t i = 0; i < fold->count; i++) {
        uint32_t stand_in = 0;
        if (fold->entry[i].node == SPIPE_STORE_NO_STACK) {
            summary->no_stack += fold->entry[i].samples;
            continue;
        }
        uint32_t outermost = spipe_store_get_outermost(store, fold->entry[i].node);
        if (!spipe_store_is_stand_in(store, spipe_store_get_node(store, outermost)->frame, &stand_in)) {
            summary->reached_root += fold->entry[i].samples;
            continue;
        }
        size_t index = stand_in < SPIPE_SUMMARY_STAND_INS - 1 ? stand_in : SPIPE_SUMMARY_STAND_INS - 1;
        summary->stand_in[index] += fold->entry[i].samples;
    }
}

/* -------------------------------------------------------------------------------------------------------------
 * functions */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Names a frame by its place, as far as the store alone tells it. */
static void describe_frame(const struct spipe_store *store, uint32_t frame_index, char *text, size_t len,
                           const char **ret_image)
{
    const struct spipe_store_frame *frame = spipe_store_get_frame(store, frame_index);
    *ret_image = "";
    if (frame->image != SPIPE_STORE_NONE) {
        struct spipe_store_image image;
        spipe_store_get_image(store, frame->image, &image);
        *ret_image = image.path;
        snprintf(text, len, "%s+0x%x", image.path[0] != '\0' ? last_part(image.path) : "[generated code]",
                 frame->offset);
    } else if (frame->method != SPIPE_STORE_NONE) {
        const struct spipe_store_method *method = spipe_store_get_method(store, frame->method);
        snprintf(text, len, "%s", spipe_store_get_string(store, method->name_string));
    } else {
        snprintf(text, len, "[%s]", spipe_stand_in_name(frame->offset));
    }
}

static void name_functions(const struct spipe_store *store, const struct spipe_naming *naming,
                           struct spipe_summary *summary)
{
    for (size_t i = 0; i < summary->function_count; i++) {
        struct spipe_summary_function *function = &summary->function[i];
        if (naming != NULL) {
            function->name = naming->name != NULL ? naming->name(naming->user, function->function) : "";
            function->image = naming->image != NULL ? naming->image(naming->user, function->function) : "";
        } else {
            char *text = summary->names + i * NAME_MAX_LEN;
            describe_frame(store, function->function, text, NAME_MAX_LEN, &function->image);
            function->name = text;
        }
    }
}

static int add_functions(const struct spipe_store *store, const struct spipe_fold *fold,
                         const struct spipe_naming *naming, size_t top, struct spipe_summary *summary)
{
    struct spipe_calltree tree = {0};
    int status = spipe_calltree_init_from(store, fold->entry, fold->count, naming, SPIPE_CALLTREE_TOP_DOWN, &tree);
    if (status != SPIPE_OK) {
        return status;
    }
    size_t count = top == 0 || top > tree.function_count ? tree.function_count : top;
    summary->function = calloc(count + 1, sizeof *summary->function);
    summary->names = naming == NULL ? calloc(count + 1, NAME_MAX_LEN) : NULL;
    if (summary->function == NULL || (naming == NULL && summary->names == NULL)) {
        spipe_calltree_done(&tree);
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct spipe_calltree_function *row = &tree.function[i];
        summary->function[i] = (struct spipe_summary_function){
            row->function, "", "", row->self, row->total, row->self_samples, row->total_samples};
    }
    summary->function_count = count;
    summary->function_total = tree.function_count;
    spipe_calltree_done(&tree);
    name_functions(store, naming, summary);
    return SPIPE_OK;
}

int spipe_summary_init(const struct spipe_store *store, const struct spipe_naming *naming,
                       const struct spipe_capture_end *end, size_t top, struct spipe_summary *ret_summary)
{
    struct spipe_summary summary = {0};
    struct spipe_fold fold = {0};
    struct spipe_store_counts counts;
    spipe_store_get_counts(store, &counts);
    summary.samples_all = spipe_store_sample_count(store);
    summary.bytes_samples = counts.bytes_samples;
    summary.bytes_definitions = counts.bytes_definitions;
    summary.bytes_other = counts.bytes_other;
    summary.records_refused = counts.refused + counts.over_limit;
    name_drops(&summary);
    add_sessions(store, &summary);
    int status = spipe_processes_init(store, &summary.processes);
    note_end(store, end, &summary);
    status = status != 0 ? status : add_threads(store, &summary);
    status = status != 0 ? status : add_lost_sessions(store, &summary);
    status = status != 0 ? status : spipe_wall_summary_init(store, naming, top, &summary.wall);
    status = status != 0 ? status : spipe_fold_init(store, NULL, false, &fold);
    if (status == SPIPE_OK) {
        add_stacks(store, &fold, &summary);
        status = add_functions(store, &fold, naming, top, &summary);
    }
    spipe_fold_done(&fold);
    if (status == SPIPE_OK) {
        *ret_summary = summary;
    } else {
        spipe_summary_done(&summary);
    }
    return status;
}

void spipe_summary_done(struct spipe_summary *summary)
{
    spipe_wall_summary_done(&summary->wall);
    free(summary->thread);
    free(summary->function);
    free(summary->names);
    spipe_processes_done(&summary->processes);
    *summary = (struct spipe_summary){0};
}

const char *spipe_summary_stand_in_name(size_t index)
{
    return index < SPIPE_SUMMARY_STAND_INS - 1 ? spipe_stand_in_name((uint32_t)index) : "other";
}
