/* SPDX-License-Identifier: MIT */
/*
 * What the host's first bytes mean: see "Opening" in protocol/README.md. A pure function of the bytes, whatever pieces
 * they come in.
 */
#ifndef SPIPE_AGENT_OPENING_H
#define SPIPE_AGENT_OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spipe_opening {
    SPIPE_OPENING_MORE = 0,         /* too early to say */
    SPIPE_OPENING_PROTOBUF = 1,     /* our preface; messages follow from byte 8 on */
    SPIPE_OPENING_OTHER_MAJOR = 2,  /* our preface with another major version, in byte 7 */
    SPIPE_OPENING_NO_PREFACE = 3,   /* a protobuf host that forgot the preface, or no host of ours at all */
    SPIPE_OPENING_TEXT = 4          /* the text dialect; `ret_len` bytes are the text, a byte order mark included */
};

/* Longest text that is looked at. */
#define SPIPE_OPENING_TEXT_MAX 4096u

/* Judges the first `len` bytes. `is_end`: no more will come (end of input, or half a second of silence after text). */
enum spipe_opening spipe_opening_judge(const uint8_t *bytes, size_t len, bool is_end, size_t *ret_len);

#endif
