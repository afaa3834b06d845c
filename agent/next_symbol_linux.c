/* SPDX-License-Identifier: MIT */
#include "next_symbol.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

/* A version's index with this bit is hidden: an old version kept for old programs. */
#define VERSION_HIDDEN 0x8000u

struct symbols {
    const Elf64_Sym *symbol;
    const char *strings;
    const uint32_t *gnu_hash;
    const uint32_t *hash;
    const uint16_t *versions;
};

/* The loader leaves its list for debuggers in the main program's dynamic section. */
static const struct link_map *first_library(void)
{
    const Elf64_Phdr *segment = (const Elf64_Phdr *)getauxval(AT_PHDR);
    uint64_t count = getauxval(AT_PHNUM);
    uint64_t bias = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (segment[i].p_type == PT_PHDR)
            bias = (uint64_t)(uintptr_t)segment - segment[i].p_vaddr;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (segment[i].p_type != PT_DYNAMIC)
            continue;
        const Elf64_Dyn *entry = (const Elf64_Dyn *)(uintptr_t)(bias + segment[i].p_vaddr);
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr != 0)
                return ((const struct r_debug *)(uintptr_t)entry->d_un.d_ptr)->r_map;
        }
    }
    return NULL;
}

/* glibc relocates these pointers in place, musl and the vDSO do not. */
static void *pointer_of(const struct link_map *library, uint64_t value)
{
    return (void *)(uintptr_t)(value < library->l_addr ? value + library->l_addr : value);
}

static bool read_symbols(const struct link_map *library, struct symbols *symbols)
{
    memset(symbols, 0, sizeof *symbols);
    for (const Elf64_Dyn *entry = library->l_ld; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        void *pointer = pointer_of(library, entry->d_un.d_ptr);
        switch (entry->d_tag) {
        case DT_SYMTAB: symbols->symbol = pointer; break;
        case DT_STRTAB: symbols->strings = pointer; break;
        case DT_GNU_HASH: symbols->gnu_hash = pointer; break;
        case DT_HASH: symbols->hash = pointer; break;
        case DT_VERSYM: symbols->versions = pointer; break;
        default: break;
        }
    }
    return symbols->symbol != NULL && symbols->strings != NULL;
}

static bool is_definition(const struct symbols *symbols, uint32_t index, const char *name)
{
    const Elf64_Sym *symbol = &symbols->symbol[index];
    if (symbol->st_shndx == SHN_UNDEF || strcmp(symbols->strings + symbol->st_name, name) != 0)
        return false;
    return symbols->versions == NULL || (symbols->versions[index] & VERSION_HIDDEN) == 0;
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (const char *at = name; *at != '\0'; at++)
        hash = hash * 33 + (unsigned char)*at;
    return hash;
}

/* The table's layout: bucket count, first symbol, Bloom filter's length in words and shift; the filter; buckets;
 * chains. */
static const Elf64_Sym *find_by_gnu_hash(const struct symbols *symbols, const char *name)
{
    const uint32_t *table = symbols->gnu_hash;
    const uint32_t *bucket = table + 4 + 2 * (size_t)table[2];
    const uint32_t *chain = bucket + table[0];
    uint32_t hash = gnu_hash_of(name);
    if (table[0] == 0)
        return NULL;
    for (uint32_t index = bucket[hash % table[0]]; index >= table[1] && index != 0; index++) {
        uint32_t entry = chain[index - table[1]];
        if ((entry | 1u) == (hash | 1u) && is_definition(symbols, index, name))
            return &symbols->symbol[index];
        if (entry & 1u)
            break;
    }
    return NULL;
}

static const Elf64_Sym *find_by_count(const struct symbols *symbols, const char *name)
{
    for (uint32_t index = 1; index < symbols->hash[1]; index++) {
        if (is_definition(symbols, index, name))
            return &symbols->symbol[index];
    }
    return NULL;
}

static const Elf64_Sym *find(const struct symbols *symbols, const char *name)
{
    if (symbols->gnu_hash != NULL)
        return find_by_gnu_hash(symbols, name);
    return symbols->hash != NULL ? find_by_count(symbols, name) : NULL;
}

/* A function that chooses its own implementation at load time (an IFUNC) names the chooser. */
static void *address_of(const struct link_map *library, const Elf64_Sym *symbol)
{
    void *address = (void *)(uintptr_t)(library->l_addr + symbol->st_value);
    if (ELF64_ST_TYPE(symbol->st_info) != STT_GNU_IFUNC)
        return address;
    void *(*choose)(void);
    memcpy(&choose, &address, sizeof choose);
    return choose();
}

/* Our own entry is the one whose dynamic section is ours. */
static const struct link_map *own_library(void)
{
    const struct link_map *library = first_library();
    while (library != NULL && library->l_ld != _DYNAMIC)
        library = library->l_next;
    return library;
}

const char *spipe_next_symbol_own_path(void)
{
    const struct link_map *library = own_library();
    return library == NULL || library->l_name == NULL ? "" : library->l_name;
}

void *spipe_next_symbol(const char *name)
{
    const struct link_map *library = own_library();
    if (library == NULL)
        return NULL;
    for (library = library->l_next; library != NULL; library = library->l_next) {
        struct symbols symbols;
        const Elf64_Sym *symbol = read_symbols(library, &symbols) ? find(&symbols, name) : NULL;
        if (symbol != NULL)
            return address_of(library, symbol);
    }
    return NULL;
}
