/* SPDX-License-Identifier: MIT */
#include "tool_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tool_files_setup(void **state)
{
    char *folder = strdup("/tmp/stackpipe-test-XXXXXX");
    if (folder == NULL || mkdtemp(folder) == NULL) {
        return -1;
    }
    *state = folder;
    return 0;
}

int tool_files_teardown(void **state)
{
    DIR *directory = opendir(*state);
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        unlinkat(dirfd(directory), entry->d_name, 0);
        unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    }
    if (directory != NULL) {
        closedir(directory);
    }
    rmdir(*state);
    free(*state);
    return 0;
}

const char *tool_files_path(void **state, const char *name)
{
    static char path[4][512];
    static unsigned next;
    char *present = path[next++ % 4];
    snprintf(present, sizeof path[0], "%s/%s", (const char *)*state, name);
    return present;
}

void tool_files_write(const char *path, const void *bytes, size_t len, unsigned mode)
{
    FILE *file = fopen(path, "we");
    if (file == NULL || (len > 0 && fwrite(bytes, 1, len, file) != len) || fclose(file) != 0 ||
        chmod(path, mode) != 0) {
        perror(path);
        abort();
    }
}

char *tool_files_read(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = NULL;
    size_t len = 0;
    size_t got;
    do {
        bytes = realloc(bytes, len + 4096 + 1);
        if (bytes == NULL) {
            abort();
        }
        got = fread(bytes + len, 1, 4096, file);
        len += got;
    } while (got > 0);
    fclose(file);
    bytes[len] = '\0';
    if (ret_len != NULL) {
        *ret_len = len;
    }
    return bytes;
}
