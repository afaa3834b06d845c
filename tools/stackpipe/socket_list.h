/* SPDX-License-Identifier: MIT */
/*
 * The Unix sockets that somebody listens at on this machine, as far as this user can see.
 */
#ifndef SPIPE_TOOL_SOCKET_LIST_H
#define SPIPE_TOOL_SOCKET_LIST_H

#include "protocol/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPIPE_SOCKET_COMMAND_MAX 128
#define SPIPE_SOCKET_USER_MAX    64

struct spipe_socket {
    char path[SPIPE_SOCKET_PATH_MAX + 1];
    uint64_t inode;   /* the kernel's number for the socket, not the file's */
    bool can_connect; /* its file is here, and this user may write to it */
    bool has_owner;
    uint32_t user_id;                       /* of the file */
    char user[SPIPE_SOCKET_USER_MAX];       /* its name, or its number */
    uint32_t pid;                           /* 0: cannot be seen */
    char command[SPIPE_SOCKET_COMMAND_MAX]; /* "" when it cannot be seen */
};

struct spipe_socket_list {
    struct spipe_socket *socket; /* sorted by path */
    size_t count;
};

/* SPIPE_E_SYSTEM: the system does not tell; SPIPE_E_NO_MEMORY. Free with spipe_socket_list_done(). */
int spipe_socket_list_init(struct spipe_socket_list *ret_list);
void spipe_socket_list_done(struct spipe_socket_list *list);

/* Reads a line of /proc/net/unix. False for sockets that nobody listens at, that are no streams, or that have no path.
 */
bool spipe_socket_list_parse_line(const char *line, struct spipe_socket *ret_socket);

/* The name after pipe: of a socket that .NET has made in `temporary_folder`; NULL for others. */
const char *spipe_socket_pipe_name(const char *path, const char *temporary_folder);

#endif
