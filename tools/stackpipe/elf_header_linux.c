/* SPDX-License-Identifier: MIT */
#include "elf_header.h"

#include "protocol/status.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Programs have about a dozen; a file that claims more than this is damaged. */
#define PROGRAM_HEADERS_MAX 512

/* Reads exactly `len` bytes. */
static int read_at(int fd, uint64_t offset, void *bytes, size_t len)
{
    if (offset > INT64_MAX) {
        return SPIPE_E_FORMAT;
    }
    ssize_t got;
    do {
        got = pread(fd, bytes, len, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return SPIPE_E_SYSTEM;
    }
    return (size_t)got == len ? 0 : SPIPE_E_FORMAT;
}

/* Where the program headers are, whatever the width. */
struct program_headers {
    uint64_t offset;
    unsigned count;
    unsigned entry_size;
};

static int read_interpreter(int fd, uint64_t offset, uint64_t len, struct spipe_elf_header *header)
{
    if (len == 0 || len > sizeof header->interpreter) {
        return SPIPE_E_FORMAT;
    }
    int status = read_at(fd, offset, header->interpreter, (size_t)len);
    if (status != 0) {
        return status;
    }
    header->interpreter[len - 1] = '\0';
    header->has_interpreter = true;
    return 0;
}

/* The place of what one program header describes, when it is the interpreter's. */
static int read_program_header(int fd, uint64_t offset, unsigned width, bool *ret_found, uint64_t *ret_offset,
                               uint64_t *ret_len)
{
    union {
        Elf32_Phdr narrow;
        Elf64_Phdr wide;
    } header;
    int status = read_at(fd, offset, &header, width == 64 ? sizeof header.wide : sizeof header.narrow);
    if (status != 0) {
        return status;
    }
    *ret_found = (width == 64 ? header.wide.p_type : header.narrow.p_type) == PT_INTERP;
    *ret_offset = width == 64 ? header.wide.p_offset : header.narrow.p_offset;
    *ret_len = width == 64 ? header.wide.p_filesz : header.narrow.p_filesz;
    return 0;
}

static int find_interpreter(int fd, const struct program_headers *headers, struct spipe_elf_header *header)
{
    size_t needed = header->width == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (headers->count > PROGRAM_HEADERS_MAX || (headers->count > 0 && headers->entry_size < needed)) {
        return SPIPE_E_FORMAT;
    }
    for (unsigned i = 0; i < headers->count; i++) {
        bool found = false;
        uint64_t offset = 0;
        uint64_t len = 0;
        if (headers->offset > UINT64_MAX - (uint64_t)i * headers->entry_size) {
            return SPIPE_E_FORMAT;
        }
        int status = read_program_header(fd, headers->offset + (uint64_t)i * headers->entry_size, header->width, &found,
                                         &offset, &len);
        if (status != 0) {
            return status;
        }
        if (found) {
            return read_interpreter(fd, offset, len, header);
        }
    }
    return 0;
}

/* The two fields after the identification, which lie at the same place in both widths. */
static unsigned read_half(const unsigned char *bytes, bool big_endian)
{
    return big_endian ? (unsigned)(bytes[0] << 8 | bytes[1]) : (unsigned)(bytes[1] << 8 | bytes[0]);
}

static int read_program_headers(int fd, const struct spipe_elf_header *header, struct program_headers *ret_headers)
{
    union {
        Elf32_Ehdr narrow;
        Elf64_Ehdr wide;
    } file;
    int status = read_at(fd, 0, &file, header->width == 64 ? sizeof file.wide : sizeof file.narrow);
    if (status != 0) {
        return status;
    }
    ret_headers->offset = header->width == 64 ? file.wide.e_phoff : file.narrow.e_phoff;
    ret_headers->count = header->width == 64 ? file.wide.e_phnum : file.narrow.e_phnum;
    ret_headers->entry_size = header->width == 64 ? file.wide.e_phentsize : file.narrow.e_phentsize;
    return 0;
}

int spipe_elf_header_read(int fd, struct spipe_elf_header *ret_header)
{
    unsigned char start[EI_NIDENT + 4];
    int status = read_at(fd, 0, start, sizeof start);
    if (status != 0) {
        return status;
    }
    unsigned class = start[EI_CLASS];
    unsigned order = start[EI_DATA];
    if (memcmp(start, ELFMAG, SELFMAG) != 0 || (class != ELFCLASS32 && class != ELFCLASS64) ||
        (order != ELFDATA2LSB && order != ELFDATA2MSB)) {
        return SPIPE_E_FORMAT;
    }
    struct spipe_elf_header header = {.width = class == ELFCLASS64 ? 64 : 32, .big_endian = order == ELFDATA2MSB};
    header.type = read_half(start + EI_NIDENT, header.big_endian);
    header.machine = read_half(start + EI_NIDENT + 2, header.big_endian);
    if (header.big_endian == (BYTE_ORDER == BIG_ENDIAN)) {
        struct program_headers headers;
        status = read_program_headers(fd, &header, &headers);
        if (status == 0) {
            status = find_interpreter(fd, &headers, &header);
        }
    }
    if (status == 0) {
        *ret_header = header;
    }
    return status;
}
