/* SPDX-License-Identifier: MIT */
/*
 * The units that an agent sends, kept in a file as they came: a capture.
 *
 * An existing file keeps its content until there is something to put in its place. Whatever goes wrong, the file ends
 * with a whole message.
 */
#ifndef SPIPE_TOOL_RECORDER_H
#define SPIPE_TOOL_RECORDER_H

#include "protocol/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_recorder {
    int fd;           /* -1: not open */
    const char *path; /* the caller's */
    bool created;     /* the file was not there before */
    bool is_regular;
    bool has_content; /* something was written */
    uint8_t *pending;
    size_t pending_len;
    size_t pending_capacity;
    uint64_t len;   /* bytes in the file */
    int status;     /* SPIPE_OK, or why it takes nothing more */
    char text[160]; /* the same in words */
};

/* Opens or creates the file, mode 0600. `path` must outlive the recorder. On failure `text` says why, in words of the
 * system. */
int spipe_recorder_open(struct spipe_recorder *recorder, const char *path);

/* Takes one whole unit. Returns `status`: after a failure nothing more is taken. */
int spipe_recorder_add(struct spipe_recorder *recorder, struct spipe_bytes unit);

/* Writes out what is held back. Returns `status`. */
int spipe_recorder_flush(struct spipe_recorder *recorder);

/* Forgets what is held back. */
void spipe_recorder_discard(struct spipe_recorder *recorder);

/* Writes out, closes, and removes a file that was created for nothing. Returns `status`. */
int spipe_recorder_close(struct spipe_recorder *recorder);

#endif
