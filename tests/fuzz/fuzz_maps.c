/* SPDX-License-Identifier: MIT */
/* Any text as lines of /proc/self/maps, whose paths the program chooses. */
#include "agent/maps.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The line stands in memory of just its size and one byte more, where its newline was. */
static void parse(const uint8_t *line, size_t len)
{
    char *copy = malloc(len + 1);
    struct spipe_mapping mapping;
    memcpy(copy, line, len);
    copy[len] = '\n';
    if (spipe_maps_parse(copy, len, &mapping)) {
        require(mapping.start < mapping.end);
        require(mapping.path >= copy && mapping.path + strlen(mapping.path) <= copy + len);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;
    while (data < end) {
        const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
        size_t len = (size_t)((newline != NULL ? newline : end) - data);
        parse(data, len);
        data += len + (newline != NULL);
    }
    return 0;
}
