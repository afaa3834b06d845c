/* SPDX-License-Identifier: MIT */
#include "images.h"

#include "code_publish.h"
#include "elf_image.h"
#include "image_table.h"
#include "handler.h"
#include "maps.h"
#include "pages.h"
#include "path_pool.h"

#include <string.h>

#define GROUPS_MAX 8192u
#define RANGES_MAX 32768u
#define NO_IMAGE UINT32_MAX
/* Between the segments of one image. The same file mapped again further away is not part of it. */
#define GAP_MAX UINT64_C(0x4000000)
#define MAP_SIZE (sizeof(struct spipe_code_map) + RANGES_MAX * sizeof(struct spipe_code_range))

/* Mappings of one file that follow each other: an image, when one of them is executable. */
struct group {
    uint64_t start;
    uint64_t end;
    uint64_t device;
    uint64_t inode;
    const char *path;
    uint32_t image;         /* index, or NO_IMAGE */
    bool is_code;
};

struct scan {
    struct group *group;
    uint32_t group_count;
    struct spipe_code_map *map;
    uint32_t range_count;
};

static struct spipe_loaded_image *images;
static uint32_t image_count;
static uint32_t generation;
static struct group *groups;
static uint64_t *file_offsets;      /* of each range of a scan */

static uint32_t find_image(uint64_t start, uint64_t device, uint64_t inode)
{
    for (uint32_t i = 0; i < image_count; i++) {
        if (images[i].start == start && images[i].device == device && images[i].inode == inode)
            return i;
    }
    return NO_IMAGE;
}

static bool is_image_mapping(const struct spipe_mapping *mapping)
{
    return mapping->inode != 0 || strcmp(mapping->path, "[vdso]") == 0;
}

static bool continues_group(const struct group *group, const struct spipe_mapping *mapping)
{
    return group->device == mapping->device && group->inode == mapping->inode && mapping->offset != 0 &&
           mapping->start - group->end < GAP_MAX;
}

/* A file's first mapping begins a group; code in it makes it an image. */
static void add_to_group(struct scan *scan, const struct spipe_mapping *mapping)
{
    struct group *group = scan->group_count > 0 ? &scan->group[scan->group_count - 1] : NULL;
    if (group == NULL || !continues_group(group, mapping)) {
        if (scan->group_count == GROUPS_MAX)
            return;
        group = &scan->group[scan->group_count++];
        *group = (struct group){mapping->start, mapping->end, mapping->device, mapping->inode, "", NO_IMAGE, false};
    }
    group->end = mapping->end;
    if (mapping->is_executable && !group->is_code) {
        group->is_code = true;
        group->image = find_image(group->start, group->device, group->inode);
        group->path = group->image == NO_IMAGE ? spipe_path_pool_keep(mapping->path) : images[group->image].path;
    }
}

static bool visit_mapping(void *user, const struct spipe_mapping *mapping)
{
    struct scan *scan = user;
    uint32_t group = NO_IMAGE;
    if (is_image_mapping(mapping)) {
        add_to_group(scan, mapping);
        group = scan->group_count - 1;
    }
    /* The vsyscall page lies in the kernel's half; nothing of it is ever on a stack. */
    if (!mapping->is_executable || mapping->start >> 63 != 0 || scan->range_count == RANGES_MAX)
        return true;
    file_offsets[scan->range_count] = mapping->offset;
    struct spipe_code_range *range = &scan->map->range[scan->range_count++];
    memset(range, 0, sizeof *range);
    range->start = mapping->start;
    range->end = mapping->end;
    range->image_base = mapping->start;
    range->image_index = group;     /* becomes the image's index when all mappings are known */
    range->kind = SPIPE_CODE_NO_TABLE;
    return true;
}

static void drop_table(struct spipe_loaded_image *image)
{
    if (image->table != NULL)
        spipe_code_retire_table(image->table);
    image->table = NULL;
    image->table_was_tried = false;
    image->unwind = SPIPE_UNWIND_UNKNOWN;
}

static bool read_image(struct spipe_loaded_image *image, uint64_t start, uint64_t end)
{
    struct spipe_elf_image elf;
    if (!spipe_elf_image_read(start, end, &elf))
        return false;
    bool is_same = image->table_was_tried && image->build_id_len == elf.build_id_len && elf.build_id_len != 0 &&
                   memcmp(image->build_id, elf.build_id, elf.build_id_len) == 0;
    if (!is_same)
        drop_table(image);
    image->start = start;
    image->end = end;
    image->address_in_file = elf.address_in_file;
    image->eh_frame_hdr = elf.eh_frame_hdr;
    image->eh_frame_hdr_len = elf.eh_frame_hdr_len;
    image->code_file_offset = elf.code_file_offset;
    image->code_len = elf.code_len;
    image->code_address = elf.code_address;
    memcpy(image->build_id, elf.build_id, sizeof elf.build_id);
    image->build_id_len = elf.build_id_len;
    if (elf.eh_frame_hdr == 0)
        image->unwind = SPIPE_UNWIND_NONE;
    return true;
}

/* A place for a new image: a fresh one, or when all are used, that of one unloaded long ago. */
static struct spipe_loaded_image *find_place(void)
{
    if (image_count < SPIPE_IMAGES_MAX)
        return &images[image_count];
    for (uint32_t i = 0; i < image_count; i++) {
        if (!images[i].is_present && images[i].image_id == 0) {
            drop_table(&images[i]);
            memset(&images[i], 0, sizeof images[i]);
            return &images[i];
        }
    }
    return NULL;
}

static uint32_t add_image(const struct group *group)
{
    struct spipe_loaded_image *image = find_place();
    if (image == NULL || !read_image(image, group->start, group->end))
        return NO_IMAGE;
    image->device = group->device;
    image->inode = group->inode;
    image->path = group->path;
    uint64_t own = (uint64_t)(uintptr_t)&add_image;
    image->is_own = own >= group->start && own < group->end;
    uint32_t index = (uint32_t)(image - images);
    if (index == image_count)
        image_count++;
    return index;
}

/* Images keep their record when they come back at the same place, as a plugin does that is loaded again and again. */
static void settle_group(struct group *group)
{
    if (!group->is_code)
        return;
    if (group->image == NO_IMAGE) {
        group->image = add_image(group);
    } else {
        struct spipe_loaded_image *image = &images[group->image];
        if (!image->is_present && !read_image(image, group->start, group->end))
            group->image = NO_IMAGE;
        else
            image->end = group->end;
    }
}

static void settle_groups(struct scan *scan)
{
    for (uint32_t i = 0; i < scan->group_count; i++)
        settle_group(&scan->group[i]);
    for (uint32_t i = 0; i < image_count; i++) {
        images[i].was_gone = images[i].was_gone || images[i].is_present;
        images[i].is_present = false;
    }
    for (uint32_t i = 0; i < scan->group_count; i++) {
        if (scan->group[i].image != NO_IMAGE) {
            images[scan->group[i].image].is_present = true;
            images[scan->group[i].image].was_gone = false;
        }
    }
}

static void fill_range(struct spipe_code_range *range)
{
    if (range->image_index == NO_IMAGE)
        return;
    const struct spipe_loaded_image *image = &images[range->image_index];
    range->table = image->table;
    if (image->table != NULL)
        range->kind = SPIPE_CODE_TABLE;
    else if (image->eh_frame_hdr != 0 && !image->table_was_tried)
        range->kind = SPIPE_CODE_UNBUILT;
    else if (image->eh_frame_hdr != 0)
        range->kind = SPIPE_CODE_BAD_TABLE;
    else
        range->kind = SPIPE_CODE_NO_TABLE;
}

/* Code of an image that is mapped a second time elsewhere, as V8 does with its built-in functions: the same image, at
 * another base. */
static void find_original(struct spipe_code_range *range, const struct group *group, uint64_t file_offset)
{
    for (uint32_t i = 0; i < image_count; i++) {
        const struct spipe_loaded_image *image = &images[i];
        if (!image->is_present || image->device != group->device || image->inode != group->inode ||
            file_offset < image->code_file_offset || file_offset - image->code_file_offset >= image->code_len)
            continue;
        uint64_t offset = image->code_address - image->address_in_file + (file_offset - image->code_file_offset);
        range->image_index = i;
        range->image_base = range->start - offset;
        return;
    }
}

static void settle_range(const struct scan *scan, uint32_t index)
{
    struct spipe_code_range *range = &scan->map->range[index];
    const struct group *group = range->image_index == NO_IMAGE ? NULL : &scan->group[range->image_index];
    range->image_index = NO_IMAGE;
    if (group != NULL && group->image != NO_IMAGE) {
        range->image_index = group->image;
        range->image_base = images[group->image].start;
    } else if (group != NULL) {
        find_original(range, group, file_offsets[index]);
    }
    fill_range(range);
}

static bool is_same_map(const struct spipe_code_map *a, const struct spipe_code_map *b)
{
    return a != NULL && a->count == b->count && memcmp(a->range, b->range, a->count * sizeof a->range[0]) == 0;
}

static struct spipe_code_map *new_map(void)
{
    return spipe_pages_new(MAP_SIZE);
}

static bool publish_if_changed(struct spipe_code_map *map)
{
    if (is_same_map(spipe_images_code_map(), map)) {
        spipe_pages_free(map, MAP_SIZE);
        return false;
    }
    map->generation = ++generation;
    spipe_code_publish(map, MAP_SIZE);
    return true;
}

bool spipe_images_init(void)
{
    if (images == NULL) {
        images = spipe_pages_new(SPIPE_IMAGES_MAX * sizeof *images);
        groups = spipe_pages_new(GROUPS_MAX * sizeof *groups);
        file_offsets = spipe_pages_new(RANGES_MAX * sizeof *file_offsets);
    }
    if (images == NULL || groups == NULL || file_offsets == NULL || !spipe_path_pool_init())
        return false;
    (void)spipe_images_scan();
    return true;
}

void spipe_images_fork(void)
{
    images = NULL;
    groups = NULL;
    file_offsets = NULL;
    image_count = 0;
    spipe_path_pool_fork();
    spipe_code_fork();
}

/* Paths of images that came and went, and of what was no image after all, are left behind. */
static void move_paths(void)
{
    if (!spipe_path_pool_is_low() || !spipe_path_pool_begin_move())
        return;
    for (uint32_t i = 0; i < image_count; i++) {
        if (images[i].path != NULL)
            images[i].path = spipe_path_pool_keep(images[i].path);
    }
    spipe_path_pool_end_move();
}

bool spipe_images_scan(void)
{
    move_paths();
    struct scan scan = {groups, 0, new_map(), 0};
    if (scan.map == NULL)
        return false;
    if (!spipe_maps_read(visit_mapping, &scan)) {
        spipe_pages_free(scan.map, MAP_SIZE);
        return false;
    }
    settle_groups(&scan);
    for (uint32_t i = 0; i < scan.range_count; i++)
        settle_range(&scan, i);
    scan.map->count = scan.range_count;
    return publish_if_changed(scan.map);
}

struct presence {
    const struct spipe_loaded_image *image;
    bool is_there;
};

static bool visit_presence(void *user, const struct spipe_mapping *mapping)
{
    struct presence *presence = user;
    const struct spipe_loaded_image *image = presence->image;
    presence->is_there = mapping->start == image->start && mapping->device == image->device &&
                         mapping->inode == image->inode;
    return mapping->start < image->start;
}

/* What was copied is only worth something if the image was there all the time: it is there now, and an image that had
 * gone and come back would be the same file at the same place. */
static bool is_still_there(const struct spipe_loaded_image *image)
{
    struct presence presence = {image, false};
    return spipe_maps_read(visit_presence, &presence) && presence.is_there;
}

static bool compile(struct spipe_loaded_image *image)
{
    struct spipe_unwind_table *table = NULL;
    enum spipe_unwind unwind = spipe_image_table_build(image, spipe_images_code_map(), &table);
    if (!is_still_there(image)) {
        if (table != NULL)
            spipe_unwind_table_free(table);
        return false;
    }
    image->table = table;
    image->unwind = unwind;
    image->table_was_tried = true;
    return true;
}

bool spipe_images_build_table(uint64_t address)
{
    const struct spipe_code_map *map = spipe_images_code_map();
    const struct spipe_code_range *range = spipe_code_map_find(map, address);
    if (range == NULL || range->kind != SPIPE_CODE_UNBUILT || !compile(&images[range->image_index]))
        return false;
    struct spipe_code_map *copy = new_map();
    if (copy == NULL)
        return false;
    memcpy(copy, map, sizeof *map + map->count * sizeof map->range[0]);
    for (uint32_t i = 0; i < copy->count; i++)
        fill_range(&copy->range[i]);
    return publish_if_changed(copy);
}

void spipe_images_build_small(uint64_t header_max, bool (*stop)(void))
{
    for (uint32_t i = 0; i < spipe_images_code_map()->count && !stop(); i++) {
        const struct spipe_code_range *range = &spipe_images_code_map()->range[i];
        if (range->kind == SPIPE_CODE_UNBUILT && images[range->image_index].eh_frame_hdr_len <= header_max)
            (void)spipe_images_build_table(range->start);
    }
}

const struct spipe_code_map *spipe_images_code_map(void)
{
    return atomic_load(&spipe_handler_shared.map);
}

struct spipe_loaded_image *spipe_images_of_range(const struct spipe_code_range *range)
{
    return range->image_index == NO_IMAGE ? NULL : &images[range->image_index];
}

uint32_t spipe_images_count(void)
{
    return image_count;
}

struct spipe_loaded_image *spipe_images_get(uint32_t index)
{
    return &images[index];
}

struct stack_search {
    uint64_t address;
    uint64_t low;
    uint64_t high;
};

static bool visit_stack(void *user, const struct spipe_mapping *mapping)
{
    struct stack_search *search = user;
    if (search->address >= mapping->start && search->address < mapping->end && mapping->is_readable) {
        search->low = mapping->start;
        search->high = mapping->end;
    }
    return mapping->end <= search->address;
}

bool spipe_images_find_stack(uint64_t address, uint64_t *ret_low, uint64_t *ret_high)
{
    struct stack_search search = {address, 0, 0};
    if (!spipe_maps_read(visit_stack, &search) || search.high == 0)
        return false;
    *ret_low = search.low;
    *ret_high = search.high;
    return true;
}

void spipe_images_retire(void)
{
    spipe_code_collect();
}

void spipe_images_forget_ids(void)
{
    for (uint32_t i = 0; i < image_count; i++) {
        images[i].image_id = 0;
        images[i].was_gone = false;
    }
}
