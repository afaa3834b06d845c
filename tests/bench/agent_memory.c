/* SPDX-License-Identifier: MIT */
#include "agent_memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define AGENT_FILE "libstackpipe-agent.so"

/* One mapping as smaps lists it: a first line with its range, then "Name: value" lines, of which VmFlags is the last. */
struct mapping {
    unsigned long size_kib, resident_kib;
    bool is_anonymous, is_agent_file;
};

static bool begin_mapping(const char *line, struct mapping *mapping)
{
    uint64_t start, end, inode;
    char path[256] = "";
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64 " %255s", &start, &end, &inode, path) < 3)
        return false;
    *mapping = (struct mapping){.size_kib = (unsigned long)((end - start) / 1024)};
    mapping->is_anonymous = inode == 0 && path[0] != '[';
    mapping->is_agent_file = strstr(path, AGENT_FILE) != NULL;
    return true;
}

/* "dc": not to be copied on fork. */
static void end_mapping(const char *flags, const struct mapping *mapping, struct agent_memory *memory)
{
    if (mapping->is_agent_file)
        memory->library_kib += mapping->resident_kib;
    if (!mapping->is_anonymous || strstr(flags, " dc") == NULL)
        return;
    memory->mapped_kib += mapping->size_kib;
    memory->resident_kib += mapping->resident_kib;
}

struct agent_memory agent_memory_read(pid_t pid)
{
    struct agent_memory memory = {0};
    struct mapping mapping = {0};
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return memory;
    while (fgets(line, sizeof line, file) != NULL) {
        if (begin_mapping(line, &mapping))
            continue;
        (void)sscanf(line, "Rss: %lu kB", &mapping.resident_kib);
        if (strncmp(line, "VmFlags:", 8) == 0)
            end_mapping(line, &mapping, &memory);
    }
    fclose(file);
    return memory;
}
