/* SPDX-License-Identifier: MIT */
/*
 * For tests: an image's .eh_frame and executable ranges, from a file or from the memory of this process.
 */
#ifndef SPIPE_TESTS_ELF_PARTS_H
#define SPIPE_TESTS_ELF_PARTS_H

#include "agent/eh_frame.h"

#include <stdbool.h>

#define ELF_PARTS_EXTENTS 16u

struct elf_parts {
    void *map;                  /* of a file; NULL for memory */
    size_t map_len;
    struct spipe_code_extent code[ELF_PARTS_EXTENTS];
    struct spipe_eh_frame_image frame;      /* eh_frame is NULL when the image has none */
};

/* Maps a file and finds its parts, with its lowest address as image base. False when it is no 64-bit ELF file. */
bool elf_parts_open(const char *path, struct elf_parts *image);
void elf_parts_close(struct elf_parts *image);

/* Finds the parts of an image that is loaded with its headers at `base`. False when there is no ELF header. */
bool elf_parts_find(const void *base, struct elf_parts *image);

#endif
