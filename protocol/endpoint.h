/* SPDX-License-Identifier: MIT */
/*
 * Where the pipe is: the one grammar for STACKPIPE_ENDPOINT, --endpoint and every API.
 *
 *   pipe:NAME            Windows \\.\pipe\NAME; elsewhere the socket of .NET's NamedPipeServerStream("NAME"),
 *                        <temporary folder>/CoreFxPipe_NAME
 *   unix:/abs/path       that Unix socket; /abs/path alone says the same
 *   \\.\pipe\NAME        that Windows pipe
 *   fd:R,W  fd:N         inherited descriptors: a pair of anonymous pipes, or one socket;
 *   fd:-,W  fd:R,-       one direction only
 *   handle:R,W           the same on Windows
 *
 * Parsing allocates nothing and calls nothing but memory functions of libc.
 */
#ifndef SPIPE_PROTOCOL_ENDPOINT_H
#define SPIPE_PROTOCOL_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

/* A Unix socket's path, its NUL included (sun_path on Linux). */
#define SPIPE_SOCKET_PATH_MAX 108u
#define SPIPE_ENDPOINT_TEXT_MAX 320u

enum spipe_endpoint_kind {
    SPIPE_ENDPOINT_SOCKET = 1,          /* `path` is a Unix socket */
    SPIPE_ENDPOINT_WINDOWS_PIPE = 2,    /* `path` begins with \\.\pipe\ */
    SPIPE_ENDPOINT_DESCRIPTORS = 3,     /* `read_handle` and `write_handle`, -1 for a direction that is not there */
    SPIPE_ENDPOINT_HANDLES = 4
};

struct spipe_endpoint {
    enum spipe_endpoint_kind kind;
    char path[SPIPE_ENDPOINT_TEXT_MAX];
    int64_t read_handle;                /* the side that parsed it reads here */
    int64_t write_handle;               /* equal to read_handle for one socket */
};

/* Parses `text`. `temporary_folder` (no slash at its end needed) replaces <temporary folder>; NULL means "/tmp".
 * On failure `ret_message` (may be NULL) gets a static sentence that says what is wrong with the text.
 * SPIPE_E_ARGUMENT: no form of the grammar; SPIPE_E_NAME_TOO_LONG; SPIPE_E_UNSUPPORTED: a form of the other system. */
int spipe_endpoint_parse(const char *text, const char *temporary_folder, struct spipe_endpoint *ret_endpoint,
                         const char **ret_message);

#endif
