/* SPDX-License-Identifier: MIT */
#include "private_folder.h"

#include "protocol/endpoint.h"
#include "protocol/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(SPIPE_PRIVATE_FOLDER_MAX + 1 + SPIPE_SECRET_TEXT_LEN <= SPIPE_SOCKET_PATH_MAX,
               "a socket has to fit into the folder");

int spipe_private_folder_open_in(const char *parent, struct spipe_private_folder *ret_folder)
{
    if (parent == NULL || parent[0] != '/' || strpbrk(parent, SPIPE_PRELOAD_SPECIAL) != NULL) {
        return SPIPE_E_ARGUMENT;
    }
    struct spipe_private_folder folder;
    int len = snprintf(folder.path, sizeof folder.path, "%s/stackpipe-XXXXXX", parent);
    if (len >= (int)sizeof folder.path) {
        return SPIPE_E_NAME_TOO_LONG;
    }
    if (mkdtemp(folder.path) == NULL) {
        return errno == EACCES || errno == EROFS ? SPIPE_E_PERMISSION : SPIPE_E_SYSTEM;
    }
    /* A strange umask may have taken our own rights away. */
    if (chmod(folder.path, 0700) != 0) {
        rmdir(folder.path);
        return SPIPE_E_SYSTEM;
    }
    *ret_folder = folder;
    return 0;
}

int spipe_private_folder_open(struct spipe_private_folder *ret_folder)
{
    const char *candidates[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        if (spipe_private_folder_open_in(candidates[i], ret_folder) == 0) {
            return 0;
        }
    }
    ret_folder->path[0] = '\0';
    return SPIPE_E_SYSTEM;
}

void spipe_private_folder_close(struct spipe_private_folder *folder)
{
    if (folder->path[0] == '\0') {
        return;
    }
    DIR *directory = opendir(folder->path);
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            unlinkat(dirfd(directory), entry->d_name, 0);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    rmdir(folder->path);
    folder->path[0] = '\0';
}

int spipe_secret_make(char ret_text[SPIPE_SECRET_TEXT_MAX])
{
    unsigned char bytes[SPIPE_SECRET_TEXT_LEN / 2];
    size_t have = 0;
    while (have < sizeof bytes) {
        ssize_t got = getrandom(bytes + have, sizeof bytes - have, 0);
        if (got < 0 && errno != EINTR) {
            return SPIPE_E_SYSTEM;
        }
        have += got > 0 ? (size_t)got : 0;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
    }
    return 0;
}
