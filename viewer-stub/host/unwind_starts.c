/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/unwind_starts.h"

#include <string.h>

/* DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel | DW_EH_PE_sdata4: what linkers write on 64-bit
 * systems. */
#define POINTER_FROM_HERE 0x1b
#define COUNT_PLAIN       0x03
#define TABLE_FROM_HEADER 0x3b
#define HEADER_LEN        12u
#define ENTRY_LEN         8u

static uint32_t load_u32(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t add_offset(uint64_t address, uint32_t offset)
{
    return address + (uint64_t)(int64_t)(int32_t)offset;
}

static Elf_Data *find_section(Elf *elf, const char *wanted, uint64_t *ret_address)
{
    Elf_Scn *section = NULL;
    size_t names = 0;

    if (elf_getshdrstrndx(elf, &names) != 0)
        return NULL;
    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (!name || strcmp(name, wanted) != 0 || header.sh_type == SHT_NOBITS)
            continue;
        *ret_address = header.sh_addr;
        return elf_getdata(section, NULL);
    }
    return NULL;
}

/* Where entry `i` of the table says that a function begins. */
static uint64_t entry_start(const struct spipe_unwind_starts *starts, size_t i)
{
    return add_offset(starts->header_address, load_u32(starts->table + i * ENTRY_LEN));
}

/* The length of the function that entry `i` begins, by its frame description; 0 when the two do not agree. */
static uint64_t entry_len(const struct spipe_unwind_starts *starts, size_t i)
{
    uint64_t address = add_offset(starts->header_address, load_u32(starts->table + i * ENTRY_LEN + 4));
    uint64_t at = address - starts->frames_address;
    const unsigned char *frame = NULL;

    if (address < starts->frames_address || starts->frames_len < 16 || at > starts->frames_len - 16)
        return 0;
    frame = starts->frames + at;
    if (add_offset(address + 8, load_u32(frame + 8)) != entry_start(starts, i))
        return 0;
    return load_u32(frame + 12);
}

void spipe_unwind_starts_init(struct spipe_unwind_starts *starts, Elf *elf)
{
    uint64_t header_address = 0;
    uint64_t frames_address = 0;
    Elf_Data *header = find_section(elf, ".eh_frame_hdr", &header_address);
    Elf_Data *frames = find_section(elf, ".eh_frame", &frames_address);
    const unsigned char *bytes = header ? header->d_buf : NULL;
    unsigned char ident = elf_getident(elf, NULL) ? (unsigned char)elf_getident(elf, NULL)[EI_DATA] : 0;
    size_t count = 0;

    memset(starts, 0, sizeof *starts);
    if (!bytes || !frames || !frames->d_buf || header->d_size < HEADER_LEN || ident != ELFDATA2LSB)
        return;
    if (bytes[0] != 1 || bytes[1] != POINTER_FROM_HERE || bytes[2] != COUNT_PLAIN || bytes[3] != TABLE_FROM_HEADER)
        return;
    count = load_u32(bytes + 8);
    if (count > (header->d_size - HEADER_LEN) / ENTRY_LEN)
        return;
    *starts = (struct spipe_unwind_starts){bytes + HEADER_LEN, count,          header_address,
                                           frames->d_buf,      frames->d_size, frames_address};
}

bool spipe_unwind_starts_find(const struct spipe_unwind_starts *starts, uint64_t address, uint64_t *ret_start)
{
    size_t low = 0;
    size_t high = starts->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_start(starts, middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address - entry_start(starts, low - 1) >= entry_len(starts, low - 1))
        return false;
    *ret_start = entry_start(starts, low - 1);
    return true;
}
