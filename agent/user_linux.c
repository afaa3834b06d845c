/* SPDX-License-Identifier: MIT */
#include "user.h"

#include "files.h"
#include "protocol/system_linux.h"

#include <string.h>

#define GROUPS_MAX 256u

uint32_t spipe_user_effective_id(void)
{
    return (uint32_t)spipe_system(SYS_geteuid);
}

/* Reads up to `max` numbers after a line's key. */
static uint32_t take_numbers(const char *status, size_t len, const char *key, uint32_t *number, uint32_t max)
{
    uint32_t count = 0;
    const char *at = strstr(status, key);
    const char *end = status + len;
    if (at == NULL)
        return 0;
    at += strlen(key);
    while (count < max) {
        uint64_t value;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (!spipe_text_take_number(&at, end, 10, &value))
            break;
        number[count++] = (uint32_t)value;
    }
    return count;
}

static long read_main_status(char *status, size_t size)
{
    char memory[64];
    struct spipe_text path;
    spipe_text_init(&path, memory, sizeof memory);
    spipe_text_add(&path, "/proc/self/task/");
    spipe_text_add_number(&path, (uint64_t)spipe_system(SYS_getpid));
    spipe_text_add(&path, "/status");
    return spipe_files_read(memory, status, size);
}

void spipe_user_follow(void)
{
    char status[8192];
    uint32_t user[3];
    uint32_t group[3];
    uint32_t own[3] = {0, 0, 0};
    uint32_t own_group[3] = {0, 0, 0};
    uint32_t groups[GROUPS_MAX];
    long len = read_main_status(status, sizeof status);
    if (len <= 0 || take_numbers(status, (size_t)len, "\nUid:", user, 3) != 3 ||
        take_numbers(status, (size_t)len, "\nGid:", group, 3) != 3)
        return;
    (void)spipe_system(SYS_getresuid, &own[0], &own[1], &own[2]);
    (void)spipe_system(SYS_getresgid, &own_group[0], &own_group[1], &own_group[2]);
    if (memcmp(user, own, sizeof own) == 0 && memcmp(group, own_group, sizeof own_group) == 0)
        return;
    /* Groups first: afterwards the right to change them may be gone. */
    uint32_t count = take_numbers(status, (size_t)len, "\nGroups:", groups, GROUPS_MAX);
    (void)spipe_system(SYS_setgroups, count, groups);
    (void)spipe_system(SYS_setresgid, group[0], group[1], group[2]);
    (void)spipe_system(SYS_setresuid, user[0], user[1], user[2]);
}
