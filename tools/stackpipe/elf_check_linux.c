/* SPDX-License-Identifier: MIT */
#include "elf_check.h"

#include "elf_header.h"
#include "protocol/status.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The kernel follows this many scripts that are run by scripts, and reads this much of a `#!` line. */
#define SCRIPTS_MAX     5
#define SCRIPT_LINE_MAX 256
/* What execvp() takes when PATH is not set. */
#define DEFAULT_PATH "/bin:/usr/bin"

static void set_verdict(struct spipe_elf_check *check, enum spipe_elf_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_verdict(struct spipe_elf_check *check, enum spipe_elf_verdict verdict, const char *format, ...)
{
    check->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->text, sizeof check->text, format, arguments);
    va_end(arguments);
}

/* ------------------------------------------------------------------------------------------------------------ finding
 * it */

/* 0 for a file that this process may execute. */
static int try_program(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0) {
        return errno == EACCES ? SPIPE_E_PERMISSION : SPIPE_E_NOT_FOUND;
    }
    return S_ISREG(file.st_mode) && access(path, X_OK) == 0 ? 0 : SPIPE_E_PERMISSION;
}

/* Looks in each folder of a list separated by colons; an empty one is the current folder. */
static int search_folders(const char *name, const char *folders, char ret_path[PATH_MAX])
{
    int result = SPIPE_E_NOT_FOUND;
    for (;;) {
        int len = (int)strcspn(folders, ":");
        char path[PATH_MAX];
        int written = snprintf(path, sizeof path, "%.*s%s%s", len, folders, len > 0 ? "/" : "./", name);
        int status = written < (int)sizeof path ? try_program(path) : SPIPE_E_NOT_FOUND;
        /* One that cannot be executed counts only when no later folder has a better one. */
        if (status == 0 || (status == SPIPE_E_PERMISSION && result != SPIPE_E_PERMISSION)) {
            memcpy(ret_path, path, (size_t)written + 1);
            result = status;
        }
        if (status == 0 || folders[len] == '\0') {
            return result;
        }
        folders += len + 1;
    }
}

int spipe_program_find(const char *name, const char *path_variable, char ret_path[PATH_MAX])
{
    if (name[0] == '\0' || strlen(name) >= PATH_MAX) {
        return SPIPE_E_NOT_FOUND;
    }
    if (strchr(name, '/') != NULL) {
        snprintf(ret_path, PATH_MAX, "%s", name);
        return try_program(name);
    }
    return search_folders(name, path_variable != NULL ? path_variable : DEFAULT_PATH, ret_path);
}

/* ---------------------------------------------------------------------------------------------------------------
 * scripts */

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return at;
}

bool spipe_script_line_parse(const char *bytes, size_t len, struct spipe_script_line *ret_line)
{
    if (len < 3 || bytes[0] != '#' || bytes[1] != '!') {
        return false;
    }
    const char *end = bytes + (len < SCRIPT_LINE_MAX ? len : SCRIPT_LINE_MAX);
    const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
    end = newline != NULL ? newline : end;
    while (end > bytes + 2 && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r')) {
        end--;
    }
    const char *name = skip_blanks(bytes + 2, end);
    const char *name_end = name;
    while (name_end < end && *name_end != ' ' && *name_end != '\t') {
        name_end++;
    }
    if (name == name_end) {
        return false;
    }
    const char *argument = skip_blanks(name_end, end);
    snprintf(ret_line->interpreter, sizeof ret_line->interpreter, "%.*s", (int)(name_end - name), name);
    snprintf(ret_line->argument, sizeof ret_line->argument, "%.*s", (int)(end - argument), argument);
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The program that `env` would run when it is given `words`: the first one that is neither an option nor an assignment.
 */
static bool find_word_of_env(const char *words, char *name, size_t size)
{
    for (;;) {
        words += strspn(words, " \t");
        int len = (int)strcspn(words, " \t");
        if (len == 0) {
            return false;
        }
        if (words[0] != '-' && memchr(words, '=', (size_t)len) == NULL) {
            snprintf(name, size, "%.*s", len, words);
            return true;
        }
        words += len;
    }
}

/* What really runs when the script of that line is run; false, with the verdict, when that is not there. */
static bool follow_script(const char *script, const struct spipe_script_line *line, const char *path_variable,
                          char ret_path[PATH_MAX], struct spipe_elf_check *check)
{
    char name[PATH_MAX];
    if (strcmp(base_name(line->interpreter), "env") == 0 && find_word_of_env(line->argument, name, sizeof name)) {
        if (spipe_program_find(name, path_variable, ret_path) == 0) {
            return true;
        }
        set_verdict(check, SPIPE_ELF_NO_INTERPRETER, "%s is a script for %s, which is not in PATH", script, name);
        return false;
    }
    if (try_program(line->interpreter) != 0) {
        set_verdict(check, SPIPE_ELF_NO_INTERPRETER, "%s is a script for %s, which cannot be run", script,
                    line->interpreter);
        return false;
    }
    snprintf(ret_path, PATH_MAX, "%s", line->interpreter);
    return true;
}

/* ------------------------------------------------------------------------------------------------------------
 * privileges */

/* True when executing the file raises this process's rights, so that the loader does not listen to the environment. */
static bool raises_rights(const char *path, const struct stat *file)
{
    struct statvfs system;
    if (statvfs(path, &system) == 0 && (system.f_flag & ST_NOSUID) != 0) {
        return false;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        return false;
    }
    if ((file->st_mode & S_ISUID) != 0 && file->st_uid != getuid()) {
        return true;
    }
    if ((file->st_mode & S_ISGID) != 0 && (file->st_mode & S_IXGRP) != 0 && file->st_gid != getgid()) {
        return true;
    }
    return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

/* --------------------------------------------------------------------------------------------------------------- the
 * ELF file */

/* The width and machine of this process, which are the agent's too. */
static int read_own_header(struct spipe_elf_header *ret_header)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return SPIPE_E_SYSTEM;
    }
    int status = spipe_elf_header_read(fd, ret_header);
    close(fd);
    return status;
}

/* The loader itself, run as a command with the program as its argument, has no interpreter and still preloads. */
static bool is_loader(const char *path)
{
    const char *name = base_name(path);
    return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld.so", 5) == 0;
}

static bool is_foreign_library(const char *interpreter)
{
    const char *name = base_name(interpreter);
    return strncmp(name, "ld-musl", 7) == 0 || strncmp(name, "linker", 6) == 0;
}

static void judge_elf(const char *path, const struct stat *file, const struct spipe_elf_header *header,
                      struct spipe_elf_check *check)
{
    struct spipe_elf_header own;
    if (read_own_header(&own) != 0) {
        own = *header;
    }
    if (header->width != own.width) {
        set_verdict(check, SPIPE_ELF_OTHER_WIDTH, "%s is a %u-bit program, and the agent is a %u-bit library", path,
                    header->width, own.width);
    } else if (header->machine != own.machine || header->big_endian != own.big_endian) {
        set_verdict(check, SPIPE_ELF_OTHER_MACHINE, "%s is a program for another processor than the agent's", path);
    } else if (header->type != ET_EXEC && header->type != ET_DYN) {
        set_verdict(check, SPIPE_ELF_NO_PROGRAM, "%s is an ELF file, but no program", path);
    } else if (!header->has_interpreter && !is_loader(path)) {
        set_verdict(check, SPIPE_ELF_STATIC,
                    "%s is statically linked, and the agent comes in through the dynamic loader", path);
    } else if (is_foreign_library(header->interpreter)) {
        set_verdict(check, SPIPE_ELF_MUSL, "%s is built for another C library (%s), and the agent is built for glibc",
                    path, base_name(header->interpreter));
    } else if (raises_rights(path, file)) {
        set_verdict(check, SPIPE_ELF_PRIVILEGED,
                    "%s is set-uid, set-gid or has file capabilities, so that the loader ignores LD_PRELOAD", path);
    }
}

/* One look at a file. Returns true when it is a script, and puts what runs it into `ret_path`. */
static bool look_at(const char *path, const char *path_variable, char ret_path[PATH_MAX], struct spipe_elf_check *check)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        /* A program may be executable without being readable: nothing is known against it. */
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    char start[SCRIPT_LINE_MAX];
    ssize_t got = pread(fd, start, sizeof start, 0);
    size_t len = got > 0 ? (size_t)got : 0;
    bool follow = false;
    struct spipe_script_line line;
    struct spipe_elf_header header;
    if (spipe_script_line_parse(start, len, &line)) {
        follow = follow_script(path, &line, path_variable, ret_path, check);
    } else if (len >= SELFMAG && memcmp(start, ELFMAG, SELFMAG) == 0) {
        if (spipe_elf_header_read(fd, &header) == 0) {
            judge_elf(path, &file, &header, check);
        } else {
            set_verdict(check, SPIPE_ELF_NO_PROGRAM, "%s is a damaged ELF file", path);
        }
    } else if (len >= 2 && start[0] == 'M' && start[1] == 'Z') {
        set_verdict(check, SPIPE_ELF_NO_PROGRAM, "%s is a Windows program", path);
    }
    /* Anything else is run by the shell, which the agent can get into. */
    close(fd);
    return follow;
}

void spipe_elf_check(const char *path, const char *path_variable, struct spipe_elf_check *ret_check)
{
    ret_check->verdict = SPIPE_ELF_FINE;
    ret_check->text[0] = '\0';
    char present[PATH_MAX];
    char next[PATH_MAX];
    snprintf(present, sizeof present, "%s", path);
    for (int i = 0; i < SCRIPTS_MAX && look_at(present, path_variable, next, ret_check); i++) {
        memcpy(present, next, sizeof present);
    }
}
