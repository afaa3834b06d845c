/* SPDX-License-Identifier: MIT */
/*
 * What an ELF image in memory says of itself. The image may be unmapped or damaged at any time: memory is copied by the
 * kernel, which answers with an error where a load would fault. Agent threads.
 */
#ifndef SPIPE_AGENT_ELF_IMAGE_H
#define SPIPE_AGENT_ELF_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_elf_image {
    uint64_t address_in_file;       /* the file's address of the image's first byte */
    uint64_t eh_frame_hdr;          /* runtime address; 0 when there is none */
    uint64_t eh_frame_hdr_len;
    uint64_t code_file_offset;      /* the executable segment: its place and length in the file, and the file's address of it */
    uint64_t code_len;
    uint64_t code_address;
    uint8_t build_id[64];
    uint32_t build_id_len;
};

/* Copies `len` bytes of this process's own memory. False when not all of it is readable. */
bool spipe_elf_image_copy(uint64_t address, void *bytes, size_t len);

/* The same, as far as it is readable; returns how much was copied. */
size_t spipe_elf_image_copy_some(uint64_t address, void *bytes, size_t len);

/* Reads the headers of the image mapped at `start`. False when it is no 64-bit ELF image of this machine, or damaged. */
bool spipe_elf_image_read(uint64_t start, uint64_t end, struct spipe_elf_image *ret_image);

#endif
