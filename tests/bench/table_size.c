/* SPDX-License-Identifier: MIT */
/*
 * What unwind tables of files take:  table_size FILE...
 *
 * Compiles each file's .eh_frame as the pump does; files without one are passed over. Prints one JSON object with rows,
 * rules, bytes and milliseconds.
 */
#include "clock.h"

#include "agent/unwind_table.h"
#include "tests/elf_parts.h"

#include <stdio.h>

/* Returns how many members it has printed, or -1. */
static int print_table(const char *path, bool is_first)
{
    struct elf_parts image;
    struct spipe_eh_frame_summary summary;
    struct spipe_unwind_table *table = NULL;
    if (!elf_parts_open(path, &image))
        return -1;
    uint64_t start_ns = clock_now_ns();
    int status = image.frame.eh_frame == NULL ? 1 : spipe_eh_frame_compile(&image.frame, &table, &summary);
    double ms = (double)(clock_now_ns() - start_ns) / 1e6;
    if (status == 0)
        printf("%s\"%s\": {\"rows\": %u, \"rules\": %u, \"bytes\": %llu, \"ms\": %.3f}", is_first ? "" : ", ", path,
               table->row_count, table->rule_count, (unsigned long long)table->size_bytes, ms);
    spipe_unwind_table_free(table);
    elf_parts_close(&image);
    return status == 0 ? 1 : status > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    int printed = 0;
    printf("{");
    for (int i = 1; i < argc; i++) {
        int more = print_table(argv[i], printed == 0);
        if (more < 0) {
            fprintf(stderr, "table_size: %s cannot be compiled\n", argv[i]);
            return 1;
        }
        printed += more;
    }
    printf("}\n");
    return 0;
}
