/* SPDX-License-Identifier: MIT */
#include "stack_ids.h"

#include "images.h"
#include "pages.h"

#define FRAME_CACHE_SIZE 8192u
/* Definitions of one message, which stays below 64 KiB: 8 bytes a frame, 6 a node. */
#define DEFINITIONS_MAX 4096u

struct cached_frame {
    uint64_t address;
    uint32_t frame_id;
    uint32_t era;
};

struct spipe_stack_ids {
    uint32_t parent_back[DEFINITIONS_MAX];
    struct cached_frame cache[FRAME_CACHE_SIZE];
    uint32_t era;                           /* entries of the cache are of this map and these tables */
    uint32_t era_generation;
};

struct spipe_stack_ids *spipe_stack_ids_new(void)
{
    struct spipe_stack_ids *ids = spipe_pages_new(sizeof *ids);
    if (ids != NULL)
        ids->era = 1;
    return ids;
}

void spipe_stack_ids_free(struct spipe_stack_ids *ids)
{
    spipe_pages_free(ids, sizeof *ids);
}

void spipe_stack_ids_forget(struct spipe_stack_ids *ids)
{
    ids->era++;
}

static void announce_image(struct spipe_session *session, struct spipe_loaded_image *image)
{
    if (image->image_id != 0)
        return;
    image->image_id = ++session->last_image_id;
    struct spipe_image definition = {image->image_id,     image->path,        {image->build_id, image->build_id_len},
                                     image->start,        image->end - image->start, image->address_in_file,
                                     image->unwind};
    struct spipe_record record = {.kind = SPIPE_RECORD_IMAGES, .images = {&definition, 1, NULL, 0}};
    spipe_session_put(session, &record);
}

static uint32_t stand_in_frame(struct spipe_session *session, enum spipe_stand_in why)
{
    return spipe_intern_frame(session->intern, 0, (uint32_t)why);
}

/* Code that was unloaded after the sample was taken. */
static struct spipe_loaded_image *find_gone_image(uint64_t address)
{
    for (uint32_t i = spipe_images_count(); i-- > 0;) {
        struct spipe_loaded_image *image = spipe_images_get(i);
        if (!image->is_present && address >= image->start && address < image->end)
            return image;
    }
    return NULL;
}

/* 0: not to be shown, since it is the agent's own. */
static uint32_t make_frame(struct spipe_session *session, uint64_t address)
{
    const struct spipe_code_range *range = spipe_code_map_find(spipe_images_code_map(), address);
    struct spipe_loaded_image *image = range == NULL ? find_gone_image(address) : spipe_images_of_range(range);
    if (image == NULL)
        return stand_in_frame(session, range == NULL ? SPIPE_STAND_IN_NOT_CODE : SPIPE_STAND_IN_GENERATED_CODE);
    if (image->is_own)
        return 0;
    uint64_t offset = address - (range == NULL ? image->start : range->image_base);
    if (offset > UINT32_MAX)
        return stand_in_frame(session, SPIPE_STAND_IN_UNKNOWN);
    announce_image(session, image);
    return spipe_intern_frame(session->intern, image->image_id, (uint32_t)offset);
}

static uint32_t find_frame(struct spipe_session *session, uint64_t address)
{
    struct spipe_stack_ids *ids = session->stack_ids;
    struct cached_frame *cached = &ids->cache[(address * UINT64_C(0x9e3779b97f4a7c15)) >> 51];
    if (cached->address != address || cached->era != ids->era)
        *cached = (struct cached_frame){address, make_frame(session, address), ids->era};
    return cached->frame_id;
}

_Static_assert(FRAME_CACHE_SIZE == 1u << (64 - 51), "the hash fills the cache");

void spipe_stack_ids_follow_map(struct spipe_stack_ids *ids)
{
    const struct spipe_code_map *map = spipe_images_code_map();
    if (map->generation != ids->era_generation) {
        ids->era_generation = map->generation;
        ids->era++;
    }
}

static enum spipe_stand_in stand_in_of(enum spipe_walk_end end)
{
    switch (end) {
    case SPIPE_WALK_TOO_DEEP: return SPIPE_STAND_IN_TOO_DEEP;
    case SPIPE_WALK_NO_TABLE:
    case SPIPE_WALK_NEEDS_TABLE: return SPIPE_STAND_IN_NO_TABLE;
    case SPIPE_WALK_BAD_TABLE: return SPIPE_STAND_IN_BAD_TABLE;
    case SPIPE_WALK_OUTSIDE_STACK: return SPIPE_STAND_IN_OUTSIDE_STACK;
    case SPIPE_WALK_NOT_CODE:
    case SPIPE_WALK_UNKNOWN_CODE: return SPIPE_STAND_IN_NOT_CODE;
    case SPIPE_WALK_NO_PROGRESS: return SPIPE_STAND_IN_NO_PROGRESS;
    case SPIPE_WALK_ROOT: break;
    }
    return SPIPE_STAND_IN_UNKNOWN;
}

/* The frames below `node`, from the outermost to the leaf. Neighbouring frames of generated code, which have no names,
 * are one. */
static uint32_t add_frames(struct spipe_session *session, uint32_t node, const uint64_t *address, uint32_t depth)
{
    uint32_t generated = stand_in_frame(session, SPIPE_STAND_IN_GENERATED_CODE);
    uint32_t last_frame = 0;
    for (uint32_t i = depth; i-- > 0;) {
        uint32_t frame = find_frame(session, address[i]);
        if (frame == 0 || (frame == generated && last_frame == generated))
            continue;
        node = spipe_intern_node(session->intern, node, frame);
        last_frame = frame;
    }
    return node;
}

static uint32_t stand_in_node(struct spipe_session *session, enum spipe_stand_in why)
{
    return spipe_intern_node(session->intern, 0, stand_in_frame(session, why));
}

uint32_t spipe_stack_ids_get(struct spipe_session *session, const uint64_t *address, uint32_t depth,
                             enum spipe_walk_end end)
{
    uint32_t outermost = end == SPIPE_WALK_ROOT ? 0 : stand_in_node(session, stand_in_of(end));
    uint32_t node = add_frames(session, outermost, address, depth);
    return node != 0 ? node : stand_in_node(session, SPIPE_STAND_IN_IN_AGENT);
}

uint32_t spipe_stack_ids_get_not_seen(struct spipe_session *session, const uint64_t *address, uint32_t depth)
{
    return add_frames(session, stand_in_node(session, SPIPE_STAND_IN_NOT_SEEN), address, depth);
}

void spipe_stack_ids_announce_gone_images(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_images_count(); i++) {
        struct spipe_loaded_image *image = spipe_images_get(i);
        if (!image->was_gone)
            continue;
        image->was_gone = false;
        if (image->image_id != 0 && !session->is_text) {
            struct spipe_record record = {.kind = SPIPE_RECORD_IMAGES, .images = {NULL, 0, &image->image_id, 1}};
            spipe_session_put(session, &record);
        }
        image->image_id = 0;
    }
}

void spipe_stack_ids_announce_images_again(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_images_count(); i++) {
        struct spipe_loaded_image *image = spipe_images_get(i);
        bool was_known = image->image_id != 0;
        image->image_id = 0;
        image->was_gone = false;
        if (was_known && image->is_present && spipe_outbox_room(session->outbox) > SPIPE_OUTBOX_LEFT)
            announce_image(session, image);
    }
}

uint32_t spipe_stack_ids_own_image(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_images_count(); i++) {
        struct spipe_loaded_image *image = spipe_images_get(i);
        if (!image->is_own || !image->is_present)
            continue;
        announce_image(session, image);
        return image->image_id;
    }
    return 0;
}

bool spipe_stack_ids_is_full(const struct spipe_session *session)
{
    return spipe_intern_new_frames(session->intern) >= DEFINITIONS_MAX ||
           spipe_intern_new_nodes(session->intern) >= DEFINITIONS_MAX;
}

static void put_frames(struct spipe_session *session)
{
    while (spipe_intern_new_frames(session->intern) > 0) {
        struct spipe_frames frames = {0};
        frames.count = spipe_intern_take_frames(session->intern, DEFINITIONS_MAX, &frames.first_frame_id,
                                                &frames.image_id, &frames.offset);
        struct spipe_record record = {.kind = SPIPE_RECORD_FRAMES, .frames = frames};
        spipe_session_put(session, &record);
    }
}

static void put_stacks(struct spipe_session *session)
{
    struct spipe_stack_ids *ids = session->stack_ids;
    while (spipe_intern_new_nodes(session->intern) > 0) {
        struct spipe_stacks stacks = {0};
        stacks.count = spipe_intern_take_nodes(session->intern, DEFINITIONS_MAX, &stacks.first_stack_id,
                                               ids->parent_back, &stacks.frame_id);
        stacks.parent_back = ids->parent_back;
        struct spipe_record record = {.kind = SPIPE_RECORD_STACKS, .stacks = stacks};
        spipe_session_put(session, &record);
    }
}

void spipe_stack_ids_put(struct spipe_session *session)
{
    put_frames(session);
    put_stacks(session);
}
