/* SPDX-License-Identifier: MIT */
/*
 * Compiles the .eh_frame of one image into an unwind table.
 *
 * The input is a copy, and is not trusted: whatever it holds, the work and the memory are bounded by its length, and
 * an entry that makes no sense is skipped and counted while the rest of the image is kept. The entries are walked from
 * the start of .eh_frame and sorted here; the search table in .eh_frame_hdr is not read, because it may be absent (or
 * wrong) and would save only the sort. All memory comes from pages.h. Any thread; not in a handler.
 *
 * Offsets are relative to the image: runtime address minus image base.
 */
#ifndef SPIPE_AGENT_EH_FRAME_H
#define SPIPE_AGENT_EH_FRAME_H

#include "unwind_table.h"

#include <stddef.h>
#include <stdint.h>

/* Input beyond this is refused with SPIPE_E_LIMIT (the largest seen in practice is below 32 MiB). */
#define SPIPE_EH_FRAME_LIMIT (128u * 1024u * 1024u)

struct spipe_code_extent {
    uint64_t start;                 /* offsets in the image, [start, end) */
    uint64_t end;
};

struct spipe_eh_frame_image {
    uint64_t image_base;            /* runtime address of offset 0; only for entries that hold absolute addresses */
    const unsigned char *eh_frame;
    size_t eh_frame_len;            /* may reach beyond the section: a zero length word ends it */
    uint64_t eh_frame_offset;
    const unsigned char *header;    /* .eh_frame_hdr, or NULL: tells where a section without an end mark ends */
    size_t header_len;
    uint64_t header_offset;
    const struct spipe_code_extent *code;   /* the executable ranges, sorted; other places are skipped */
    size_t code_count;
    void (*pause)(void);            /* called now and then, since a large image takes long; or NULL */
};

enum spipe_eh_frame_coverage {
    SPIPE_EH_FRAME_NONE = 0,        /* no usable entry: there is no table */
    SPIPE_EH_FRAME_PARTIAL = 1,     /* some entries, or the ends of some, were left out */
    SPIPE_EH_FRAME_FULL = 2
};

struct spipe_eh_frame_summary {
    enum spipe_eh_frame_coverage coverage;
    uint32_t entry_count;           /* function entries (FDEs) used */
    uint32_t skipped_count;         /* entries left out: malformed, outside the code, or hidden by another one */
    uint32_t cut_count;             /* entries whose rest is "unsupported", or lies behind another one */
    uint32_t row_count;
    uint32_t rule_count;
    uint64_t size_bytes;            /* of the table */
};

/* Reads where .eh_frame is from .eh_frame_hdr, and how many entries it has (0 when the header does not say).
 * SPIPE_E_TRUNCATED, SPIPE_E_VERSION or SPIPE_E_UNSUPPORTED when it cannot be told. */
int spipe_eh_frame_locate(const unsigned char *header, size_t header_len, uint64_t header_offset, uint64_t image_base,
                          uint64_t *ret_eh_frame_offset, uint32_t *ret_entry_count);

/* Compiles. The table is the caller's, to be freed with spipe_unwind_table_free(). The summary is written in any case.
 * SPIPE_E_NOT_FOUND when there is no usable entry, SPIPE_E_LIMIT when the input is too large, SPIPE_E_NO_MEMORY. */
int spipe_eh_frame_compile(const struct spipe_eh_frame_image *image, struct spipe_unwind_table **ret_table,
                           struct spipe_eh_frame_summary *ret_summary);

#endif
