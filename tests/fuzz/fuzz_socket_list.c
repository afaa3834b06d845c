/* SPDX-License-Identifier: MIT */
/* Any text as a line of /proc/net/unix, whose path any user of the machine may have chosen. */
#include "tools/stackpipe/socket_list.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);
    struct spipe_socket socket;
    memcpy(line, data, size);
    line[size] = '\0';
    if (spipe_socket_list_parse_line(line, &socket)) {
        require(socket.path[0] == '/' && strlen(socket.path) < sizeof socket.path);
        const char *name = spipe_socket_pipe_name(socket.path, "/tmp/");
        require(name == NULL || (name[0] != '\0' && strchr(name, '/') == NULL));
    }
    free(line);
    return 0;
}
