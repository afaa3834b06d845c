/* SPDX-License-Identifier: MIT */
#include "maps.h"

#include "files.h"
#include "protocol/system_linux.h"

#include <fcntl.h>
#include <string.h>

/* Room for one line with a path of the greatest length, and for what the kernel hands out at a time. */
#define BUFFER_SIZE (SPIPE_MAPS_PATH_MAX + 4096u)

static bool take_character(const char **cursor, const char *end, char wanted)
{
    if (*cursor == end || **cursor != wanted)
        return false;
    (*cursor)++;
    return true;
}

static bool take_hex(const char **cursor, const char *end, char after, uint64_t *ret_number)
{
    return spipe_text_take_number(cursor, end, 16, ret_number) && take_character(cursor, end, after);
}

static void cut_deleted(char *path, size_t len)
{
    static const char mark[] = " (deleted)";
    size_t mark_len = sizeof mark - 1;
    if (len > mark_len && memcmp(path + len - mark_len, mark, mark_len) == 0)
        path[len - mark_len] = '\0';
}

bool spipe_maps_parse(char *line, size_t len, struct spipe_mapping *ret_mapping)
{
    const char *cursor = line;
    const char *end = line + len;
    uint64_t major;
    uint64_t minor;
    struct spipe_mapping mapping = {0};

    if (!take_hex(&cursor, end, '-', &mapping.start) || !take_hex(&cursor, end, ' ', &mapping.end) || end - cursor < 5)
        return false;
    mapping.is_readable = cursor[0] == 'r';
    mapping.is_executable = cursor[2] == 'x';
    cursor += 5;
    if (!take_hex(&cursor, end, ' ', &mapping.offset) || !take_hex(&cursor, end, ':', &major) ||
        !take_hex(&cursor, end, ' ', &minor) || !spipe_text_take_number(&cursor, end, 10, &mapping.inode))
        return false;
    mapping.device = major << 32 | minor;
    while (cursor < end && *cursor == ' ')
        cursor++;
    line[len] = '\0';
    char *path = line + (cursor - line);
    cut_deleted(path, (size_t)(end - cursor));
    mapping.path = path;
    *ret_mapping = mapping;
    return mapping.start < mapping.end;
}

/* Visits the whole lines in the buffer; returns how many bytes they were. */
static size_t visit_lines(char *buffer, size_t len, bool (*visit)(void *, const struct spipe_mapping *), void *user,
                          bool *ret_go_on)
{
    size_t done = 0;
    while (*ret_go_on) {
        char *newline = memchr(buffer + done, '\n', len - done);
        if (newline == NULL)
            break;
        struct spipe_mapping mapping;
        if (spipe_maps_parse(buffer + done, (size_t)(newline - buffer) - done, &mapping))
            *ret_go_on = visit(user, &mapping);
        done = (size_t)(newline - buffer) + 1;
    }
    return done;
}

bool spipe_maps_read(bool (*visit)(void *user, const struct spipe_mapping *mapping), void *user)
{
    char buffer[BUFFER_SIZE];
    size_t len = 0;
    bool go_on = true;
    long file = spipe_system(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    if (file < 0)
        return false;
    while (go_on) {
        long got = spipe_system(SYS_read, file, buffer + len, sizeof buffer - len);
        if (got <= 0)
            break;
        len += (size_t)got;
        size_t done = visit_lines(buffer, len, visit, user, &go_on);
        memmove(buffer, buffer + done, len - done);
        len -= done;
        /* A path of thousands of newlines, each written as four bytes. Its rest is no line that can be parsed. */
        if (len == sizeof buffer)
            len = 0;
    }
    (void)spipe_system(SYS_close, file);
    return true;
}
