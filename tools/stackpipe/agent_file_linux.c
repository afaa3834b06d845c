/* SPDX-License-Identifier: MIT */
#include "agent_file.h"

#include "protocol/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of this command, without a slash at its end; false when the system does not say. */
static bool read_own_folder(char folder[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (len <= 0) {
        return false;
    }
    folder[len] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    return true;
}

/* Makes the path absolute when there is a file; else leaves it in `ret_path` as it is. */
static int try_file(const char *path, char ret_path[PATH_MAX])
{
    char resolved[PATH_MAX];
    if (access(path, R_OK) == 0 && realpath(path, resolved) != NULL) {
        memcpy(ret_path, resolved, strlen(resolved) + 1);
        return 0;
    }
    return SPIPE_E_NOT_FOUND;
}

static int try_beside(const char *folder, const char *relative, char ret_path[PATH_MAX])
{
    char path[2 * PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s/%s", folder, relative, SPIPE_AGENT_NAME);
    return len < PATH_MAX ? try_file(path, ret_path) : SPIPE_E_NOT_FOUND;
}

int spipe_agent_file_find(char ret_path[PATH_MAX])
{
    const char *wanted = getenv("STACKPIPE_AGENT");
    if (wanted != NULL && wanted[0] != '\0') {
        snprintf(ret_path, PATH_MAX, "%s", wanted);
        return try_file(wanted, ret_path);
    }
    char folder[PATH_MAX];
    if (read_own_folder(folder) &&
        (try_beside(folder, "../lib", ret_path) == 0 || try_beside(folder, SPIPE_AGENT_FROM_BIN, ret_path) == 0)) {
        return 0;
    }
    snprintf(ret_path, PATH_MAX, "%s/%s", SPIPE_AGENT_FOLDER, SPIPE_AGENT_NAME);
    return try_file(ret_path, ret_path);
}
