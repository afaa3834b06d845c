/* SPDX-License-Identifier: MIT */
/*
 * Compiles any bytes as .eh_frame, checks that the table is sound, and walks a stack made of the same bytes by it.
 *
 * The first byte chooses the surroundings (code extents, header); the rest is the section.
 */
#include "unwind_kit.h"

#include <stdlib.h>
#include <string.h>

#define SECTION_OFFSET UINT64_C(0x100000)
#define IMAGE UINT64_C(0x7f0000000000)
#define HEADER_LEN 12u

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
    if (len == 0)
        return 0;
    static const struct spipe_code_extent all = {0, UINT64_C(1) << 32};
    static const struct spipe_code_extent few[] = {{0, 0x1000}, {0x1000, 0x80000}, {0x90000, 0xf0000}};
    bool has_few = data[0] & 1;
    bool has_header = (data[0] & 2) && len > 1 + HEADER_LEN;
    size_t skipped = has_header ? 1 + HEADER_LEN : 1;
    struct spipe_eh_frame_image image = {.image_base = data[0] & 4 ? IMAGE : 0,
                                         .eh_frame_len = len - skipped,
                                         .eh_frame_offset = SECTION_OFFSET,
                                         .header = has_header ? data + 1 : NULL,
                                         .header_len = has_header ? HEADER_LEN : 0,
                                         .header_offset = SECTION_OFFSET - HEADER_LEN,
                                         .code = has_few ? few : &all,
                                         .code_count = has_few ? 3 : 1};
    /* Copied, so that a read before its start is seen, too. */
    unsigned char *section = malloc(len - skipped + 1);
    memcpy(section, data + skipped, len - skipped);
    image.eh_frame = section;
    fuzz_compile_and_walk(&image, data, len);
    free(section);
    return 0;
}
