/* SPDX-License-Identifier: MIT */
#include "record_summary.h"

#include "complain.h"
#include "losses.h"
#include "plain_text.h"
#include "record_processes.h"

#include "viewer-stub/host/capture.h"
#include "viewer-stub/host/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOG_LINE_MAX 512

bool spipe_record_summary_last_line(const char *path, char *ret_line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    char line[LOG_LINE_MAX];
    bool found = false;
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0') {
            snprintf(ret_line, size, "%s", line);
            found = true;
        }
    }
    fclose(file);
    return found;
}

/* The agent begins its lines with its name and process; the rest is the reason. */
static const char *skip_prefix(const char *line)
{
    const char *end = strncmp(line, "stackpipe[", 10) == 0 ? strstr(line, "]: ") : NULL;
    return end != NULL ? end + 3 : line;
}

static void explain_without_connection(const struct spipe_recording *recording, const char *log_path)
{
    char line[LOG_LINE_MAX];
    if (log_path == NULL) {
        spipe_complain("nothing was recorded: no agent has connected; the file that STACKPIPE_LOG names may say why");
    } else if (spipe_record_summary_last_line(log_path, line, sizeof line)) {
        spipe_complain("nothing was recorded: %s", skip_prefix(line));
    } else if (recording->turned_away > 0) {
        spipe_complain(
            "nothing was recorded: only processes that the program has started have connected, not the program itself");
    } else {
        spipe_complain("nothing was recorded: no agent has connected; the program ended before it could, what "
                       "started it has cleared the environment, or it is under a filter of system calls of its own");
    }
}

void spipe_record_summary_explain(const struct spipe_recording *recording, const char *log_path)
{
    const struct spipe_host_end *end = &recording->last_end;
    if (end->reason == 0) {
        explain_without_connection(recording, log_path);
    } else if (end->reason == SPIPE_HOST_END_REFUSED) {
        spipe_complain("nothing was recorded: the agent refused: %s", end->text);
    } else {
        spipe_complain("nothing was recorded: the connection ended before the agent had said who it is (%s%s%s)",
                       spipe_host_end_reason_name(end->reason), end->text[0] != '\0' ? ": " : "", end->text);
    }
}

static void say_what_is_in(const struct spipe_summary *summary, const struct spipe_recorder *recorder)
{
    char samples[SPIPE_PLAIN_NUMBER_MAX];
    char cpu[SPIPE_PLAIN_NUMBER_MAX];
    char of_cpu[SPIPE_PLAIN_NUMBER_MAX + 16] = "";
    char size[SPIPE_PLAIN_NUMBER_MAX];
    /* Without a ledger, which comes once a second and at the end, it is not known. */
    if (summary->process_cpu_ns > 0) {
        snprintf(of_cpu, sizeof of_cpu, " of %s CPU time", spipe_plain_text_duration(summary->process_cpu_ns, cpu));
    }
    spipe_complain("%s%s in %s (%s)", spipe_plain_text_count(summary->samples, "sample", samples), of_cpu,
                   recorder->path, spipe_plain_text_size(recorder->len, size));
}

static void say_how_good_it_is(const struct spipe_summary *summary, bool is_cut)
{
    char lost[SPIPE_LOSSES_MAX];
    spipe_losses_format(summary, "nothing lost", lost);
    if (summary->samples == 0 && !summary->cut) {
        spipe_complain("the program used too little CPU time for a sample; %s", lost);
    } else if (summary->process_cpu_ns > 0) {
        spipe_complain("they stand for %.1f %% of it, %s",
                       spipe_plain_text_percent(summary->weight_ns, summary->process_cpu_ns), lost);
    }
    if (is_cut) {
        spipe_complain("the program ended without the agent's goodbye; what it did in its last moments is missing");
    }
}

static void say_how_threads_lived(const struct spipe_wall_summary *wall)
{
    char threads[SPIPE_PLAIN_NUMBER_MAX];
    char lived[SPIPE_PLAIN_NUMBER_MAX];
    char ran[SPIPE_PLAIN_NUMBER_MAX];
    char queued[SPIPE_PLAIN_NUMBER_MAX];
    char slept[SPIPE_PLAIN_NUMBER_MAX];
    spipe_complain("%s lived for %s: %s running, %s waiting for a CPU, %s waiting",
                   spipe_plain_text_count(wall->thread_count, "thread", threads),
                   spipe_plain_text_duration(wall->weight_ns, lived),
                   spipe_plain_text_duration(wall->ns[SPIPE_STATE_RUNNING], ran),
                   spipe_plain_text_duration(wall->ns[SPIPE_STATE_RUNNABLE], queued),
                   spipe_plain_text_duration(wall->ns[SPIPE_STATE_WAITING], slept));
}

static void write_about_file(const struct spipe_recorder *recorder)
{
    struct spipe_store *store = spipe_store_new(NULL);
    struct spipe_capture_end end;
    struct spipe_summary summary;
    if (store != NULL && spipe_capture_load_file(recorder->path, store, &end) == 0 &&
        spipe_summary_init(store, NULL, &end, 1, &summary) == 0) {
        say_what_is_in(&summary, recorder);
        say_how_good_it_is(&summary, summary.cut && recorder->status == 0);
        spipe_record_processes_write(&summary.processes);
        if (summary.wall.has_source) {
            say_how_threads_lived(&summary.wall);
        }
        spipe_complain("look at it with: stackpipe report %s", recorder->path);
        spipe_summary_done(&summary);
    }
    spipe_store_free(store);
}

void spipe_record_summary_write(const struct spipe_recording *recording, const struct spipe_recorder *recorder)
{
    if (recorder->is_regular) {
        write_about_file(recorder);
    } else {
        spipe_complain("%" PRIu64 " samples went to %s, %" PRIu64 " were lost", spipe_recording_samples(recording),
                       recorder->path, spipe_recording_lost(recording));
    }
    if (recording->unmet_text[0] != '\0') {
        spipe_complain("not quite as asked: %s", recording->unmet_text);
    }
    if (recording->followed.failed > 0) {
        spipe_complain("%" PRIu32 " sessions of children could not be kept whole: %s", recording->followed.failed,
                       recording->followed.text);
    }
    if (recording->turned_away > 0) {
        spipe_complain("%" PRIu32
                       " connection%s of other processes %s turned away; only the program itself is recorded",
                       recording->turned_away, recording->turned_away == 1 ? "" : "s",
                       recording->turned_away == 1 ? "was" : "were");
    }
}
