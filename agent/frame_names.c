/* SPDX-License-Identifier: MIT */
#include "frame_names.h"

#include "dynamic_symbol.h"
#include "files.h"
#include "images.h"
#include "pages.h"

#include <stddef.h>
#include <string.h>

#define ENTRY_BITS 14
#define ENTRY_COUNT (1u << ENTRY_BITS)
#define TEXT_SIZE (2u * 1024u * 1024u)

struct entry {
    uint64_t address;
    uint32_t at;            /* where in `text` the name is, plus one; 0: no entry */
};

/* Two addresses of one hash push each other out; when the text is full, all names go. */
struct names {
    struct entry entry[ENTRY_COUNT];
    uint32_t generation;    /* of the code map that the names are of */
    uint32_t used;          /* of `text` */
    char text[TEXT_SIZE];
};

static struct names *names;
static char name_memory[SPIPE_FRAME_NAME_MAX];

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static const char *make_name(uint64_t address)
{
    const struct spipe_code_range *range = spipe_code_map_find(spipe_images_code_map(), address);
    const struct spipe_loaded_image *image = range == NULL ? NULL : spipe_images_of_range(range);
    struct spipe_text text;
    spipe_text_init(&text, name_memory, sizeof name_memory);
    if (image != NULL && image->is_own)
        return name_memory;
    if (image != NULL && spipe_dynamic_symbol_find(image, address, &text))
        return name_memory;
    if (image != NULL) {
        spipe_text_add(&text, base_name(image->path));
        spipe_text_add(&text, "+");
    }
    spipe_text_add(&text, "0x");
    spipe_text_add_hex(&text, image == NULL ? address : address - range->image_base);
    return name_memory;
}

void spipe_frame_names_fork(void)
{
    names = NULL;
}

static void forget_all(void)
{
    memset(names->entry, 0, sizeof names->entry);
    names->used = 0;
}

static void keep(struct entry *entry, uint64_t address, const char *name)
{
    size_t size = strlen(name) + 1;
    if (size > TEXT_SIZE - names->used)
        forget_all();
    memcpy(names->text + names->used, name, size);
    *entry = (struct entry){address, names->used + 1};
    names->used += (uint32_t)size;
}

const char *spipe_frame_names_get(uint64_t address)
{
    if (names == NULL)
        names = spipe_pages_new(sizeof *names);
    if (names == NULL)
        return make_name(address);
    uint32_t generation = spipe_images_code_map()->generation;
    if (names->generation != generation)
        forget_all();
    names->generation = generation;
    struct entry *entry = &names->entry[(address * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - ENTRY_BITS)];
    if (entry->at == 0 || entry->address != address)
        keep(entry, address, make_name(address));
    return names->text + entry->at - 1;
}
