/* SPDX-License-Identifier: MIT */
#include "losses.h"

#include <inttypes.h>
#include <string.h>

const char *spipe_losses_cause_words(const char *name)
{
    static const struct {
        const char *name;
        const char *words;
    } causes[] = {
        {"ring_full", "the thread's ring was full"},
        {"pipe_full", "the pipe took nothing"},
        {"paused", "recording was paused"},
        {"no_slot", "threads had no timer"},
        {"in_agent", "the agent itself was running"},
        {"blocked", "threads kept the signal blocked"},
        {"other", "other reasons"},
        {"connection", "the connection was lost"},
        {"no_host", "there was no host"},
    };
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        if (strcmp(causes[i].name, name) == 0) {
            return causes[i].words;
        }
    }
    return name;
}

char *spipe_losses_format(const struct spipe_summary *summary, const char *nothing, char text[SPIPE_LOSSES_MAX])
{
    if (summary->dropped_total == 0) {
        snprintf(text, SPIPE_LOSSES_MAX, "%s", nothing);
        return text;
    }
    const struct spipe_summary_drop *most = &summary->dropped[0];
    for (size_t i = 1; i < SPIPE_SUMMARY_DROP_CAUSES; i++) {
        most = summary->dropped[i].count > most->count ? &summary->dropped[i] : most;
    }
    snprintf(text, SPIPE_LOSSES_MAX, "%" PRIu64 " lost (%s%s)", summary->dropped_total,
             most->count < summary->dropped_total ? "mostly: " : "", spipe_losses_cause_words(most->name));
    return text;
}
