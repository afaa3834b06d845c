/* SPDX-License-Identifier: MIT */
#include "report_text.h"

#include "losses.h"
#include "plain_text.h"
#include "report_columns.h"

#include <inttypes.h>

/* ---------------------------------------------------------------------------------------------------------------
 * header */

static void write_program(const struct spipe_summary *summary, const struct spipe_store *store, FILE *stream)
{
    char duration[SPIPE_PLAIN_NUMBER_MAX];
    struct spipe_store_session session = {.hello.executable = ""};
    if (spipe_store_session_count(store) > 0) {
        spipe_store_get_session(store, 0, &session);
    }
    const char *program = session.hello.executable[0] != '\0' ? session.hello.executable : "unknown program";
    spipe_plain_text_write(program, stream);
    fprintf(stream, ", process %" PRIu32 ", %s", session.hello.pid,
            spipe_plain_text_duration(summary->duration_ns, duration));
    if (summary->processes.count > 1) {
        fprintf(stream, " and %zu followed processes", summary->processes.count - 1);
    } else if (summary->sessions > 1) {
        fprintf(stream, ", %" PRIu32 " sessions", summary->sessions);
    }
    fprintf(stream, "; end: %s\n", summary->end_reason);
}

static void write_coverage(const struct spipe_summary *summary, FILE *stream)
{
    char weight[SPIPE_PLAIN_NUMBER_MAX];
    char cpu[SPIPE_PLAIN_NUMBER_MAX];
    char samples[SPIPE_PLAIN_NUMBER_MAX];
    fprintf(stream, "%s, standing for %s", spipe_plain_text_count(summary->samples, "sample", samples),
            spipe_plain_text_duration(summary->weight_ns, weight));
    if (summary->process_cpu_ns > 0) {
        fprintf(stream, " of %s CPU time (%.1f %%)", spipe_plain_text_duration(summary->process_cpu_ns, cpu),
                spipe_plain_text_percent(summary->weight_ns, summary->process_cpu_ns));
    } else {
        fputs(" CPU time", stream);
    }
    if (summary->rate_hz > 0) {
        fprintf(stream, ", at %.6g Hz by ", summary->rate_hz);
        spipe_plain_text_write(summary->mechanism, stream);
        fputs(summary->tick_aligned ? ", on the kernel's tick" : "", stream);
    }
    fputc('\n', stream);
}

static void write_quality(const struct spipe_summary *summary, FILE *stream)
{
    char cpu[SPIPE_PLAIN_NUMBER_MAX];
    char lost[SPIPE_LOSSES_MAX];
    fputs(spipe_losses_format(summary, "nothing lost", lost), stream);
    if (summary->samples > 0) {
        fprintf(stream, "; %.1f %% of the stacks reach their thread's root",
                spipe_plain_text_percent(summary->reached_root, summary->samples));
    }
    fputc('\n', stream);
    for (size_t i = 0; i < summary->gap_count; i++) {
        fprintf(stream, "not seen: %s, %s (%.1f %% of the CPU time)\n", summary->gap[i].name,
                spipe_plain_text_duration(summary->gap[i].cpu_ns, cpu),
                spipe_plain_text_percent(summary->gap[i].cpu_ns, summary->process_cpu_ns));
    }
    for (size_t i = 0; i < summary->processes.unprofiled_count; i++) {
        const struct spipe_unprofiled *unprofiled = &summary->processes.unprofiled[i];
        fputs("not profiled: ", stream);
        spipe_plain_text_write(unprofiled->text, stream);
        if (unprofiled->count > 1) {
            fprintf(stream, ", %" PRIu32 " times", unprofiled->count);
        }
        fputc('\n', stream);
    }
    if (summary->records_refused > 0) {
        fprintf(stream, "%" PRIu64 " records could not be used\n", summary->records_refused);
    }
}

void spipe_report_write_header(const struct spipe_summary *summary, const struct spipe_store *store, FILE *stream)
{
    write_program(summary, store, stream);
    write_coverage(summary, stream);
    write_quality(summary, stream);
}

/* ------------------------------------------------------------------------------------------------------------
 * functions */

static int widest_name(const struct spipe_summary *summary)
{
    int widest = (int)sizeof "function" - 1;
    for (size_t i = 0; i < summary->function_count; i++) {
        widest = spipe_report_columns_widen(widest, summary->function[i].name);
    }
    return widest;
}

void spipe_report_write_functions(const struct spipe_summary *summary, FILE *stream)
{
    int width = widest_name(summary);
    fprintf(stream, "\n%8s %8s %12s  ", "self", "total", "self ms");
    spipe_report_columns_pad("function", width, stream);
    fputs("  image\n", stream);
    for (size_t i = 0; i < summary->function_count; i++) {
        const struct spipe_summary_function *function = &summary->function[i];
        fprintf(stream, "%6.2f %% %6.2f %% %12.1f  ", spipe_plain_text_percent(function->self_ns, summary->weight_ns),
                spipe_plain_text_percent(function->total_ns, summary->weight_ns), spipe_report_columns_ms(function->self_ns));
        spipe_report_columns_pad(function->name, width, stream);
        fputs("  ", stream);
        spipe_report_columns_image(function->image, stream);
        fputc('\n', stream);
    }
    if (summary->function_count < summary->function_total) {
        fprintf(stream, "%zu more; --top shows them\n", summary->function_total - summary->function_count);
    }
}

/* --------------------------------------------------------------------------------------------------------------
 * threads */

void spipe_report_write_threads(const struct spipe_summary *summary, FILE *stream)
{
    fprintf(stream, "\n%8s %10s %12s %12s  %s\n", "tid", "samples", "weight ms", "CPU ms", "thread");
    for (size_t i = 0; i < summary->thread_count; i++) {
        const struct spipe_summary_thread *thread = &summary->thread[i];
        fprintf(stream, "%8" PRIu32 " %10" PRIu64 " %12.1f %12.1f  ", thread->tid, thread->samples,
                spipe_report_columns_ms(thread->weight_ns), spipe_report_columns_ms(thread->cpu_ns));
        spipe_plain_text_write(thread->name, stream);
        fputc('\n', stream);
    }
}

/* ---------------------------------------------------------------------------------------------------------------
 * ledger */

static void write_count(const char *name, uint64_t count, FILE *stream)
{
    fprintf(stream, "  %-40s %12" PRIu64 "\n", name, count);
}

static void write_losses(const struct spipe_summary *summary, FILE *stream)
{
    for (size_t i = 0; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        char name[64];
        snprintf(name, sizeof name, "lost: %s", spipe_losses_cause_words(summary->dropped[i].name));
        write_count(name, summary->dropped[i].count, stream);
    }
}

static void write_stacks(const struct spipe_summary *summary, FILE *stream)
{
    fputs("\nstacks\n", stream);
    write_count("reach the thread's root", summary->reached_root, stream);
    for (size_t i = 0; i < SPIPE_SUMMARY_STAND_INS; i++) {
        if (summary->stand_in[i] > 0) {
            write_count(spipe_summary_stand_in_name(i), summary->stand_in[i], stream);
        }
    }
    write_count("none taken", summary->no_stack, stream);
}

/* The agent's threads and the program's handlers together, which is what the budget limits. */
static void write_budget(const struct spipe_summary *summary, FILE *stream)
{
    char sampling[SPIPE_PLAIN_NUMBER_MAX];
    uint64_t sampling_ns = spipe_summary_sampling_ns(summary);
    fprintf(stream, "  %-28s %s (%.2f %% of the CPU time), of a budget of %.4g %%\n", "sampling",
            spipe_plain_text_duration(sampling_ns, sampling),
            spipe_plain_text_percent(sampling_ns, summary->process_cpu_ns), (double)summary->budget_ppm / 1e4);
    if (summary->longest_stretch_percent > 100) {
        fprintf(stream, "  %-28s up to %.4g times the asked one, %.4g times at the end\n", "interval, for the budget",
                (double)summary->longest_stretch_percent / 100, (double)summary->stretch_percent / 100);
    }
}

static void write_cost(const struct spipe_summary *summary, FILE *stream)
{
    char cpu[SPIPE_PLAIN_NUMBER_MAX];
    char size[SPIPE_PLAIN_NUMBER_MAX];
    char p50[SPIPE_PLAIN_NUMBER_MAX];
    char p99[SPIPE_PLAIN_NUMBER_MAX];
    char max[SPIPE_PLAIN_NUMBER_MAX];
    fputs("\ncost\n", stream);
    fprintf(stream, "  %-28s %s (%.2f %% of the CPU time)\n", "agent's own CPU time",
            spipe_plain_text_duration(summary->agent_cpu_ns, cpu),
            spipe_plain_text_percent(summary->agent_cpu_ns, summary->process_cpu_ns));
    if (summary->budget_ppm > 0) {
        write_budget(summary, stream);
    }
    if (summary->handler_max_ns > 0) {
        fprintf(stream, "  %-28s half below %s, 99 %% below %s, at most %s\n", "one sample",
                spipe_plain_text_duration(summary->handler_p50_ns, p50),
                spipe_plain_text_duration(summary->handler_p99_ns, p99),
                spipe_plain_text_duration(summary->handler_max_ns, max));
    }
    fprintf(stream, "  %-28s %s", "sent", spipe_plain_text_size(summary->bytes, size));
    if (summary->samples_all > 0) {
        fprintf(stream, ", %.1f bytes a sample and %.1f of definitions",
                (double)summary->bytes_samples / (double)summary->samples_all,
                (double)summary->bytes_definitions / (double)summary->samples_all);
    }
    fputc('\n', stream);
    write_count("sleeps cut short", summary->sleeps_cut_short, stream);
    write_count("unwind faults", summary->unwind_faults, stream);
}

void spipe_report_write_ledger(const struct spipe_summary *summary, FILE *stream)
{
    fputs("\nledger\n", stream);
    write_count("attempted", summary->attempted, stream);
    write_count("sent", summary->sent, stream);
    write_count("pending", summary->pending, stream);
    write_losses(summary, stream);
    write_stacks(summary, stream);
    write_cost(summary, stream);
}
