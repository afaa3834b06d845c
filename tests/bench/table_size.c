/* SPDX-License-Identifier: MIT */
/*
 * What unwind tables of files take:  table_size FILE...
 *
 * Compiles each file's .eh_frame as the pump does. Prints one JSON object with rows, rules, bytes and milliseconds.
 */
#include "clock.h"

#include "agent/unwind_table.h"
#include "tests/elf_parts.h"

#include <stdio.h>

static bool print_table(const char *path, bool is_first)
{
    struct elf_parts image;
    struct spipe_eh_frame_summary summary;
    struct spipe_unwind_table *table = NULL;
    if (!elf_parts_open(path, &image) || image.frame.eh_frame == NULL) {
        fprintf(stderr, "%s: no .eh_frame\n", path);
        return false;
    }
    uint64_t start_ns = clock_now_ns();
    int status = spipe_eh_frame_compile(&image.frame, &table, &summary);
    double ms = (double)(clock_now_ns() - start_ns) / 1e6;
    if (status == 0)
        printf("%s\"%s\": {\"rows\": %u, \"rules\": %u, \"bytes\": %llu, \"ms\": %.3f}", is_first ? "" : ", ", path,
               table->row_count, table->rule_count, (unsigned long long)table->size_bytes, ms);
    spipe_unwind_table_free(table);
    elf_parts_close(&image);
    return status == 0;
}

int main(int argc, char **argv)
{
    bool is_good = argc > 1;
    printf("{");
    for (int i = 1; i < argc; i++)
        is_good &= print_table(argv[i], i == 1);
    printf("}\n");
    return is_good ? 0 : 1;
}
