/* SPDX-License-Identifier: MIT */
/* /proc/self/maps, a line at a time. Agent threads. */
#ifndef SPIPE_AGENT_MAPS_H
#define SPIPE_AGENT_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPIPE_MAPS_PATH_MAX 4096u

struct spipe_mapping {
    uint64_t start;
    uint64_t end;
    uint64_t offset;            /* in the file */
    uint64_t device;            /* major << 32 | minor */
    uint64_t inode;             /* 0: no file */
    bool is_readable;
    bool is_executable;
    const char *path;           /* "" when there is none; borrowed until the next line; " (deleted)" taken off */
};

/* Takes one line apart, without its newline, into `ret_mapping`; writes a NUL at the line's end. False when it is
 * malformed. */
bool spipe_maps_parse(char *line, size_t len, struct spipe_mapping *ret_mapping);

/* Calls `visit` for each mapping in order of address, until it returns false. False when the file cannot be read. */
bool spipe_maps_read(bool (*visit)(void *user, const struct spipe_mapping *mapping), void *user);

#endif
