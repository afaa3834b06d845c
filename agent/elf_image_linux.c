/* SPDX-License-Identifier: MIT */
#include "elf_image.h"

#include "protocol/system_linux.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE 4096u
#define HEADERS_MAX 64u
#define NOTES_MAX 4096u

/* Where process_vm_readv is filtered away, /proc/self/mem does the same. */
static bool copy_from_mem_file(uint64_t address, void *bytes, size_t len)
{
    long file = spipe_system(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return false;
    long got = spipe_system(SYS_pread64, file, bytes, len, address);
    (void)spipe_system(SYS_close, file);
    return got == (long)len;
}

bool spipe_elf_image_copy(uint64_t address, void *bytes, size_t len)
{
    struct iovec to = {bytes, len};
    struct iovec from = {(void *)(uintptr_t)address, len};
    long got = spipe_system(SYS_process_vm_readv, spipe_system(SYS_getpid), &to, 1, &from, 1, 0);
    if (got == (long)len)
        return true;
    return got < 0 && got != -14 /* EFAULT */ && copy_from_mem_file(address, bytes, len);
}

size_t spipe_elf_image_copy_some(uint64_t address, void *bytes, size_t len)
{
    struct iovec to = {bytes, len};
    struct iovec from = {(void *)(uintptr_t)address, len};
    long got = spipe_system(SYS_process_vm_readv, spipe_system(SYS_getpid), &to, 1, &from, 1, 0);
    return got < 0 ? 0 : (size_t)got;
}

static void find_build_id(const unsigned char *notes, size_t len, struct spipe_elf_image *image)
{
    size_t at = 0;
    while (len - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof note);
        at += sizeof note;
        size_t name_len = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        size_t description_len = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name_len > len - at || description_len > len - at - name_len)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + at, "GNU", 4) == 0 &&
            note.n_descsz <= sizeof image->build_id) {
            memcpy(image->build_id, notes + at + name_len, note.n_descsz);
            image->build_id_len = note.n_descsz;
            return;
        }
        at += name_len + description_len;
    }
}

static void read_notes(uint64_t address, uint64_t len, struct spipe_elf_image *image)
{
    unsigned char notes[NOTES_MAX];
    if (len > sizeof notes)
        len = sizeof notes;
    if (image->build_id_len == 0 && spipe_elf_image_copy(address, notes, len))
        find_build_id(notes, len, image);
}

static bool is_inside(uint64_t start, uint64_t end, uint64_t address, uint64_t len)
{
    return address >= start && address < end && len <= end - address;
}

bool spipe_elf_image_read(uint64_t start, uint64_t end, struct spipe_elf_image *ret_image)
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[HEADERS_MAX];
    struct spipe_elf_image image = {0};

    if (end - start < sizeof header || !spipe_elf_image_copy(start, &header, sizeof header))
        return false;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_machine != EM_X86_64 || header.e_phentsize != sizeof segments[0] || header.e_phnum > HEADERS_MAX)
        return false;
    size_t segments_len = header.e_phnum * sizeof segments[0];
    if (header.e_phoff > end - start || !is_inside(start, end, start + header.e_phoff, segments_len) ||
        !spipe_elf_image_copy(start + header.e_phoff, segments, segments_len))
        return false;

    bool has_base = false;
    for (unsigned i = 0; i < header.e_phnum && !has_base; i++) {
        has_base = segments[i].p_type == PT_LOAD;
        image.address_in_file = (segments[i].p_vaddr - segments[i].p_offset % PAGE) & ~(uint64_t)(PAGE - 1);
    }
    if (!has_base)
        return false;
    uint64_t bias = start - image.address_in_file;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        uint64_t address = bias + segments[i].p_vaddr;
        if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) && image.code_len == 0) {
            image.code_file_offset = segments[i].p_offset;
            image.code_len = segments[i].p_filesz;
            image.code_address = segments[i].p_vaddr;
        }
        if (!is_inside(start, end, address, segments[i].p_filesz))
            continue;
        if (segments[i].p_type == PT_NOTE)
            read_notes(address, segments[i].p_filesz, &image);
        if (segments[i].p_type == PT_GNU_EH_FRAME) {
            image.eh_frame_hdr = address;
            image.eh_frame_hdr_len = segments[i].p_filesz;
        }
    }
    *ret_image = image;
    return true;
}
