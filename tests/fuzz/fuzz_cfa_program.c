/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the instructions of call frame information, inside entries that are well-formed, so that all of the
 * fuzzer's work goes into the instructions and their expressions. Then a walk by what came of them.
 *
 * The first byte is the length of the common entry's instructions, the second chooses alignments and augmentation;
 * the rest is instructions, in pieces of up to 64 bytes for one function each.
 */
#include "unwind_kit.h"

#include <stdlib.h>
#include <string.h>

#define SECTION_OFFSET UINT64_C(0x1000)
#define CODE_OFFSET 0x10000u
#define FUNCTION_LEN 0x400u
#define FUNCTIONS_MAX 64u
#define INSTRUCTIONS_MAX 64u
#define SECTION_MAX (FUNCTIONS_MAX * (INSTRUCTIONS_MAX + 32u) + 512u)

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

struct section {
    unsigned char *bytes;
    size_t len;
};

static void put(struct section *section, const void *bytes, size_t len)
{
    memcpy(section->bytes + section->len, bytes, len);
    section->len += len;
}

static void put_u32(struct section *section, uint32_t number)
{
    put(section, &number, sizeof number);
}

static size_t begin_entry(struct section *section)
{
    put_u32(section, 0);
    return section->len;
}

static void end_entry(struct section *section, size_t start)
{
    uint32_t len = (uint32_t)(section->len - start);
    memcpy(section->bytes + start - 4, &len, sizeof len);
}

/* Version 1, pointers relative to their own place, and the return address in register 16. */
static void put_common(struct section *section, uint8_t choice, const unsigned char *instructions, size_t len)
{
    static const char letters[] = "zRS";
    unsigned char data_alignment = choice & 2 ? 0x7f : choice & 4 ? 0x08 : 0x78;
    unsigned char tail[] = {choice & 8 ? 4 : 1, data_alignment, 16, 1, 0x1b};
    size_t start = begin_entry(section);
    put_u32(section, 0);
    put(section, "\1", 1);
    put(section, letters, choice & 1 ? 3 : 2);
    put(section, "", 1);
    put(section, tail, sizeof tail);
    put(section, instructions, len);
    end_entry(section, start);
}

static void put_function(struct section *section, uint32_t number, const unsigned char *instructions, size_t len)
{
    size_t start = begin_entry(section);
    put_u32(section, (uint32_t)start);
    put_u32(section, (uint32_t)(CODE_OFFSET + number * FUNCTION_LEN - (SECTION_OFFSET + section->len)));
    put_u32(section, FUNCTION_LEN);
    put(section, "", 1);
    put(section, instructions, len);
    end_entry(section, start);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
    static const struct spipe_code_extent code = {CODE_OFFSET, CODE_OFFSET + FUNCTIONS_MAX * FUNCTION_LEN};
    if (len < 3)
        return 0;
    struct section section = {malloc(SECTION_MAX), 0};
    size_t common_len = data[0] < len - 2 ? data[0] : len - 2;
    put_common(&section, data[1], data + 2, common_len);
    size_t at = 2 + common_len;
    for (uint32_t i = 0; i < FUNCTIONS_MAX && at < len; i++) {
        size_t piece = len - at < INSTRUCTIONS_MAX ? len - at : INSTRUCTIONS_MAX;
        put_function(&section, i, data + at, piece);
        at += piece;
    }
    put_u32(&section, 0);
    /* Of just that size, so that each look beyond the end is seen. */
    unsigned char *bytes = malloc(section.len);
    memcpy(bytes, section.bytes, section.len);
    free(section.bytes);
    struct spipe_eh_frame_image image = {.eh_frame = bytes,
                                         .eh_frame_len = section.len,
                                         .eh_frame_offset = SECTION_OFFSET,
                                         .code = &code,
                                         .code_count = 1};
    fuzz_compile_and_walk(&image, data, len);
    free(bytes);
    return 0;
}
