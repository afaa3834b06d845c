/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/plt_names.h"

#include <stdlib.h>
#include <string.h>

#define STUB_LEN_MAX 16u

/* A slot that the loader fills with the address of a function. */
struct slot {
    uint64_t address;
    const char *name;
};

struct slots {
    struct slot *slot;
    size_t count;
    const char **by_index; /* names of .rela.plt, in its order, NULL where there is none */
    size_t index_count;
};

static uint32_t load_u32(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static int compare_slots(const void *left, const void *right)
{
    const struct slot *a = left;
    const struct slot *b = right;

    return (a->address > b->address) - (a->address < b->address);
}

static const char *find_slot(const struct slots *slots, uint64_t address)
{
    struct slot key = {address, NULL};
    const struct slot *slot = NULL;

    if (slots->count > 0)
        slot = bsearch(&key, slots->slot, slots->count, sizeof key, compare_slots);
    return slot ? slot->name : NULL;
}

/* The name of the symbol that a relocation of the section `link` refers to, or NULL. */
static const char *symbol_name(Elf *elf, uint32_t link, size_t symbol_index)
{
    Elf_Scn *section = elf_getscn(elf, link);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
    GElf_Shdr header;
    GElf_Sym symbol;
    const char *name = NULL;

    if (symbol_index == 0 || symbol_index > INT32_MAX || !data || !gelf_getshdr(section, &header) ||
        !gelf_getsym(data, (int)symbol_index, &symbol))
        return NULL;
    name = elf_strptr(elf, header.sh_link, symbol.st_name);
    return name && name[0] != '\0' ? name : NULL;
}

/* Makes room for `count` more slots, and in .rela.plt for their names by index. */
static int reserve_slots(struct slots *slots, size_t count, int is_plt)
{
    struct slot *grown = realloc(slots->slot, (slots->count + count) * sizeof *grown);

    if (!grown)
        return -1;
    slots->slot = grown;
    if (is_plt && !slots->by_index) {
        slots->by_index = calloc(count, sizeof *slots->by_index);
        slots->index_count = slots->by_index ? count : 0;
    }
    return 0;
}

static int read_relocations(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, int is_plt, struct slots *slots)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

    if (count == 0 || count > INT32_MAX)
        return 0;
    if (reserve_slots(slots, count, is_plt) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        GElf_Rela relocation;
        const char *name = NULL;
        if (!gelf_getrela(data, (int)i, &relocation))
            continue;
        if (GELF_R_TYPE(relocation.r_info) == R_X86_64_JUMP_SLOT || GELF_R_TYPE(relocation.r_info) == R_X86_64_GLOB_DAT)
            name = symbol_name(elf, header->sh_link, GELF_R_SYM(relocation.r_info));
        if (name)
            slots->slot[slots->count++] = (struct slot){relocation.r_offset, name};
        if (is_plt && i < slots->index_count)
            slots->by_index[i] = name;
    }
    return 0;
}

/* `names` is the index of the section that holds the sections' names. */
static int read_slots(Elf *elf, size_t names, struct slots *slots)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        const char *name = NULL;
        if (!gelf_getshdr(section, &header) || header.sh_type != SHT_RELA || !(header.sh_flags & SHF_ALLOC))
            continue;
        name = elf_strptr(elf, names, header.sh_name);
        if (read_relocations(elf, section, &header, name && strcmp(name, ".rela.plt") == 0, slots) != 0)
            return -1;
    }
    if (slots->count > 0)
        qsort(slots->slot, slots->count, sizeof *slots->slot, compare_slots);
    return 0;
}

/* Reads one stub: `endbr64`, then `jmp *slot` with or without a `bnd` prefix, or `push index` on its way to the loader.
 */
static const char *read_stub(const unsigned char *bytes, size_t len, uint64_t address, const struct slots *slots)
{
    static const unsigned char endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    size_t at = len >= 4 && memcmp(bytes, endbr64, 4) == 0 ? 4 : 0;

    if (at < len && bytes[at] == 0xf2)
        at++;
    if (len < at + 5)
        return NULL;
    if (bytes[at] == 0x68) {
        uint32_t index = load_u32(bytes + at + 1);
        return index < slots->index_count ? slots->by_index[index] : NULL;
    }
    if (len < at + 6 || bytes[at] != 0xff || bytes[at + 1] != 0x25)
        return NULL;
    return find_slot(slots, address + at + 6 + (uint64_t)(int64_t)(int32_t)load_u32(bytes + at + 2));
}

static void read_section(Elf_Scn *section, const GElf_Shdr *header, const struct slots *slots,
                         void (*found)(void *user, uint64_t start, uint64_t end, const char *name), void *user)
{
    size_t stub_len = header->sh_entsize == 8 ? 8 : STUB_LEN_MAX;
    Elf_Data *data = elf_getdata(section, NULL);

    if (header->sh_type != SHT_PROGBITS || !data || !data->d_buf)
        return;
    for (size_t at = 0; at + stub_len <= data->d_size; at += stub_len) {
        uint64_t address = header->sh_addr + at;
        const char *name = read_stub((const unsigned char *)data->d_buf + at, stub_len, address, slots);
        if (name)
            found(user, address, address + stub_len, name);
    }
}

void spipe_plt_names(Elf *elf, void (*found)(void *user, uint64_t start, uint64_t end, const char *name), void *user)
{
    struct slots slots = {NULL, 0, NULL, 0};
    Elf_Scn *section = NULL;
    GElf_Ehdr ehdr;
    size_t names = 0;

    if (!gelf_getehdr(elf, &ehdr) || ehdr.e_machine != EM_X86_64 || elf_getshdrstrndx(elf, &names) != 0)
        return;
    if (read_slots(elf, names, &slots) == 0) {
        while ((section = elf_nextscn(elf, section)) != NULL) {
            GElf_Shdr header;
            const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
            if (name && (strcmp(name, ".plt") == 0 || strcmp(name, ".plt.sec") == 0 || strcmp(name, ".plt.got") == 0))
                read_section(section, &header, &slots, found, user);
        }
    }
    free(slots.slot);
    free(slots.by_index);
}
