/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/audit.h"

#include "protocol/status.h"
#include "viewer-stub/host/audit_compare.h"

#include <stdlib.h>

#define FRAMES_MAX 8192u
#define PLACES_MAX 4096u
#define PAGE       4096u

/* Code of an image that is mapped a second time elsewhere, as V8 does with its built-in functions. The agent names such
 * code by its image; where it lies is learnt from stacks that were interrupted in it. */
struct alias {
    uint32_t image;
    uint64_t base; /* the runtime address of the image's offset 0, there */
};
#define ALIASES_MAX 16u

struct audit {
    struct spipe_store *store;
    struct spipe_second_unwinder *unwinder;
    struct spipe_audit_result *result;
    uint32_t next_image_id; /* the first that the unwinder has not been told of */
    uint32_t own_image;     /* index in the store, or SPIPE_STORE_NONE */
    uint32_t skipped_before; /* in the sessions before this one, and in it */
    uint32_t skipped;
    struct alias alias[ALIASES_MAX];
    size_t alias_count;
    int status;
    struct spipe_second_frame second[FRAMES_MAX];
    struct spipe_audit_frame second_frame[FRAMES_MAX];
    struct spipe_audit_frame agent_frame[FRAMES_MAX];
    uint32_t agent_store_frame[FRAMES_MAX]; /* the same as indexes in the store */
};

/* ------------------------------------------------------------------------------------------------------------ images */

static void forget_images(struct audit *audit)
{
    spipe_second_unwinder_clear(audit->unwinder);
    audit->next_image_id = 1;
    audit->own_image = SPIPE_STORE_NONE;
    audit->alias_count = 0;
}

/* Tells the unwinder of the images that the session has named since the last audit. */
static int add_images(struct audit *audit)
{
    uint32_t index = SPIPE_STORE_NONE;
    int status = SPIPE_OK;
    while (status == SPIPE_OK &&
           (index = spipe_store_find_image(audit->store, audit->next_image_id)) != SPIPE_STORE_NONE) {
        struct spipe_store_image image;
        spipe_store_get_image(audit->store, index, &image);
        struct spipe_second_image added = {index,      image.path,           image.build_id, image.load_address,
                                           image.size, image.address_in_file};
        status = spipe_second_unwinder_add(audit->unwinder, &added);
        audit->next_image_id++;
    }
    return status;
}

static uint64_t load_address_of(const struct audit *audit, uint32_t index)
{
    struct spipe_store_image image;
    spipe_store_get_image(audit->store, index, &image);
    return image.load_address;
}

/* -------------------------------------------------------------------------------------------------------- both stacks */

/* The agent's frames, innermost first; its stand-ins at the outer end are its reason. */
static size_t read_agent(struct audit *audit, uint32_t node, struct spipe_audit_agent_end *ret_end)
{
    size_t count = 0;
    *ret_end = (struct spipe_audit_agent_end){true, 0};
    while (node != SPIPE_STORE_NO_STACK && count < FRAMES_MAX) {
        const struct spipe_store_node *entry = spipe_store_get_node(audit->store, node);
        const struct spipe_store_frame *frame = spipe_store_get_frame(audit->store, entry->frame);
        uint32_t stand_in = 0;
        audit->agent_store_frame[count] = entry->frame;
        if (!spipe_store_is_stand_in(audit->store, entry->frame, &stand_in))
            audit->agent_frame[count++] = (struct spipe_audit_frame){.image = frame->image, .offset = frame->offset};
        else if (stand_in == SPIPE_STAND_IN_GENERATED_CODE)
            audit->agent_frame[count++] = (struct spipe_audit_frame){.image = SPIPE_STORE_NONE};
        else
            *ret_end = (struct spipe_audit_agent_end){false, stand_in};
        node = entry->parent;
    }
    return count;
}

static void learn_alias(struct audit *audit, const struct spipe_audit_frame *leaf, uint64_t address)
{
    uint64_t base = address - leaf->offset;
    if (leaf->image == SPIPE_STORE_NONE || base % PAGE != 0 || audit->alias_count == ALIASES_MAX)
        return;
    for (size_t i = 0; i < audit->alias_count; i++) {
        if (audit->alias[i].image == leaf->image && audit->alias[i].base == base)
            return;
    }
    audit->alias[audit->alias_count++] = (struct alias){leaf->image, base};
}

/* By an alias, an address in no image is taken for the place that the agent names, if that is what it would be there. */
static bool find_alias(const struct audit *audit, uint64_t address, struct spipe_audit_frame *frame)
{
    for (size_t i = 0; i < audit->alias_count; i++) {
        struct spipe_store_image image;
        spipe_store_get_image(audit->store, audit->alias[i].image, &image);
        if (address - audit->alias[i].base < image.size) {
            frame->image = audit->alias[i].image;
            frame->offset = address - audit->alias[i].base;
            return true;
        }
    }
    return false;
}

static void read_second(struct audit *audit, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct spipe_second_frame *from = &audit->second[i];
        struct spipe_audit_frame *to = &audit->second_frame[i];
        *to = (struct spipe_audit_frame){SPIPE_STORE_NONE, 0, from->has_rules, false};
        if (from->image != SPIPE_SECOND_NO_IMAGE) {
            to->image = from->image;
            to->offset = from->address - load_address_of(audit, from->image);
            to->is_own = from->image == audit->own_image;
        } else {
            find_alias(audit, from->address, to);
        }
    }
}

/* ----------------------------------------------------------------------------------------------------------- counting */

static int reserve_images(struct audit *audit)
{
    struct spipe_audit_result *result = audit->result;
    size_t count = spipe_store_image_count(audit->store);
    if (count <= result->image_count)
        return SPIPE_OK;
    struct spipe_audit_image *grown = realloc(result->image, count * sizeof *grown);
    if (grown == NULL)
        return SPIPE_E_NO_MEMORY;
    for (size_t i = result->image_count; i < count; i++)
        grown[i] = (struct spipe_audit_image){0, 0};
    result->image = grown;
    result->image_count = count;
    return SPIPE_OK;
}

static void count_place(struct audit *audit, const struct spipe_audit_verdict *verdict)
{
    struct spipe_audit_result *result = audit->result;
    const struct spipe_audit_frame *callee = &audit->second_frame[verdict->at];
    struct spipe_store_image image;
    spipe_store_get_image(audit->store, callee->image, &image);
    struct spipe_audit_place place = {callee->image, image.address_in_file + callee->offset, SPIPE_STORE_NONE,
                                      verdict->cause, 1};
    if (!callee->is_own)
        place.frame = audit->agent_store_frame[verdict->agent_at];
    for (size_t i = 0; i < result->place_count; i++) {
        struct spipe_audit_place *other = &result->place[i];
        if (other->image == place.image && other->address == place.address && other->cause == place.cause) {
            other->count++;
            return;
        }
    }
    if (result->place_count < PLACES_MAX)
        result->place[result->place_count++] = place;
}

/* The steps that agreed are the first ones among those with rules. */
static void count_images(struct audit *audit, const struct spipe_audit_verdict *verdict, size_t second_count)
{
    uint64_t left = verdict->agreed;
    for (size_t i = 0; i + 1 < second_count && left > 0; i++) {
        const struct spipe_audit_frame *callee = &audit->second_frame[i];
        const struct spipe_audit_frame *caller = &audit->second_frame[i + 1];
        if (!callee->has_rules || callee->image == SPIPE_STORE_NONE || caller->image == SPIPE_STORE_NONE ||
            caller->is_own)
            continue;
        audit->result->image[callee->image].compared++;
        audit->result->image[callee->image].agreed++;
        left--;
    }
}

static void count_verdict(struct audit *audit, const struct spipe_audit_verdict *verdict, enum spipe_second_end end,
                          size_t second_count)
{
    struct spipe_audit_result *result = audit->result;
    result->stacks++;
    result->whole_stacks += verdict->is_whole;
    result->compared += verdict->agreed + verdict->differs;
    result->agreed += verdict->agreed;
    result->behind += verdict->behind;
    result->guessed_same += verdict->guessed_same;
    result->guessed_other += verdict->guessed_other;
    result->untold += verdict->untold;
    result->ended[end]++;
    count_images(audit, verdict, second_count);
    if (verdict->differs) {
        result->differing[verdict->cause]++;
        result->image[audit->second_frame[verdict->at].image].compared++;
        count_place(audit, verdict);
    }
}

/* ------------------------------------------------------------------------------------------------------------ reading */

static void take_stack(struct audit *audit, const struct spipe_audit *stack)
{
    uint32_t node = spipe_store_find_stack(audit->store, stack->stack_id);
    struct spipe_audit_agent_end agent_end;
    enum spipe_second_end second_end;
    struct spipe_audit_verdict verdict;
    const char *why = "";
    size_t agent_count = node != SPIPE_STORE_NONE ? read_agent(audit, node, &agent_end) : 0;
    size_t second_count = 0;
    if (agent_count > 0)
        second_count =
            spipe_second_unwinder_walk(audit->unwinder, stack, audit->second, FRAMES_MAX, &second_end, &why);
    if (second_count > 0 && audit->second[0].image == SPIPE_SECOND_NO_IMAGE)
        learn_alias(audit, &audit->agent_frame[0], audit->second[0].address);
    read_second(audit, second_count);
    const struct spipe_audit_frame *leaf = &audit->second_frame[0];
    if (second_count == 0 || leaf->image != audit->agent_frame[0].image ||
        (leaf->image != SPIPE_STORE_NONE && leaf->offset != audit->agent_frame[0].offset)) {
        audit->result->refused++;
        return;
    }
    struct spipe_audit_stack agent = {audit->agent_frame, agent_count};
    struct spipe_audit_stack second = {audit->second_frame, second_count};
    spipe_audit_compare(&agent, agent_end, &second, second_end, &verdict);
    count_verdict(audit, &verdict, second_end, second_count);
}

static int take_audits(struct audit *audit, const struct spipe_audits *audits)
{
    int status = add_images(audit);
    status = status != SPIPE_OK ? status : reserve_images(audit);
    if (status != SPIPE_OK)
        return status;
    audit->skipped = audits->skipped;
    audit->own_image = spipe_store_find_image(audit->store, audits->own_image_id);
    for (size_t i = 0; i < audits->count; i++)
        take_stack(audit, &audits->audit[i]);
    return SPIPE_OK;
}

static void begin_session(struct audit *audit)
{
    forget_images(audit);
    audit->skipped_before += audit->skipped;
    audit->skipped = 0;
}

static int take_item(void *user, const struct spipe_capture_item *item)
{
    struct audit *audit = user;
    spipe_capture_feed(audit->store, item);
    if (item->record == NULL)
        begin_session(audit);
    else if (item->resumed || item->record->kind == SPIPE_RECORD_CHECKPOINT)
        forget_images(audit);
    else if (item->record->kind == SPIPE_RECORD_AUDITS)
        audit->status = take_audits(audit, &item->record->audits);
    return audit->status;
}

static int compare_places(const void *a, const void *b)
{
    const struct spipe_audit_place *left = a;
    const struct spipe_audit_place *right = b;
    if (left->count != right->count)
        return left->count > right->count ? -1 : 1;
    if (left->image != right->image)
        return left->image < right->image ? -1 : 1;
    return left->address < right->address ? -1 : left->address > right->address;
}

static struct audit *new_audit(struct spipe_store *store, struct spipe_audit_result *result)
{
    struct audit *audit = calloc(1, sizeof *audit);
    *result = (struct spipe_audit_result){0};
    result->place = calloc(PLACES_MAX, sizeof *result->place);
    if (audit == NULL || result->place == NULL) {
        free(audit);
        return NULL;
    }
    audit->store = store;
    audit->result = result;
    audit->unwinder = spipe_second_unwinder_new();
    if (audit->unwinder == NULL) {
        free(audit);
        return NULL;
    }
    begin_session(audit);
    return audit;
}

/* `status` is what reading gave. */
static int end_audit(struct audit *audit, int status)
{
    struct spipe_audit_result *result = audit->result;
    spipe_store_end_session(audit->store);
    result->skipped = (uint64_t)audit->skipped_before + audit->skipped;
    qsort(result->place, result->place_count, sizeof *result->place, compare_places);
    status = status != SPIPE_OK ? status : audit->status;
    spipe_second_unwinder_free(audit->unwinder);
    free(audit);
    return status;
}

int spipe_audit_file(const char *path, struct spipe_store *store, struct spipe_audit_result *ret_result,
                     struct spipe_capture_end *ret_end)
{
    struct audit *audit = new_audit(store, ret_result);
    if (audit == NULL)
        return SPIPE_E_NO_MEMORY;
    return end_audit(audit, spipe_capture_read_file(path, take_item, audit, ret_end));
}

int spipe_audit_memory(const void *bytes, size_t len, struct spipe_store *store, struct spipe_audit_result *ret_result,
                       struct spipe_capture_end *ret_end)
{
    struct audit *audit = new_audit(store, ret_result);
    if (audit == NULL)
        return SPIPE_E_NO_MEMORY;
    return end_audit(audit, spipe_capture_read_memory(bytes, len, take_item, audit, ret_end));
}

void spipe_audit_done(struct spipe_audit_result *result)
{
    free(result->image);
    free(result->place);
    *result = (struct spipe_audit_result){0};
}

const char *spipe_audit_cause_name(enum spipe_audit_cause cause)
{
    static const char *const name[] = {"another caller", "not the root", "gave up", "went on"};
    return (unsigned)cause < sizeof name / sizeof name[0] ? name[cause] : "unknown";
}
