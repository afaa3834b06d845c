/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an image that the loader has mapped: its headers, build id, dynamic symbols and unwind tables, as the
 * agent reads them out of the process. What lies behind the image is not readable, as it may be in a process.
 */
#include "agent/code_map.h"
#include "agent/dynamic_symbol.h"
#include "agent/elf_image.h"
#include "agent/image_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define SIZE_MAX_HERE (256u * 1024u)
#define LOOKUPS 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_inside(const struct spipe_elf_image *elf, uint64_t start, uint64_t end)
{
    require(elf->build_id_len <= sizeof elf->build_id);
    if (elf->eh_frame_hdr != 0)
        require(elf->eh_frame_hdr >= start && elf->eh_frame_hdr < end && elf->eh_frame_hdr_len <= end - elf->eh_frame_hdr);
}

static void find_names(const struct spipe_loaded_image *image)
{
    char memory[2 * SPIPE_FRAME_NAME_MAX];
    struct spipe_text name;
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        spipe_text_init(&name, memory, sizeof memory);
        bool is_found = spipe_dynamic_symbol_find(image, image->start + i * (image->end - image->start) / LOOKUPS, &name);
        require(is_found == (name.len > 0) && name.len < SPIPE_FRAME_NAME_MAX);
    }
}

/* Without any code, so that no entry counts: the compiler itself has a fuzzer of its own. */
static void read_tables(const struct spipe_loaded_image *image)
{
    static const struct spipe_code_map no_code;
    struct spipe_unwind_table *table = NULL;
    if (image->eh_frame_hdr == 0)
        return;
    require(spipe_image_table_build(image, &no_code, &table) == SPIPE_UNWIND_NONE && table == NULL);
}

static void read_image(uint64_t start, uint64_t end)
{
    struct spipe_elf_image elf;
    if (!spipe_elf_image_read(start, end, &elf))
        return;
    check_inside(&elf, start, end);
    struct spipe_loaded_image image = {.start = start,
                                       .end = end,
                                       .address_in_file = elf.address_in_file,
                                       .eh_frame_hdr = elf.eh_frame_hdr,
                                       .eh_frame_hdr_len = elf.eh_frame_hdr_len};
    find_names(&image);
    read_tables(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned char *memory;
    if (memory == NULL) {
        memory = mmap(NULL, SIZE_MAX_HERE + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        require(memory != MAP_FAILED && mprotect(memory + SIZE_MAX_HERE, PAGE, PROT_NONE) == 0);
    }
    if (size == 0 || size > SIZE_MAX_HERE)
        return 0;
    size_t pages = (size + PAGE - 1) / PAGE * PAGE;
    unsigned char *image = memory + SIZE_MAX_HERE - pages;
    memcpy(image, data, size);
    memset(image + size, 0, pages - size);
    read_image((uint64_t)(uintptr_t)image, (uint64_t)(uintptr_t)image + pages);
    return 0;
}
