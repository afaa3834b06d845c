/* SPDX-License-Identifier: MIT */
#include "socket_list.h"

#include "protocol/status.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the flags of /proc/net/unix: the socket accepts connections. */
#define FLAG_ACCEPTS 0x10000u
#define LINE_MAX_LEN 512

bool spipe_socket_list_parse_line(const char *line, struct spipe_socket *ret_socket)
{
    unsigned flags = 0;
    unsigned type = 0;
    uint64_t inode = 0;
    int path_at = 0;
    /* Address, references, protocol, flags, type, state, inode, path. */
    if (sscanf(line, "%*[^:]: %*x %*x %x %x %*x %" SCNu64 " %n", &flags, &type, &inode, &path_at) != 3 ||
        path_at == 0) {
        return false;
    }
    const char *path = line + path_at;
    size_t len = strcspn(path, "\n");
    if ((flags & FLAG_ACCEPTS) == 0 || type != SOCK_STREAM || path[0] != '/' || len >= sizeof ret_socket->path) {
        return false;
    }
    *ret_socket = (struct spipe_socket){.inode = inode};
    memcpy(ret_socket->path, path, len);
    return true;
}

const char *spipe_socket_pipe_name(const char *path, const char *temporary_folder)
{
    static const char prefix[] = "CoreFxPipe_";
    size_t len = strlen(temporary_folder);
    while (len > 1 && temporary_folder[len - 1] == '/') {
        len--;
    }
    if (strncmp(path, temporary_folder, len) != 0 || path[len] != '/') {
        return NULL;
    }
    const char *name = path + len + 1;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0 || strchr(name, '/') != NULL || name[sizeof prefix - 1] == '\0') {
        return NULL;
    }
    return name + sizeof prefix - 1;
}

/* -------------------------------------------------------------------------------------------------------- the sockets'
 * files */

static void find_owner(struct spipe_socket *socket)
{
    struct stat file;
    if (stat(socket->path, &file) != 0 || !S_ISSOCK(file.st_mode)) {
        return;
    }
    socket->can_connect = access(socket->path, W_OK) == 0;
    socket->has_owner = true;
    socket->user_id = file.st_uid;
    const struct passwd *user = getpwuid(file.st_uid);
    if (user != NULL) {
        snprintf(socket->user, sizeof socket->user, "%s", user->pw_name);
    } else {
        snprintf(socket->user, sizeof socket->user, "%" PRIu32, socket->user_id);
    }
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct spipe_socket *)a)->path, ((const struct spipe_socket *)b)->path);
}

static int append(struct spipe_socket_list *list, size_t *capacity, const struct spipe_socket *socket)
{
    if (list->count == *capacity) {
        size_t grown_capacity = *capacity == 0 ? 64 : *capacity * 2;
        struct spipe_socket *grown = realloc(list->socket, grown_capacity * sizeof *grown);
        if (grown == NULL) {
            return SPIPE_E_NO_MEMORY;
        }
        list->socket = grown;
        *capacity = grown_capacity;
    }
    list->socket[list->count++] = *socket;
    return 0;
}

static int read_sockets(struct spipe_socket_list *list)
{
    FILE *file = fopen("/proc/net/unix", "re");
    if (file == NULL) {
        return SPIPE_E_SYSTEM;
    }
    char line[LINE_MAX_LEN];
    size_t capacity = 0;
    int status = 0;
    while (status == 0 && fgets(line, sizeof line, file) != NULL) {
        struct spipe_socket socket;
        if (spipe_socket_list_parse_line(line, &socket)) {
            find_owner(&socket);
            status = append(list, &capacity, &socket);
        }
    }
    fclose(file);
    return status;
}

/* ----------------------------------------------------------------------------------------------------- the processes
 * that listen */

/* The words of the command line, or what the kernel calls the process. */
static void read_command(const char *pid, char *command, size_t size)
{
    static const char *const names[] = {"cmdline", "comm"};
    size_t len = 0;
    for (size_t i = 0; i < 2 && len == 0; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%.16s/%s", pid, names[i]);
        FILE *file = fopen(path, "re");
        len = file != NULL ? fread(command, 1, size - 1, file) : 0;
        if (file != NULL) {
            fclose(file);
        }
    }
    while (len > 0 && (command[len - 1] == '\0' || command[len - 1] == '\n')) {
        len--;
    }
    command[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        command[i] = command[i] == '\0' ? ' ' : command[i];
    }
}

static void note_holder(struct spipe_socket_list *list, uint64_t inode, const char *pid)
{
    for (size_t i = 0; i < list->count; i++) {
        struct spipe_socket *socket = &list->socket[i];
        if (socket->inode == inode && socket->pid == 0) {
            socket->pid = (uint32_t)strtoul(pid, NULL, 10);
            read_command(pid, socket->command, sizeof socket->command);
        }
    }
}

/* Looks through one process's descriptors. */
static void search_process(struct spipe_socket_list *list, const char *pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char target[64];
        ssize_t len = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
        uint64_t inode = 0;
        if (len > 0) {
            target[len] = '\0';
            if (sscanf(target, "socket:[%" SCNu64 "]", &inode) == 1) {
                note_holder(list, inode, pid);
            }
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

static void search_processes(struct spipe_socket_list *list)
{
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            search_process(list, entry->d_name);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
}

int spipe_socket_list_init(struct spipe_socket_list *ret_list)
{
    struct spipe_socket_list list = {NULL, 0};
    int status = read_sockets(&list);
    if (status != 0) {
        spipe_socket_list_done(&list);
        return status;
    }
    if (list.count > 0) {
        qsort(list.socket, list.count, sizeof *list.socket, compare_paths);
        search_processes(&list);
    }
    *ret_list = list;
    return 0;
}

void spipe_socket_list_done(struct spipe_socket_list *list)
{
    free(list->socket);
    *list = (struct spipe_socket_list){NULL, 0};
}
