/* SPDX-License-Identifier: MIT */
/*
 * Where functions begin and end by the word of .eh_frame, for images that were stripped of their names.
 *
 * Reads the sorted table of .eh_frame_hdr in place, without an index of its own. Only the encodings that linkers write
 * today are read, and an entry counts only when table and frame description agree. Any thread may look up.
 */
#ifndef SPIPE_HOST_UNWIND_STARTS_H
#define SPIPE_HOST_UNWIND_STARTS_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_unwind_starts {
    const unsigned char *table; /* pairs of 32-bit offsets from `header_address`: code, frame description */
    size_t count;
    uint64_t header_address;
    const unsigned char *frames; /* .eh_frame */
    size_t frames_len;
    uint64_t frames_address;
};

/* Finds the tables of `elf`, whose data must outlive the lookups. Without tables all lookups find nothing. */
void spipe_unwind_starts_init(struct spipe_unwind_starts *starts, Elf *elf);

/* The start of the function that holds the address; false when no entry says so. */
bool spipe_unwind_starts_find(const struct spipe_unwind_starts *starts, uint64_t address, uint64_t *ret_start);

#endif
