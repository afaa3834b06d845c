/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "unwind_process.h"

#include "elf_parts.h"
#include "protocol/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANGES_MAX 512u
#define RED_ZONE 128u

struct mapping {
    uint64_t start;
    uint64_t end;
    uint64_t offset;
    char mode[8];
    char path[256];
};

static bool read_mapping(FILE *file, struct mapping *mapping)
{
    char line[512];
    if (fgets(line, sizeof(line), file) == NULL)
        return false;
    mapping->path[0] = '\0';
    return sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %255s", &mapping->start, &mapping->end,
                  mapping->mode, &mapping->offset, mapping->path) >= 4;
}

static struct spipe_unwind_table *compile_at(uint64_t base)
{
    struct elf_parts image;
    struct spipe_eh_frame_summary summary;
    struct spipe_unwind_table *table = NULL;
    if (elf_parts_find((const void *)(uintptr_t)base, &image) && image.frame.eh_frame != NULL)
        (void)spipe_eh_frame_compile(&image.frame, &table, &summary);
    return table;
}

struct spipe_code_map *process_map_new(void)
{
    struct spipe_code_map *map = calloc(1, sizeof(*map) + RANGES_MAX * sizeof(map->range[0]));
    FILE *file = fopen("/proc/self/maps", "r");
    struct mapping mapping;
    uint64_t base = 0;
    const struct spipe_unwind_table *table = NULL;
    uint32_t image_index = 0;
    if (map == NULL || file == NULL)
        abort();
    map->generation = 1;
    while (read_mapping(file, &mapping) && map->count < RANGES_MAX) {
        if (mapping.offset == 0 && mapping.mode[0] == 'r' &&
            (mapping.path[0] == '/' || strcmp(mapping.path, "[vdso]") == 0)) {
            base = mapping.start;
            table = compile_at(base);
            image_index++;
        }
        if (mapping.mode[2] != 'x')
            continue;
        bool has_table = table != NULL && mapping.path[0] != '\0';
        map->range[map->count++] = (struct spipe_code_range){
            .start = mapping.start, .end = mapping.end, .image_base = base, .table = has_table ? table : NULL,
            .image_index = image_index, .kind = has_table ? SPIPE_CODE_TABLE : SPIPE_CODE_NO_TABLE};
    }
    fclose(file);
    return map;
}

void process_map_free(struct spipe_code_map *map)
{
    for (uint32_t i = 0; i < map->count; i++) {
        bool is_first = i == 0 || map->range[i].table != map->range[i - 1].table;
        if (is_first)
            spipe_unwind_table_free((struct spipe_unwind_table *)(uintptr_t)map->range[i].table);
    }
    free(map);
}

uint64_t process_stack_end(const void *address)
{
    FILE *file = fopen("/proc/self/maps", "r");
    struct mapping mapping;
    uint64_t end = 0;
    if (file == NULL)
        abort();
    while (read_mapping(file, &mapping)) {
        if ((uint64_t)(uintptr_t)address >= mapping.start && (uint64_t)(uintptr_t)address < mapping.end)
            end = mapping.end;
    }
    fclose(file);
    return end;
}

struct spipe_registers process_registers(const ucontext_t *context)
{
    static const int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    struct spipe_registers registers;
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        registers.value[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
    return registers;
}

void process_walk(const struct spipe_code_map *map, const ucontext_t *context, uint64_t stack_end,
                  struct spipe_walk_cache *cache, struct capture *ret_capture)
{
    struct spipe_registers registers = process_registers(context);
    struct spipe_stack_view view = {.low = (registers.value[7] - RED_ZONE) & ~UINT64_C(7), .high = stack_end};
    view.bytes = (const unsigned char *)(uintptr_t)view.low;
    ret_capture->end = spipe_unwind_walk(map, &view, &registers, cache, ret_capture->address, CAPTURE_DEPTH,
                                         &ret_capture->depth, &ret_capture->needed);
}
