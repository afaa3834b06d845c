/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <unistd.h>

#define LINE_MAX_LEN 160
#define INTERVAL_NS  (SPIPE_PROGRESS_INTERVAL_MS * UINT64_C(1000000))

void spipe_progress_init(struct spipe_progress *progress, FILE *stream, bool quiet)
{
    *progress = (struct spipe_progress){.stream = stream};
    /* A program that ends at once is not worth a line. */
    progress->next_ns = INTERVAL_NS;
    progress->is_wanted = !quiet && isatty(fileno(stream)) == 1;
}

int spipe_progress_format(char *text, size_t size, uint64_t elapsed_ns, uint64_t samples, uint64_t rate, uint64_t lost)
{
    uint64_t seconds = elapsed_ns / 1000000000u;
    uint64_t tenths = elapsed_ns / 100000000u % 10;
    return snprintf(text, size,
                    "recording %" PRIu64 ":%02" PRIu64 ".%" PRIu64 "  %" PRIu64 " samples  %" PRIu64 "/s  %" PRIu64
                    " lost",
                    seconds / 60, seconds % 60, tenths, samples, rate, lost);
}

/* A write from the background may stop this process, and then nothing would read the pipe. */
static bool is_in_foreground(FILE *stream)
{
    return tcgetpgrp(fileno(stream)) == getpgrp();
}

static void measure_rate(struct spipe_progress *progress, uint64_t elapsed_ns, uint64_t samples)
{
    uint64_t span_ns = elapsed_ns - progress->last_time_ns;
    if (span_ns < 100000000u) {
        return;
    }
    progress->rate = (uint64_t)((double)(samples - progress->last_samples) * 1e9 / (double)span_ns + 0.5);
    progress->last_time_ns = elapsed_ns;
    progress->last_samples = samples;
}

void spipe_progress_draw(struct spipe_progress *progress, uint64_t elapsed_ns, uint64_t samples, uint64_t lost)
{
    if (!progress->is_wanted || elapsed_ns < progress->next_ns || !is_in_foreground(progress->stream)) {
        return;
    }
    progress->next_ns = elapsed_ns + INTERVAL_NS;
    measure_rate(progress, elapsed_ns, samples);
    char text[LINE_MAX_LEN];
    int len = spipe_progress_format(text, sizeof text, elapsed_ns, samples, progress->rate, lost);
    int padding = progress->columns > len ? progress->columns - len : 0;
    fprintf(progress->stream, "\r%s%*s", text, padding, "");
    fflush(progress->stream);
    progress->columns = len;
}

void spipe_progress_clear(struct spipe_progress *progress)
{
    if (progress->columns == 0 || !is_in_foreground(progress->stream)) {
        return;
    }
    fprintf(progress->stream, "\r%*s\r", progress->columns, "");
    fflush(progress->stream);
    progress->columns = 0;
}
