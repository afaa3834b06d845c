/* SPDX-License-Identifier: MIT */
#include "elf_parts.h"

#include "protocol/status.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const Elf64_Phdr *find_segment(const Elf64_Ehdr *header, uint32_t type, size_t *index)
{
    const Elf64_Phdr *segment = (const Elf64_Phdr *)(const void *)((const char *)header + header->e_phoff);
    for (; *index < header->e_phnum; (*index)++) {
        if (segment[*index].p_type == type)
            return &segment[(*index)++];
    }
    return NULL;
}

static const Elf64_Phdr *find_load(const Elf64_Ehdr *header, uint64_t address)
{
    const Elf64_Phdr *segment;
    for (size_t i = 0; (segment = find_segment(header, PT_LOAD, &i)) != NULL;) {
        if (address >= segment->p_vaddr && address < segment->p_vaddr + segment->p_filesz)
            return segment;
    }
    return NULL;
}

static bool is_elf(const void *bytes)
{
    const Elf64_Ehdr *header = bytes;
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64;
}

/* Fills in everything. A segment's bytes are at its file offset, or, in memory, at its address. */
static void find_parts(const char *bytes, bool in_memory, struct elf_parts *image)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)bytes;
    struct spipe_eh_frame_image *frame = &image->frame;
    size_t i = 0;
    const Elf64_Phdr *segment = find_segment(header, PT_LOAD, &i);
    uint64_t lowest = segment == NULL ? 0 : segment->p_vaddr & ~UINT64_C(4095);
    frame->image_base = in_memory ? (uint64_t)(uintptr_t)bytes : lowest;
    frame->code = image->code;
    for (i = 0; (segment = find_segment(header, PT_LOAD, &i)) != NULL && frame->code_count < ELF_PARTS_EXTENTS;) {
        if (segment->p_flags & PF_X)
            image->code[frame->code_count++] = (struct spipe_code_extent){
                segment->p_vaddr - lowest, segment->p_vaddr - lowest + segment->p_filesz};
    }
    i = 0;
    segment = find_segment(header, PT_GNU_EH_FRAME, &i);
    if (segment == NULL)
        return;
    frame->header = (const unsigned char *)bytes + (in_memory ? segment->p_vaddr - lowest : segment->p_offset);
    frame->header_len = segment->p_filesz;
    frame->header_offset = segment->p_vaddr - lowest;
    uint64_t offset;
    uint32_t count;
    if (spipe_eh_frame_locate(frame->header, frame->header_len, frame->header_offset, frame->image_base, &offset,
                              &count) != 0)
        return;
    const Elf64_Phdr *load = find_load(header, offset + lowest);
    if (load == NULL)
        return;
    frame->eh_frame_offset = offset;
    frame->eh_frame =
        (const unsigned char *)bytes + (in_memory ? offset : offset + lowest - load->p_vaddr + load->p_offset);
    frame->eh_frame_len = load->p_vaddr + load->p_filesz - (offset + lowest);
}

bool elf_parts_open(const char *path, struct elf_parts *image)
{
    memset(image, 0, sizeof(*image));
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    if (fstat(descriptor, &status) == 0 && status.st_size > (off_t)sizeof(Elf64_Ehdr)) {
        image->map_len = (size_t)status.st_size;
        image->map = mmap(NULL, image->map_len, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    close(descriptor);
    if (image->map == NULL || image->map == MAP_FAILED)
        return false;
    if (!is_elf(image->map)) {
        elf_parts_close(image);
        return false;
    }
    find_parts(image->map, false, image);
    return true;
}

void elf_parts_close(struct elf_parts *image)
{
    munmap(image->map, image->map_len);
    image->map = NULL;
}

bool elf_parts_find(const void *base, struct elf_parts *image)
{
    memset(image, 0, sizeof(*image));
    if (!is_elf(base))
        return false;
    find_parts(base, true, image);
    return true;
}
