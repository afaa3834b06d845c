/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/own_vdso.h"

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/* No vDSO is near this size; what its header claims beyond it is not believed. */
#define VDSO_LEN_MAX (64u * 1024u)

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct spipe_bytes spipe_own_vdso(void)
{
    struct spipe_bytes image = {(const uint8_t *)(uintptr_t)getauxval(AT_SYSINFO_EHDR), 0};
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)(uintptr_t)image.data;
    const ElfW(Phdr) *segment = NULL;
    uint64_t end = 0;

    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return (struct spipe_bytes){NULL, 0};
    segment = (const ElfW(Phdr) *)(uintptr_t)(image.data + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++)
        end = max(end, segment[i].p_offset + segment[i].p_filesz);
    end = max(end, (uint64_t)header->e_shoff + (uint64_t)header->e_shnum * header->e_shentsize);
    if (end > VDSO_LEN_MAX)
        return (struct spipe_bytes){NULL, 0};
    image.len = (size_t)end;
    return image;
}

int spipe_own_vdso_file(void)
{
    struct spipe_bytes image = spipe_own_vdso();
    int fd = image.data ? memfd_create("vdso", MFD_CLOEXEC) : -1;

    if (fd >= 0 && write(fd, image.data, image.len) != (ssize_t)image.len) {
        close(fd);
        return -1;
    }
    return fd;
}
