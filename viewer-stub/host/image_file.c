/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/image_file.h"

#include "viewer-stub/host/own_vdso.h"

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_ID_MAX 64u
#define DELETED      " (deleted)"

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

/* Opens a plain file without ever waiting, as a FIFO would make us. */
static int open_plain(const char *path, enum spipe_image_file_verdict *ret_why)
{
    struct stat status;
    int fd = path[0] == '/' ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

    if (fd < 0) {
        *ret_why = path[0] != '/' || errno == ENOENT || errno == ENOTDIR ? SPIPE_IMAGE_FILE_MISSING
                                                                         : SPIPE_IMAGE_FILE_UNREADABLE;
        return -1;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        *ret_why = SPIPE_IMAGE_FILE_UNREADABLE;
        close(fd);
        return -1;
    }
    return fd;
}

/* Compares the build id of an ELF image with the recorded one. */
static enum spipe_image_file_verdict judge(Elf *elf, struct spipe_bytes build_id)
{
    const void *found = NULL;
    ssize_t len = elf_kind(elf) == ELF_K_ELF ? dwelf_elf_gnu_build_id(elf, &found) : -1;

    if (elf_kind(elf) != ELF_K_ELF)
        return SPIPE_IMAGE_FILE_UNREADABLE;
    if (len <= 0 && build_id.len == 0)
        return SPIPE_IMAGE_FILE_UNPROVEN;
    if (len > 0 && (size_t)len == build_id.len && memcmp(found, build_id.data, build_id.len) == 0)
        return SPIPE_IMAGE_FILE_PROVEN;
    return SPIPE_IMAGE_FILE_BUILD_ID_DIFFERS;
}

/* Returns `fd` when it is the image that ran; else closes it and returns -1. */
static int take_image(int fd, struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict)
{
    Elf *elf = NULL;

    if (fd < 0)
        return -1;
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    *ret_verdict = elf ? judge(elf, build_id) : SPIPE_IMAGE_FILE_UNREADABLE;
    elf_end(elf);
    if (*ret_verdict <= SPIPE_IMAGE_FILE_UNPROVEN)
        return fd;
    close(fd);
    return -1;
}

static int take_file(const char *path, struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict)
{
    return take_image(open_plain(path, ret_verdict), build_id, ret_verdict);
}

/* A program that was replaced while it ran: its path says so, and the build id proves what stands there now. */
static int take_deleted(const char *path, struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict)
{
    size_t len = strlen(path);
    size_t suffix = sizeof DELETED - 1;
    char *plain = NULL;
    int fd = -1;

    if (build_id.len == 0 || len <= suffix || strcmp(path + len - suffix, DELETED) != 0)
        return -1;
    plain = strndup(path, len - suffix);
    if (plain)
        fd = take_file(plain, build_id, ret_verdict);
    free(plain);
    return fd;
}

/* The image, or its separate debug file, by build id alone: from /usr/lib/debug, or a debuginfod server that the user
 * named. */
static int take_by_build_id(struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict)
{
    Dwfl *search = NULL;
    Dwfl_Module *module = NULL;
    char *path = NULL;
    Elf *elf = NULL;
    void *user = NULL;
    int fd = -1;

    if (build_id.len < 8 || build_id.len > BUILD_ID_MAX)
        return -1;
    search = dwfl_begin(&callbacks);
    if (!search)
        return -1;
    dwfl_report_begin(search);
    module = dwfl_report_module(search, "image", 0, UINT64_MAX);
    dwfl_report_end(search, NULL, NULL);
    if (module && dwfl_module_report_build_id(module, build_id.data, (int)build_id.len, 0) == 0) {
        fd = dwfl_build_id_find_elf(module, &user, "image", 0, &path, &elf);
        if (fd < 0)
            fd = dwfl_build_id_find_debuginfo(module, &user, "image", 0, NULL, NULL, 0, &path);
    }
    free(path);
    dwfl_end(search);
    return take_image(fd, build_id, ret_verdict);
}

/* The kernel's image has no file; the one of this process is put into one. */
static int take_vdso(struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict)
{
    int fd = take_image(spipe_own_vdso_file(), build_id, ret_verdict);

    if (fd < 0 && *ret_verdict != SPIPE_IMAGE_FILE_BUILD_ID_DIFFERS)
        *ret_verdict = SPIPE_IMAGE_FILE_NONE;
    return fd;
}

int spipe_image_file_open(const char *path, struct spipe_bytes build_id, enum spipe_image_file_verdict *ret_verdict)
{
    enum spipe_image_file_verdict other = SPIPE_IMAGE_FILE_NONE;
    int fd = -1;

    *ret_verdict = SPIPE_IMAGE_FILE_NONE;
    if (path[0] == '\0')
        return -1;
    if (strcmp(path, "[vdso]") == 0)
        return take_vdso(build_id, ret_verdict);
    fd = take_file(path, build_id, ret_verdict);
    if (fd < 0)
        fd = take_deleted(path, build_id, &other);
    if (fd < 0)
        fd = take_by_build_id(build_id, &other);
    if (fd >= 0 && *ret_verdict > SPIPE_IMAGE_FILE_UNPROVEN)
        *ret_verdict = other;
    return fd;
}
