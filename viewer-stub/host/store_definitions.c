/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/store_private.h"

#include <string.h>

/* True when `count` dense ids from `first` on can be defined: 0 is none's, and nothing is defined twice. */
static bool are_new(const struct spipe_ids *ids, uint32_t first, size_t count)
{
    if (first == 0 || count > UINT32_MAX - first) {
        return count == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (spipe_ids_find(ids, first + (uint32_t)i) != SPIPE_INTERN_NONE) {
            return false;
        }
    }
    return true;
}

static int reserve_ids(struct spipe_store *store, struct spipe_ids *ids, uint32_t first, size_t count)
{
    return count == 0 ? SPIPE_OK : spipe_ids_reserve(ids, first + (uint32_t)count - 1, &store->budget);
}

static bool is_known(const struct spipe_ids *ids, uint32_t id)
{
    return spipe_ids_find(ids, id) != SPIPE_INTERN_NONE;
}

static bool is_known_or_none(const struct spipe_ids *ids, uint32_t id)
{
    return id == 0 || is_known(ids, id);
}

/* --------------------------------------------------------------------------------------------------- strings and
 * methods */

int store_add_strings(struct spipe_store *store, const struct spipe_strings *strings)
{
    if (!are_new(&store->string_ids, strings->first_string_id, strings->count)) {
        return SPIPE_E_FORMAT;
    }
    int status = reserve_ids(store, &store->string_ids, strings->first_string_id, strings->count);
    for (size_t i = 0; i < strings->count && status == SPIPE_OK; i++) {
        uint32_t string = 0;
        status = store_intern_text(store, strings->text[i], &string);
        if (status == SPIPE_OK) {
            spipe_ids_put(&store->string_ids, strings->first_string_id + (uint32_t)i, string);
        }
    }
    return status;
}

/* The string of an id that is known or none; "" for none. */
static uint32_t string_of(const struct spipe_store *store, uint32_t string_id)
{
    return string_id == 0 ? 0 : spipe_ids_find(&store->string_ids, string_id);
}

static int intern_method(struct spipe_store *store, const struct spipe_store_method *method, uint32_t *ret_method)
{
    uint32_t hash = spipe_intern_hash(method, sizeof *method, store->seed);
    size_t position = hash;
    uint32_t found;
    while ((found = spipe_index_next(&store->method_index, hash, &position)) != SPIPE_INTERN_NONE) {
        if (memcmp(spipe_store_get_method(store, found), method, sizeof *method) == 0) {
            *ret_method = found;
            return SPIPE_OK;
        }
    }
    struct spipe_store_method *entry = NULL;
    int status = store_reserve(store, &store->methods, &entry);
    uint32_t index = spipe_store_method_count(store);
    status = status != 0 ? status : spipe_index_put(&store->method_index, hash, index, &store->budget);
    if (status == SPIPE_OK) {
        *entry = *method;
        *ret_method = store_push(&store->methods);
    }
    return status;
}

static bool are_methods_sound(const struct spipe_store *store, const struct spipe_methods *methods)
{
    for (size_t i = 0; i < methods->count; i++) {
        const struct spipe_method *method = &methods->method[i];
        if (method->method_id == 0 || is_known(&store->method_ids, method->method_id) ||
            !is_known_or_none(&store->string_ids, method->name_string_id) ||
            !is_known_or_none(&store->string_ids, method->file_string_id)) {
            return false;
        }
    }
    return true;
}

int store_add_methods(struct spipe_store *store, const struct spipe_methods *methods)
{
    int status = are_methods_sound(store, methods) ? SPIPE_OK : SPIPE_E_FORMAT;
    for (size_t i = 0; i < methods->count && status == SPIPE_OK; i++) {
        const struct spipe_method *method = &methods->method[i];
        struct spipe_store_method content = {string_of(store, method->name_string_id),
                                             string_of(store, method->file_string_id), method->line, method->kind};
        uint32_t index = 0;
        status = spipe_ids_reserve(&store->method_ids, method->method_id, &store->budget);
        status = status != 0 ? status : intern_method(store, &content, &index);
        if (status == SPIPE_OK) {
            spipe_ids_put(&store->method_ids, method->method_id, index);
        }
    }
    return status;
}

/* -----------------------------------------------------------------------------------------------------------------
 * images */

static uint32_t hash_image(const struct spipe_store *store, const struct store_image *image)
{
    const struct spipe_store_image *content = &image->image;
    uint64_t part[] = {
        spipe_intern_hash(content->path, strlen(content->path), store->seed),
        content->build_id.len == 0 ? 0 : spipe_intern_hash(content->build_id.data, content->build_id.len, store->seed),
        content->size,
        content->address_in_file,
        image->session_key,
    };
    return spipe_intern_hash(part, sizeof part, store->seed);
}

static bool is_same_image(const struct store_image *a, const struct store_image *b)
{
    const struct spipe_store_image *x = &a->image;
    const struct spipe_store_image *y = &b->image;
    return x->size == y->size && x->address_in_file == y->address_in_file && a->session_key == b->session_key &&
           (a->session_key == 0 || x->load_address == y->load_address) && x->build_id.len == y->build_id.len &&
           (x->build_id.len == 0 || memcmp(x->build_id.data, y->build_id.data, x->build_id.len) == 0) &&
           strcmp(x->path, y->path) == 0;
}

static int intern_image(struct spipe_store *store, const struct store_image *image, uint32_t *ret_image)
{
    uint32_t hash = hash_image(store, image);
    size_t position = hash;
    uint32_t found;
    while ((found = spipe_index_next(&store->image_index, hash, &position)) != SPIPE_INTERN_NONE) {
        if (is_same_image(spipe_column_at(&store->images, found), image)) {
            *ret_image = found;
            return SPIPE_OK;
        }
    }
    struct store_image *entry = NULL;
    struct store_image kept = *image;
    int status = store_reserve(store, &store->images, &entry);
    status = status != 0 ? status : store_keep_text(store, &kept.image.path);
    status = status != 0 ? status : store_keep_bytes(store, &kept.image.build_id);
    uint32_t index = spipe_store_image_count(store);
    status = status != 0 ? status : spipe_index_put(&store->image_index, hash, index, &store->budget);
    if (status == SPIPE_OK) {
        *entry = kept;
        *ret_image = store_push(&store->images);
    }
    return status;
}

static bool is_better(enum spipe_unwind a, enum spipe_unwind b)
{
    return a != SPIPE_UNWIND_UNKNOWN && (b == SPIPE_UNWIND_UNKNOWN || a < b);
}

static int add_image(struct spipe_store *store, const struct spipe_image *image)
{
    bool has_content = image->path[0] != '\0' || image->build_id.len != 0;
    struct store_image content = {.image = {image->path, image->build_id, image->load_address, image->size,
                                            image->address_in_file, image->unwind, store->session, false},
                                  .session_key = has_content ? 0 : (uint64_t)store->session + 1};
    uint32_t index = 0;
    int status = spipe_ids_reserve(&store->image_ids, image->image_id, &store->budget);
    status = status != 0 ? status : intern_image(store, &content, &index);
    if (status == SPIPE_OK) {
        struct spipe_store_image *kept = &((struct store_image *)spipe_column_at(&store->images, index))->image;
        kept->load_address = image->load_address;
        kept->gone = false;
        kept->unwind = is_better(image->unwind, kept->unwind) ? image->unwind : kept->unwind;
        spipe_ids_put(&store->image_ids, image->image_id, index);
    }
    return status;
}

int store_add_images(struct spipe_store *store, const struct spipe_images *images)
{
    for (size_t i = 0; i < images->image_count; i++) {
        if (images->image[i].image_id == 0 || is_known(&store->image_ids, images->image[i].image_id)) {
            return SPIPE_E_FORMAT;
        }
    }
    int status = SPIPE_OK;
    for (size_t i = 0; i < images->image_count && status == SPIPE_OK; i++) {
        status = add_image(store, &images->image[i]);
    }
    for (size_t i = 0; i < images->gone_count && status == SPIPE_OK; i++) {
        uint32_t index = spipe_ids_find(&store->image_ids, images->gone_image_id[i]);
        if (index == SPIPE_INTERN_NONE) {
            return SPIPE_E_FORMAT;
        }
        ((struct store_image *)spipe_column_at(&store->images, index))->image.gone = true;
    }
    return status;
}

/* ----------------------------------------------------------------------------------------------------------------
 * threads */

/* A thread that is defined again after a Checkpoint is the one that it was; another one with its tid in the same tables
 * is not. */
static bool is_same_thread(const struct spipe_store *store, const struct store_thread *known, uint64_t defined_ns)
{
    return known->era != store->era && (!known->thread.gone || known->thread.defined_ns == defined_ns);
}

static int intern_thread(struct spipe_store *store, const struct spipe_thread *thread, uint64_t defined_ns,
                         uint32_t *ret_thread)
{
    uint32_t key[] = {store->session, thread->tid};
    uint32_t hash = spipe_intern_hash(key, sizeof key, store->seed);
    size_t position = hash;
    uint32_t found;
    while ((found = spipe_index_next(&store->thread_index, hash, &position)) != SPIPE_INTERN_NONE) {
        const struct store_thread *known = spipe_column_at(&store->threads, found);
        if (known->thread.session == store->session && known->thread.tid == thread->tid) {
            break;
        }
    }
    if (found != SPIPE_INTERN_NONE && is_same_thread(store, spipe_column_at(&store->threads, found), defined_ns)) {
        *ret_thread = found;
        return SPIPE_OK;
    }
    struct store_thread *entry = NULL;
    uint32_t index = spipe_store_thread_count(store);
    int status = store_reserve(store, &store->threads, &entry);
    if (status == SPIPE_OK && found == SPIPE_INTERN_NONE) {
        status = spipe_index_put(&store->thread_index, hash, index, &store->budget);
    }
    if (status == SPIPE_OK) {
        if (found != SPIPE_INTERN_NONE) {
            spipe_index_replace(&store->thread_index, position, index);
        }
        *entry = (struct store_thread){
            .thread = {.session = store->session, .tid = thread->tid, .name = "", .defined_ns = defined_ns}};
        *ret_thread = store_push(&store->threads);
    }
    return status;
}

static int add_thread(struct spipe_store *store, const struct spipe_thread *thread)
{
    const char *name = thread->name;
    uint64_t defined_ns = 0;
    uint32_t index = spipe_ids_find(&store->thread_ids, thread->thread_id);
    int status = store_time(store, thread->time, &defined_ns);
    status = status != 0 ? status : store_keep_text(store, &name);
    if (status == SPIPE_OK && index == SPIPE_INTERN_NONE) {
        status = spipe_ids_reserve(&store->thread_ids, thread->thread_id, &store->budget);
        status = status != 0 ? status : intern_thread(store, thread, defined_ns, &index);
    }
    if (status == SPIPE_OK) {
        struct store_thread *kept = spipe_column_at(&store->threads, index);
        kept->thread.name = name;
        kept->thread.gone = false;
        kept->era = store->era;
        spipe_ids_put(&store->thread_ids, thread->thread_id, index);
        store_touch(store, defined_ns);
    }
    return status;
}

int store_add_threads(struct spipe_store *store, const struct spipe_threads *threads)
{
    for (size_t i = 0; i < threads->thread_count; i++) {
        uint64_t time_ns = 0;
        if (threads->thread[i].thread_id == 0 || store_time(store, threads->thread[i].time, &time_ns) != SPIPE_OK) {
            return SPIPE_E_FORMAT;
        }
    }
    int status = SPIPE_OK;
    for (size_t i = 0; i < threads->thread_count && status == SPIPE_OK; i++) {
        status = add_thread(store, &threads->thread[i]);
    }
    for (size_t i = 0; i < threads->gone_count && status == SPIPE_OK; i++) {
        uint32_t index = spipe_ids_find(&store->thread_ids, threads->gone_thread_id[i]);
        if (index == SPIPE_INTERN_NONE) {
            return SPIPE_E_FORMAT;
        }
        ((struct store_thread *)spipe_column_at(&store->threads, index))->thread.gone = true;
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------------ frames and
 * stacks */

static bool are_frames_sound(const struct spipe_store *store, const struct spipe_frames *frames)
{
    for (size_t i = 0; i < frames->count; i++) {
        uint32_t method_id = frames->method_id != NULL ? frames->method_id[i] : 0;
        if (!is_known_or_none(&store->image_ids, frames->image_id[i]) ||
            !is_known_or_none(&store->method_ids, method_id) || (frames->image_id[i] != 0 && method_id != 0)) {
            return false;
        }
    }
    return are_new(&store->frame_ids, frames->first_frame_id, frames->count);
}

static int intern_frame(struct spipe_store *store, const struct spipe_store_frame *frame, uint32_t *ret_frame)
{
    uint32_t hash = spipe_intern_hash(frame, sizeof *frame, store->seed);
    size_t position = hash;
    uint32_t found;
    while ((found = spipe_index_next(&store->frame_index, hash, &position)) != SPIPE_INTERN_NONE) {
        if (memcmp(spipe_store_get_frame(store, found), frame, sizeof *frame) == 0) {
            *ret_frame = found;
            return SPIPE_OK;
        }
    }
    struct spipe_store_frame *entry = NULL;
    int status = store_reserve(store, &store->frames, &entry);
    uint32_t index = spipe_store_frame_count(store);
    status = status != 0 ? status : spipe_index_put(&store->frame_index, hash, index, &store->budget);
    if (status == SPIPE_OK) {
        *entry = *frame;
        *ret_frame = store_push(&store->frames);
    }
    return status;
}

int store_add_frames(struct spipe_store *store, const struct spipe_frames *frames)
{
    if (!are_frames_sound(store, frames)) {
        return SPIPE_E_FORMAT;
    }
    int status = reserve_ids(store, &store->frame_ids, frames->first_frame_id, frames->count);
    for (size_t i = 0; i < frames->count && status == SPIPE_OK; i++) {
        uint32_t image_id = frames->image_id[i];
        uint32_t method_id = frames->method_id != NULL ? frames->method_id[i] : 0;
        struct spipe_store_frame content = {
            image_id != 0 ? spipe_ids_find(&store->image_ids, image_id) : SPIPE_STORE_NONE, frames->offset[i],
            method_id != 0 ? spipe_ids_find(&store->method_ids, method_id) : SPIPE_STORE_NONE};
        uint32_t index = 0;
        status = intern_frame(store, &content, &index);
        if (status == SPIPE_OK) {
            spipe_ids_put(&store->frame_ids, frames->first_frame_id + (uint32_t)i, index);
        }
    }
    return status;
}

static bool are_stacks_sound(const struct spipe_store *store, const struct spipe_stacks *stacks)
{
    if (!are_new(&store->stack_ids, stacks->first_stack_id, stacks->count)) {
        return false;
    }
    for (size_t i = 0; i < stacks->count; i++) {
        uint32_t stack_id = stacks->first_stack_id + (uint32_t)i;
        uint32_t back = stacks->parent_back[i];
        if (back >= stack_id || !is_known(&store->frame_ids, stacks->frame_id[i])) {
            return false;
        }
        if (back > i && !is_known(&store->stack_ids, stack_id - back)) {
            return false;
        }
    }
    return true;
}

static int push_node(struct spipe_store *store, const struct spipe_store_node *content, uint32_t hash,
                     uint32_t *ret_node)
{
    const struct store_node *parent = spipe_column_at(&store->nodes, content->parent);
    struct store_node *entry = NULL;
    if (parent->depth >= SPIPE_STORE_DEPTH_MAX) {
        return SPIPE_E_LIMIT;
    }
    int status = store_reserve(store, &store->nodes, &entry);
    uint32_t index = spipe_store_node_count(store);
    status = status != 0 ? status : spipe_index_put(&store->node_index, hash, index, &store->budget);
    if (status == SPIPE_OK) {
        bool is_outermost = content->parent == SPIPE_STORE_NO_STACK;
        *entry = (struct store_node){*content, is_outermost ? index : parent->outermost, parent->depth + 1};
        *ret_node = store_push(&store->nodes);
    }
    return status;
}

static int intern_node(struct spipe_store *store, const struct spipe_store_node *content, uint32_t *ret_node)
{
    uint32_t hash = spipe_intern_hash(content, sizeof *content, store->seed);
    size_t position = hash;
    uint32_t found;
    while ((found = spipe_index_next(&store->node_index, hash, &position)) != SPIPE_INTERN_NONE) {
        const struct spipe_store_node *known = spipe_store_get_node(store, found);
        if (known->parent == content->parent && known->frame == content->frame) {
            *ret_node = found;
            return SPIPE_OK;
        }
    }
    return push_node(store, content, hash, ret_node);
}

int store_add_stacks(struct spipe_store *store, const struct spipe_stacks *stacks)
{
    if (!are_stacks_sound(store, stacks)) {
        return SPIPE_E_FORMAT;
    }
    int status = reserve_ids(store, &store->stack_ids, stacks->first_stack_id, stacks->count);
    for (size_t i = 0; i < stacks->count && status == SPIPE_OK; i++) {
        uint32_t stack_id = stacks->first_stack_id + (uint32_t)i;
        uint32_t back = stacks->parent_back[i];
        struct spipe_store_node content = {back != 0 ? spipe_ids_find(&store->stack_ids, stack_id - back)
                                                     : SPIPE_STORE_NO_STACK,
                                           spipe_ids_find(&store->frame_ids, stacks->frame_id[i])};
        uint32_t index = 0;
        status = intern_node(store, &content, &index);
        if (status == SPIPE_OK) {
            spipe_ids_put(&store->stack_ids, stack_id, index);
        }
    }
    return status;
}
