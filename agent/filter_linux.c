/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include "control.h"
#include "files.h"

#include <string.h>

/* A number in a file of /proc/PID/status; false when it is not there, as the second one before Linux 5.9. */
static bool read_number(const char *status, const char *key, uint64_t *ret_number)
{
    const char *found = strstr(status, key);
    if (found == NULL)
        return false;
    found += strlen(key);
    return spipe_text_take_number(&found, found + strlen(found), 10, ret_number);
}

/* How many filters a process is under; where the system does not tell, 1 for some. */
static bool count_filters(const char *path, uint64_t *ret_count)
{
    char status[4096];
    uint64_t mode;
    if (spipe_files_read(path, status, sizeof status) <= 0 || !read_number(status, "\nSeccomp:\t", &mode))
        return false;
    if (!read_number(status, "\nSeccomp_filters:\t", ret_count))
        *ret_count = mode != 0;
    return true;
}

static uint64_t expected_count(void)
{
    const char *text = spipe_control.environment.filters;
    uint64_t count = 0;
    if (spipe_text_take_number(&text, text + strlen(text), 10, &count))
        return count;
    return count_filters("/proc/1/status", &count) ? count : 0;
}

bool spipe_filter_is_strange(void)
{
    uint64_t count = 0;
    return count_filters("/proc/self/status", &count) && count > 0 && count > expected_count();
}
