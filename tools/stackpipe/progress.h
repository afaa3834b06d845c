/* SPDX-License-Identifier: MIT */
/*
 * One line on a terminal, drawn again while a recording goes on.
 */
#ifndef SPIPE_TOOL_PROGRESS_H
#define SPIPE_TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct spipe_progress {
    FILE *stream;
    bool is_wanted;   /* not quiet, and the stream is a terminal */
    uint64_t next_ns; /* when it may be drawn again */
    int columns;      /* of the line that is there now */
    uint64_t last_time_ns;
    uint64_t last_samples;
    uint64_t rate; /* samples a second, between the last two drawings */
};

/* `stream` is drawn on only when it is a terminal and `quiet` is not set. */
void spipe_progress_init(struct spipe_progress *progress, FILE *stream, bool quiet);

/* The least time between two drawings. */
#define SPIPE_PROGRESS_INTERVAL_MS 250

/* Draws the line anew when it is time; not while this process is in the terminal's background. */
void spipe_progress_draw(struct spipe_progress *progress, uint64_t elapsed_ns, uint64_t samples, uint64_t lost);

/* Takes the line away, so that others can write there. */
void spipe_progress_clear(struct spipe_progress *progress);

/* The line's text, without the way it is drawn. Returns its length. */
int spipe_progress_format(char *text, size_t size, uint64_t elapsed_ns, uint64_t samples, uint64_t rate, uint64_t lost);

#endif
