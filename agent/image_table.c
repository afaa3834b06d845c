/* SPDX-License-Identifier: MIT */
#include "image_table.h"

#include "eh_frame.h"
#include "elf_image.h"
#include "pages.h"
#include "perf_drain.h"

#include <string.h>

#define HEADER_MAX (64u * 1024u * 1024u)
#define CHUNK (1024u * 1024u)
#define EXTENTS_MAX 64u

/* A copy of a part of the image. */
struct copy {
    unsigned char *bytes;
    size_t size;            /* of the pages */
    size_t len;             /* copied */
};

static void copy_free(struct copy *copy)
{
    spipe_pages_free(copy->bytes, copy->size);
}

/* Where the entries end: a length of zero, or the first that reaches beyond what is there. Each entry begins with its
 * length. */
static bool find_end_mark(const struct copy *copy, size_t *at)
{
    while (copy->len - *at >= 4) {
        uint32_t length;
        memcpy(&length, copy->bytes + *at, sizeof length);
        if (length == 0)
            return true;
        if (length > copy->len - *at - 4)
            return false;
        *at += 4 + (size_t)length;
    }
    return false;
}

/* Copies up to `max` bytes piece by piece, and no further than the entries go: behind them other data may follow for
 * megabytes. */
static bool copy_entries(struct copy *copy, uint64_t address, size_t max)
{
    size_t at = 0;
    if (max > SPIPE_EH_FRAME_LIMIT)
        max = SPIPE_EH_FRAME_LIMIT;
    copy->bytes = spipe_pages_new(max);
    copy->size = max;
    if (copy->bytes == NULL)
        return false;
    while (copy->len < max && !find_end_mark(copy, &at)) {
        size_t len = max - copy->len < CHUNK ? max - copy->len : CHUNK;
        while (len > 0 && !spipe_elf_image_copy(address + copy->len, copy->bytes + copy->len, len))
            len /= 2;       /* the mapping ends within this piece */
        if (len == 0)
            break;
        copy->len += len;
    }
    return copy->len > 0;
}

static bool copy_header(struct copy *copy, const struct spipe_loaded_image *image)
{
    size_t len = image->eh_frame_hdr_len > HEADER_MAX ? HEADER_MAX : (size_t)image->eh_frame_hdr_len;
    copy->bytes = spipe_pages_new(len);
    copy->size = len;
    copy->len = len;
    return copy->bytes != NULL && len > 0 && spipe_elf_image_copy(image->eh_frame_hdr, copy->bytes, len);
}

static size_t find_extents(const struct spipe_loaded_image *image, const struct spipe_code_map *map,
                           struct spipe_code_extent *extent)
{
    size_t count = 0;
    for (uint32_t i = 0; i < map->count && count < EXTENTS_MAX; i++) {
        const struct spipe_code_range *range = &map->range[i];
        if (spipe_images_of_range(range) == image && range->image_base == image->start)
            extent[count++] = (struct spipe_code_extent){range->start - image->start, range->end - image->start};
    }
    return count;
}

static enum spipe_unwind verdict_of(enum spipe_eh_frame_coverage coverage)
{
    switch (coverage) {
    case SPIPE_EH_FRAME_FULL: return SPIPE_UNWIND_FULL;
    case SPIPE_EH_FRAME_PARTIAL: return SPIPE_UNWIND_PARTIAL;
    case SPIPE_EH_FRAME_NONE: break;
    }
    return SPIPE_UNWIND_NONE;
}

enum spipe_unwind spipe_image_table_build(const struct spipe_loaded_image *image, const struct spipe_code_map *map,
                                          struct spipe_unwind_table **ret_table)
{
    struct copy header = {0};
    struct copy entries = {0};
    struct spipe_code_extent extent[EXTENTS_MAX];
    struct spipe_eh_frame_summary summary = {0};
    uint64_t header_offset = image->eh_frame_hdr - image->start;
    uint64_t entries_offset;
    uint32_t entry_count;

    *ret_table = NULL;
    if (!copy_header(&header, image) ||
        spipe_eh_frame_locate(header.bytes, header.len, header_offset, image->start, &entries_offset, &entry_count) < 0)
        goto out;
    if (entries_offset >= image->end - image->start ||
        !copy_entries(&entries, image->start + entries_offset, (size_t)(image->end - image->start - entries_offset)))
        goto out;

    struct spipe_eh_frame_image input = {.image_base = image->start,
                                         .eh_frame = entries.bytes,
                                         .eh_frame_len = entries.len,
                                         .eh_frame_offset = entries_offset,
                                         .header = header.bytes,
                                         .header_len = header.len,
                                         .header_offset = header_offset,
                                         .code = extent,
                                         .code_count = find_extents(image, map, extent),
                                         .pause = spipe_perf_drain_relieve};
    if (spipe_eh_frame_compile(&input, ret_table, &summary) < 0)
        *ret_table = NULL;
out:
    copy_free(&header);
    copy_free(&entries);
    return *ret_table == NULL ? SPIPE_UNWIND_NONE : verdict_of(summary.coverage);
}
