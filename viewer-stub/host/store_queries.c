/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/store_private.h"

uint64_t spipe_store_sample_count(const struct spipe_store *store)
{
    return spipe_column_count(&store->time);
}

uint32_t spipe_store_node_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->nodes);
}

uint32_t spipe_store_frame_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->frames);
}

uint32_t spipe_store_image_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->images);
}

uint32_t spipe_store_thread_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->threads);
}

uint32_t spipe_store_source_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->sources);
}

uint32_t spipe_store_string_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->strings);
}

uint32_t spipe_store_method_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->methods);
}

uint64_t spipe_store_marker_count(const struct spipe_store *store)
{
    return spipe_column_count(&store->markers);
}

uint32_t spipe_store_session_count(const struct spipe_store *store)
{
    return (uint32_t)spipe_column_count(&store->sessions);
}

const struct spipe_store_node *spipe_store_get_node(const struct spipe_store *store, uint32_t node)
{
    return &((const struct store_node *)spipe_column_at(&store->nodes, node))->node;
}

const struct spipe_store_frame *spipe_store_get_frame(const struct spipe_store *store, uint32_t frame)
{
    return spipe_column_at(&store->frames, frame);
}

const struct spipe_store_method *spipe_store_get_method(const struct spipe_store *store, uint32_t method)
{
    return spipe_column_at(&store->methods, method);
}

const struct spipe_store_source *spipe_store_get_source(const struct spipe_store *store, uint32_t source)
{
    return spipe_column_at(&store->sources, source);
}

const struct spipe_store_marker *spipe_store_get_marker(const struct spipe_store *store, uint64_t marker)
{
    return spipe_column_at(&store->markers, marker);
}

const char *spipe_store_get_string(const struct spipe_store *store, uint32_t string)
{
    return *(const char *const *)spipe_column_at(&store->strings, string);
}

void spipe_store_get_image(const struct spipe_store *store, uint32_t image, struct spipe_store_image *ret_image)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    *ret_image = ((const struct store_image *)spipe_column_at(&store->images, image))->image;
    pthread_mutex_unlock(lock);
}

void spipe_store_get_thread(const struct spipe_store *store, uint32_t thread, struct spipe_store_thread *ret_thread)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    *ret_thread = ((const struct store_thread *)spipe_column_at(&store->threads, thread))->thread;
    pthread_mutex_unlock(lock);
}

void spipe_store_get_session(const struct spipe_store *store, uint32_t session, struct spipe_store_session *ret_session)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    *ret_session = *(const struct spipe_store_session *)spipe_column_at(&store->sessions, session);
    pthread_mutex_unlock(lock);
}

void spipe_store_get_counts(const struct spipe_store *store, struct spipe_store_counts *ret_counts)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&store->lock;
    pthread_mutex_lock(lock);
    *ret_counts = store->counts;
    pthread_mutex_unlock(lock);
}

uint32_t spipe_store_find_stack(const struct spipe_store *store, uint32_t stack_id)
{
    return spipe_ids_find(&store->stack_ids, stack_id);
}

uint32_t spipe_store_find_image(const struct spipe_store *store, uint32_t image_id)
{
    return spipe_ids_find(&store->image_ids, image_id);
}

size_t spipe_store_get_samples(const struct spipe_store *store, uint64_t first, struct spipe_store_span *ret_span)
{
    uint64_t count = spipe_column_count(&store->time);
    size_t chunk = spipe_column_chunk_entries(&store->time);
    if (first >= count) {
        *ret_span = (struct spipe_store_span){0};
        return 0;
    }
    uint64_t in_chunk = chunk - (first & (chunk - 1));
    ret_span->count = (size_t)(count - first < in_chunk ? count - first : in_chunk);
    ret_span->time_ns = spipe_column_at(&store->time, first);
    ret_span->thread = spipe_column_at(&store->thread, first);
    ret_span->node = spipe_column_at(&store->node_of, first);
    ret_span->weight = spipe_column_at(&store->weight, first);
    ret_span->source = spipe_column_at(&store->source_of, first);
    ret_span->state = spipe_column_at(&store->state, first);
    return ret_span->count;
}

uint32_t spipe_store_get_outermost(const struct spipe_store *store, uint32_t node)
{
    return ((const struct store_node *)spipe_column_at(&store->nodes, node))->outermost;
}

bool spipe_store_has_kind(const struct spipe_store *store, enum spipe_source_kind kind)
{
    for (uint32_t i = 0; i < spipe_store_source_count(store); i++) {
        if (spipe_store_get_source(store, i)->kind == kind) {
            return true;
        }
    }
    return false;
}

bool spipe_store_is_stand_in(const struct spipe_store *store, uint32_t frame, uint32_t *ret_stand_in)
{
    const struct spipe_store_frame *place = spipe_store_get_frame(store, frame);
    if (place->image != SPIPE_STORE_NONE || place->method != SPIPE_STORE_NONE) {
        return false;
    }
    if (ret_stand_in != NULL) {
        *ret_stand_in = place->offset;
    }
    return true;
}
