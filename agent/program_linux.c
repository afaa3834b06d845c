/* SPDX-License-Identifier: MIT */
#include "program.h"

#include "files.h"
#include "protocol/system_linux.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Enough for a script's first line and a piece of a table of segments; little, since threads may have small stacks. */
#define PIECE_SIZE   512u
#define SCRIPT_DEPTH 5u     /* the kernel follows four */
#define CAPABILITIES "security.capability"

static const struct spipe_program fine = {NULL, true};

/* Reads the name of the program's loader. False when it has none. */
static bool read_loader(long file, const Elf64_Ehdr *header, char *loader, size_t size)
{
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr segment;
        if (spipe_system(SYS_pread64, file, &segment, sizeof segment, header->e_phoff + i * sizeof segment) !=
            (long)sizeof segment)
            return false;
        if (segment.p_type != PT_INTERP)
            continue;
        size_t wanted = segment.p_filesz < size ? (size_t)segment.p_filesz : size - 1;
        long len = spipe_system(SYS_pread64, file, loader, wanted, segment.p_offset);
        loader[len > 0 ? len : 0] = '\0';
        return true;
    }
    return false;
}

static struct spipe_program judge_elf(long file, const char *piece, size_t len)
{
    Elf64_Ehdr header;
    char loader[128];
    if (len < sizeof header)
        return fine;
    memcpy(&header, piece, sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64)
        return (struct spipe_program){"a 32-bit program", false};
    if (header.e_machine != EM_X86_64)
        return (struct spipe_program){"a program for another processor", false};
    if (!read_loader(file, &header, loader, sizeof loader))
        return (struct spipe_program){"statically linked", true};
    if (strstr(loader, "ld-musl") != NULL)
        return (struct spipe_program){"a program for musl, another C library", false};
    return fine;
}

/* Whoever executes it becomes another user, or gets more rights than it has: the loader then takes no LD_PRELOAD. */
static bool is_privileged(long file)
{
    struct stat status;
    char value[64];
    if (spipe_system(SYS_fstat, file, &status) < 0)
        return false;
    bool changes_user = (status.st_mode & S_ISUID) != 0 && status.st_uid != (uid_t)spipe_system(SYS_geteuid);
    bool changes_group = (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 &&
                         status.st_gid != (gid_t)spipe_system(SYS_getegid);
    return changes_user || changes_group || spipe_system(SYS_fgetxattr, file, CAPABILITIES, value, sizeof value) > 0;
}

/* The interpreter that a script's first line names, ended by NUL in place; NULL when it is no script. */
static const char *take_interpreter(char *head, size_t len)
{
    if (len < 3 || head[0] != '#' || head[1] != '!')
        return NULL;
    char *start = head + 2;
    start += strspn(start, " \t");
    start[strcspn(start, " \t\n")] = '\0';
    return start;
}

/* What will run a file: itself, a script's interpreter (in place of it, with `*file` closed), or nothing that we know. */
static bool look_once(long *file, bool is_first, struct spipe_program *ret_program)
{
    char piece[PIECE_SIZE];
    *ret_program = fine;
    if (is_privileged(*file)) {
        *ret_program = (struct spipe_program){"set-uid, set-gid, or with capabilities of its own", false};
        return true;
    }
    long len = spipe_system(SYS_pread64, *file, piece, sizeof piece - 1, 0);
    if (len < 4)
        return true;
    piece[len] = '\0';
    if (memcmp(piece, ELFMAG, SELFMAG) == 0) {
        *ret_program = judge_elf(*file, piece, (size_t)len);
        return true;
    }
    const char *interpreter = take_interpreter(piece, (size_t)len);
    if (interpreter == NULL)
        return true;
    if (!is_first)
        (void)spipe_system(SYS_close, *file);
    *file = spipe_system(SYS_openat, AT_FDCWD, interpreter, O_RDONLY | O_CLOEXEC, 0);
    return *file < 0;
}

struct spipe_program spipe_program_look_at(int descriptor)
{
    struct spipe_program program;
    long file = descriptor;
    for (unsigned i = 0; i < SCRIPT_DEPTH && !look_once(&file, i == 0, &program); i++)
        ;
    if (file >= 0 && file != descriptor)
        (void)spipe_system(SYS_close, file);
    return program;
}

struct spipe_program spipe_program_look(const char *path)
{
    long file = path == NULL ? -ENOENT : spipe_system(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    if (file < 0)
        return fine;
    struct spipe_program program = spipe_program_look_at((int)file);
    (void)spipe_system(SYS_close, file);
    return program;
}

bool spipe_program_is_executable(const char *path)
{
    return path != NULL && spipe_system(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

static const char *find_variable(char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, len) == 0)
            return *environment + len;
    }
    return NULL;
}

const char *spipe_program_find(const char *file, char *const *environment, char *memory, size_t size)
{
    if (file == NULL || strchr(file, '/') != NULL)
        return file;
    for (const char *at = find_variable(environment, "PATH="); at != NULL && *at != '\0';) {
        size_t len = strcspn(at, ":");
        struct spipe_text path;
        spipe_text_init(&path, memory, size);
        spipe_text_add_bytes(&path, at, len);
        spipe_text_add(&path, len == 0 ? "" : "/");
        spipe_text_add(&path, file);
        if (!path.cut && spipe_program_is_executable(memory))
            return memory;
        at += len + (at[len] == ':');
    }
    return NULL;
}
