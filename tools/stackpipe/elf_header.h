/* SPDX-License-Identifier: MIT */
/*
 * The few facts of an ELF file that decide whether the dynamic loader can bring the agent in. Files are not trusted.
 */
#ifndef SPIPE_TOOL_ELF_HEADER_H
#define SPIPE_TOOL_ELF_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#define SPIPE_ELF_INTERPRETER_MAX 256

struct spipe_elf_header {
    unsigned width; /* 32 or 64 bits */
    bool big_endian;
    unsigned machine; /* EM_... */
    unsigned type;    /* ET_... */
    bool has_interpreter;
    char interpreter[SPIPE_ELF_INTERPRETER_MAX]; /* path of the dynamic loader; "" when there is none */
};

/* Reads the header from the file open at `fd`; its position is neither used nor moved. SPIPE_E_FORMAT: it is no ELF
 * file, or a damaged one; SPIPE_E_SYSTEM: it cannot be read. Of files in the other byte order only width, order,
 * machine and type are read. */
int spipe_elf_header_read(int fd, struct spipe_elf_header *ret_header);

#endif
