/* SPDX-License-Identifier: MIT */
/* Any bytes as the program that is to be run: its ELF header, its `#!` line, and the verdict on it. */
#include "tools/stackpipe/elf_check.h"
#include "tools/stackpipe/elf_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void parse_script_line(const uint8_t *data, size_t size)
{
    struct spipe_script_line line;
    char *copy = malloc(size + 1);
    memcpy(copy, data, size);
    if (spipe_script_line_parse(copy, size, &line)) {
        require(strlen(line.interpreter) < sizeof line.interpreter && strlen(line.argument) < sizeof line.argument);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct spipe_elf_check check;
    struct spipe_elf_header header;
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    if (spipe_elf_header_read(fd, &header) == 0) {
        require(header.width == 32 || header.width == 64);
        require(memchr(header.interpreter, '\0', sizeof header.interpreter) != NULL);
    }
    parse_script_line(data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* No folder is searched, so that a verdict does not depend on the machine. */
    spipe_elf_check(path, "/nowhere", &check);
    require((check.verdict == SPIPE_ELF_FINE) == (check.text[0] == '\0'));
    close(fd);
    return 0;
}
