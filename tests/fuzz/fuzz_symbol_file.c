/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the file of an image that was recorded: symbols, PLT names, unwind starts and debug information, looked up
 * at the addresses that the first bytes choose.
 */
#define _GNU_SOURCE

#include "viewer-stub/host/symbol_file.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOOKUPS 16u
#define CHOICES (LOOKUPS * 3u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The build id that the file itself claims, so that it counts as the one that ran. */
static struct spipe_bytes claimed_build_id(int fd, uint8_t *memory, size_t size)
{
    struct spipe_bytes build_id = {memory, 0};
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *found = NULL;
    ssize_t len = elf != NULL ? dwelf_elf_gnu_build_id(elf, &found) : 0;
    if (len > 0 && (size_t)len <= size) {
        memcpy(memory, found, (size_t)len);
        build_id.len = (size_t)len;
    }
    elf_end(elf);
    return build_id;
}

static void find_places(struct spipe_symbol_file *file, const uint8_t *choices)
{
    static struct spipe_symbol_place places[SPIPE_INLINED_MAX];
    for (unsigned i = 0; i < LOOKUPS; i++, choices += 3) {
        uint64_t address = choices[0] | (uint64_t)choices[1] << 8 | (uint64_t)choices[2] << 16;
        size_t count = spipe_symbol_file_find(file, address, places);
        require(count >= 1 && count <= SPIPE_INLINED_MAX);
        for (size_t k = 0; k < count; k++)
            require(strlen(places[k].name) + strlen(places[k].file) + strlen(places[k].declared_file) < SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= CHOICES)
        return 0;
    uint8_t build_id_memory[64];
    char path[64];
    struct spipe_symbol_file *file = NULL;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data + CHOICES, size - CHOICES) == (ssize_t)(size - CHOICES));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct spipe_bytes build_id = claimed_build_id(fd, build_id_memory, sizeof build_id_memory);
    require(spipe_symbol_file_open(path, build_id, &file) == 0);
    find_places(file, data);
    spipe_symbol_file_close(file);
    close(fd);
    return 0;
}
