/* SPDX-License-Identifier: MIT */
#include "dynamic_symbol.h"

#include "elf_image.h"

#include <elf.h>
#include <string.h>

#define SEGMENTS_MAX 64u
#define DYNAMIC_MAX 128u
#define CHUNK 256u

struct tables {
    uint64_t symbols;
    uint64_t strings;
    uint64_t strings_len;
};

/* glibc relocates the pointers of a dynamic section in place, other loaders do not. */
static uint64_t absolute(const struct spipe_loaded_image *image, uint64_t value)
{
    return value >= image->start && value < image->end ? value : image->start - image->address_in_file + value;
}

static uint64_t find_dynamic(const struct spipe_loaded_image *image, size_t *ret_len)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment[SEGMENTS_MAX];
    if (!spipe_elf_image_copy(image->start, &header, sizeof header) || header.e_phnum > SEGMENTS_MAX ||
        !spipe_elf_image_copy(image->start + header.e_phoff, segment, header.e_phnum * sizeof segment[0]))
        return 0;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        if (segment[i].p_type == PT_DYNAMIC) {
            *ret_len = (size_t)segment[i].p_memsz;
            return image->start - image->address_in_file + segment[i].p_vaddr;
        }
    }
    return 0;
}

static bool read_tables(const struct spipe_loaded_image *image, struct tables *tables)
{
    Elf64_Dyn entry[DYNAMIC_MAX];
    size_t len = 0;
    uint64_t dynamic = find_dynamic(image, &len);
    size_t count = len / sizeof entry[0] < DYNAMIC_MAX ? len / sizeof entry[0] : DYNAMIC_MAX;
    memset(tables, 0, sizeof *tables);
    if (dynamic == 0 || !spipe_elf_image_copy(dynamic, entry, count * sizeof entry[0]))
        return false;
    for (size_t i = 0; i < count && entry[i].d_tag != DT_NULL; i++) {
        if (entry[i].d_tag == DT_SYMTAB)
            tables->symbols = absolute(image, entry[i].d_un.d_ptr);
        else if (entry[i].d_tag == DT_STRTAB)
            tables->strings = absolute(image, entry[i].d_un.d_ptr);
        else if (entry[i].d_tag == DT_STRSZ)
            tables->strings_len = entry[i].d_un.d_val;
    }
    /* Linkers put the strings right behind the symbols, which is where the symbols' number comes from. */
    return tables->symbols != 0 && tables->strings > tables->symbols;
}

static bool covers(const Elf64_Sym *symbol, uint64_t value)
{
    return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && value >= symbol->st_value &&
           value - symbol->st_value < symbol->st_size;
}

static bool find_symbol(const struct tables *tables, uint64_t value, Elf64_Sym *ret_symbol)
{
    Elf64_Sym symbol[CHUNK];
    uint64_t count = (tables->strings - tables->symbols) / sizeof symbol[0];
    for (uint64_t first = 0; first < count; first += CHUNK) {
        uint64_t here = count - first < CHUNK ? count - first : CHUNK;
        if (!spipe_elf_image_copy(tables->symbols + first * sizeof symbol[0], symbol, here * sizeof symbol[0]))
            return false;
        for (uint64_t i = 0; i < here; i++) {
            if (covers(&symbol[i], value)) {
                *ret_symbol = symbol[i];
                return true;
            }
        }
    }
    return false;
}

bool spipe_dynamic_symbol_find(const struct spipe_loaded_image *image, uint64_t address, struct spipe_text *name)
{
    struct tables tables;
    Elf64_Sym symbol;
    char text[SPIPE_FRAME_NAME_MAX];
    if (!read_tables(image, &tables) ||
        !find_symbol(&tables, address - image->start + image->address_in_file, &symbol) ||
        symbol.st_name >= tables.strings_len)
        return false;
    uint64_t len = tables.strings_len - symbol.st_name;
    if (len > sizeof text - 1)
        len = sizeof text - 1;
    if (!spipe_elf_image_copy(tables.strings + symbol.st_name, text, len))
        return false;
    text[len] = '\0';
    if (text[0] == '\0')
        return false;
    spipe_text_add(name, text);
    return true;
}
