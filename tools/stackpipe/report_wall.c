/* SPDX-License-Identifier: MIT */
#include "report_wall.h"

#include "plain_text.h"
#include "report_columns.h"
#include "report_text.h"

#include <inttypes.h>

/* The states in the order in which they are shown. */
static const uint32_t states[SPIPE_STORE_STATES] = {SPIPE_STATE_RUNNING, SPIPE_STATE_RUNNABLE, SPIPE_STATE_WAITING};

void spipe_report_wall_write_header(const struct spipe_wall_summary *wall, FILE *stream)
{
    char threads[SPIPE_PLAIN_NUMBER_MAX];
    char time[SPIPE_PLAIN_NUMBER_MAX];
    fprintf(stream, "%s lived for %s", spipe_plain_text_count(wall->thread_count, "thread", threads),
            spipe_plain_text_duration(wall->weight_ns, time));
    for (unsigned i = 0; i < SPIPE_STORE_STATES; i++) {
        fprintf(stream, "%s %s %s", i == 0 ? ":" : ",", spipe_plain_text_duration(wall->ns[states[i]], time),
                spipe_wall_summary_state_name(states[i]));
    }
    fprintf(stream, "; looked at %.6g times a second\n", wall->rate_hz);
    if (wall->not_seen_ns > 0) {
        fprintf(stream, "not seen: the places of %s (%.1f %% of that)\n",
                spipe_plain_text_duration(wall->not_seen_ns, time),
                spipe_plain_text_percent(wall->not_seen_ns, wall->weight_ns));
    }
}

static void write_states(const uint64_t *ns, FILE *stream)
{
    for (unsigned i = 0; i < SPIPE_STORE_STATES; i++) {
        fprintf(stream, " %12.1f", spipe_report_columns_ms(ns[states[i]]));
    }
}

/* Columns of the same width as those of write_states(). */
static void write_state_heads(FILE *stream)
{
    fprintf(stream, " %12s %12s %12s", "running ms", "for a CPU ms", "waiting ms");
}

void spipe_report_wall_write_functions(const struct spipe_wall_summary *wall, FILE *stream)
{
    int width = (int)sizeof "function" - 1;
    for (size_t i = 0; i < wall->function_count; i++) {
        width = spipe_report_columns_widen(width, wall->function[i].name);
    }
    fprintf(stream, "\n%8s %8s", "self", "total");
    write_state_heads(stream);
    fputs("  ", stream);
    spipe_report_columns_pad("function", width, stream);
    fputs("  image\n", stream);
    for (size_t i = 0; i < wall->function_count; i++) {
        const struct spipe_wall_summary_function *function = &wall->function[i];
        fprintf(stream, "%6.2f %% %6.2f %%",
                spipe_plain_text_percent(spipe_wall_summary_sum(function->self_ns), wall->weight_ns),
                spipe_plain_text_percent(spipe_wall_summary_sum(function->total_ns), wall->weight_ns));
        write_states(function->self_ns, stream);
        fputs("  ", stream);
        spipe_report_columns_pad(function->name, width, stream);
        fputs("  ", stream);
        spipe_report_columns_image(function->image, stream);
        fputc('\n', stream);
    }
    if (wall->function_count < wall->function_total) {
        fprintf(stream, "%zu more; --top shows them\n", wall->function_total - wall->function_count);
    }
}

int spipe_report_wall_write_trees(const struct spipe_wall_summary *wall, const struct spipe_store *store,
                                  const struct spipe_naming *naming, FILE *stream)
{
    int status = 0;
    for (unsigned i = 0; i < SPIPE_STORE_STATES && status == 0; i++) {
        struct spipe_calltree_filter filter = SPIPE_CALLTREE_ALL;
        struct spipe_calltree tree;
        char title[64];
        if (wall->ns[states[i]] == 0) {
            continue;
        }
        filter.kind = SPIPE_SOURCE_WALL;
        filter.states = 1u << states[i];
        status = spipe_calltree_init(store, &filter, naming, SPIPE_CALLTREE_TOP_DOWN, &tree);
        if (status == 0) {
            snprintf(title, sizeof title, "call tree, %s", spipe_wall_summary_state_name(states[i]));
            spipe_report_write_tree(&tree, title, wall->weight_ns, naming, stream);
            spipe_calltree_done(&tree);
        }
    }
    return status;
}

void spipe_report_wall_write_threads(const struct spipe_wall_summary *wall, FILE *stream)
{
    fprintf(stream, "\n%8s %12s", "tid", "lived ms");
    write_state_heads(stream);
    fputs("  thread\n", stream);
    for (size_t i = 0; i < wall->thread_count; i++) {
        const struct spipe_wall_summary_thread *thread = &wall->thread[i];
        fprintf(stream, "%8" PRIu32 " %12.1f", thread->tid, spipe_report_columns_ms(spipe_wall_summary_sum(thread->ns)));
        write_states(thread->ns, stream);
        fputs("  ", stream);
        spipe_plain_text_write(thread->name, stream);
        fputc('\n', stream);
    }
}

static void write_count(const char *name, uint64_t count, FILE *stream)
{
    fprintf(stream, "  %-40s %12" PRIu64 "\n", name, count);
}

void spipe_report_wall_write_ledger(const struct spipe_wall_summary *wall, FILE *stream)
{
    fputs("\nledger of the wall clock, in periods\n", stream);
    write_count("lived", wall->attempted, stream);
    write_count("sent", wall->sent, stream);
    write_count("pending", wall->pending, stream);
    write_count("lost: the pipe was full", wall->dropped_pipe_full, stream);
    write_count("lost: paused", wall->dropped_paused, stream);
}
