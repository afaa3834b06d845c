/* SPDX-License-Identifier: MIT */
#include "elf_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool elf_file_open(const char *path, struct elf_file *ret_file)
{
    FILE *stream = fopen(path, "rb");
    long len = 0;
    unsigned char *bytes = NULL;
    if (stream == NULL)
        return false;
    if (fseek(stream, 0, SEEK_END) == 0 && (len = ftell(stream)) > 0)
        bytes = malloc((size_t)len);
    rewind(stream);
    bool is_read = bytes != NULL && fread(bytes, 1, (size_t)len, stream) == (size_t)len;
    fclose(stream);
    if (!is_read || (size_t)len < sizeof(Elf64_Ehdr) || memcmp(bytes, ELFMAG, SELFMAG) != 0 ||
        bytes[EI_CLASS] != ELFCLASS64) {
        free(bytes);
        return false;
    }
    *ret_file = (struct elf_file){bytes, (size_t)len};
    return true;
}

static const Elf64_Shdr *section(const struct elf_file *file, size_t index)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)file->bytes;
    return index >= header->e_shnum ? NULL : (const Elf64_Shdr *)(const void *)(file->bytes + header->e_shoff) + index;
}

static const Elf64_Shdr *section_of_type(const struct elf_file *file, unsigned type)
{
    const Elf64_Shdr *found;
    for (size_t i = 0; (found = section(file, i)) != NULL; i++) {
        if (found->sh_type == type)
            return found;
    }
    return NULL;
}

static const char *strings_of(const struct elf_file *file, const Elf64_Shdr *table)
{
    return (const char *)file->bytes + section(file, table->sh_link)->sh_offset;
}

void elf_file_each_symbol(const struct elf_file *file, unsigned table_type,
                          void (*visit)(void *user, const char *name, const Elf64_Sym *symbol), void *user)
{
    const Elf64_Shdr *table = section_of_type(file, table_type);
    if (table == NULL)
        return;
    const Elf64_Sym *symbol = (const Elf64_Sym *)(const void *)(file->bytes + table->sh_offset);
    for (size_t i = 1; i < table->sh_size / sizeof *symbol; i++) {
        if (symbol[i].st_name != 0)
            visit(user, strings_of(file, table) + symbol[i].st_name, &symbol[i]);
    }
}

void elf_file_each_needed_version(const struct elf_file *file, void (*visit)(void *user, const char *version),
                                  void *user)
{
    const Elf64_Shdr *table = section_of_type(file, SHT_GNU_verneed);
    const unsigned char *at = table == NULL ? NULL : file->bytes + table->sh_offset;
    for (unsigned i = 0; table != NULL && i < table->sh_info; i++) {
        const Elf64_Verneed *need = (const Elf64_Verneed *)(const void *)at;
        const unsigned char *place = at + need->vn_aux;
        for (unsigned k = 0; k < need->vn_cnt; k++) {
            const Elf64_Vernaux *version = (const Elf64_Vernaux *)(const void *)place;
            visit(user, strings_of(file, table) + version->vna_name);
            place += version->vna_next;
        }
        at += need->vn_next;
    }
}

void elf_file_each_dynamic(const struct elf_file *file,
                           void (*visit)(void *user, const Elf64_Dyn *entry, const char *text), void *user)
{
    const Elf64_Shdr *table = section_of_type(file, SHT_DYNAMIC);
    if (table == NULL)
        return;
    const Elf64_Dyn *entry = (const Elf64_Dyn *)(const void *)(file->bytes + table->sh_offset);
    for (size_t i = 0; i < table->sh_size / sizeof *entry && entry[i].d_tag != DT_NULL; i++)
        visit(user, &entry[i], entry[i].d_tag == DT_NEEDED ? strings_of(file, table) + entry[i].d_un.d_val : "");
}

void elf_file_close(struct elf_file *file)
{
    free(file->bytes);
    file->bytes = NULL;
}
