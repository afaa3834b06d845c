/* SPDX-License-Identifier: MIT */
/* Any text as an endpoint: what parses as a socket is an absolute path that fits, and parses again to itself. */
#include "protocol/endpoint.h"
#include "protocol/status.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_socket(const struct spipe_endpoint *endpoint)
{
    struct spipe_endpoint again;
    size_t len = strlen(endpoint->path);
    if (len == 0 || len >= SPIPE_SOCKET_PATH_MAX || endpoint->path[0] != '/') {
        abort();
    }
    int status = spipe_endpoint_parse(endpoint->path, NULL, &again, NULL);
    if (status != SPIPE_OK || strcmp(again.path, endpoint->path) != 0) {
        abort();
    }
}

static void check_descriptors(const struct spipe_endpoint *endpoint)
{
    bool has_one = endpoint->read_handle >= 0 || endpoint->write_handle >= 0;
    if (!has_one || endpoint->read_handle < -1 || endpoint->write_handle < -1 || endpoint->read_handle > INT32_MAX ||
        endpoint->write_handle > INT32_MAX) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spipe_endpoint endpoint;
    const char *message = NULL;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    int status = spipe_endpoint_parse(text, "/tmp", &endpoint, &message);
    if ((status == SPIPE_OK) != (message == NULL)) {
        abort();
    }
    if (status == SPIPE_OK && endpoint.kind == SPIPE_ENDPOINT_SOCKET) {
        check_socket(&endpoint);
    } else if (status == SPIPE_OK) {
        check_descriptors(&endpoint);
    }
    free(text);
    return 0;
}
