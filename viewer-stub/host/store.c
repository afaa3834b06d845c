/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/store_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE_CHUNK_BITS 16u
#define MEDIUM_CHUNK_BITS 12u
#define SMALL_CHUNK_BITS  6u

static const struct spipe_store_limits default_limits = {
    .samples = (uint64_t)1 << 31,
    .nodes = 16u << 20,
    .frames = 8u << 20,
    .images = 64u << 10,
    .threads = 1u << 20,
    .strings = 4u << 20,
    .methods = 4u << 20,
    .markers = 64u << 20,
    .sessions = 16u << 10,
    .memory_bytes = (uint64_t)8 << 30,
};

#define TAKE_LIMIT(name) ret->name = wanted != NULL && wanted->name != 0 ? wanted->name : default_limits.name

static void take_limits(const struct spipe_store_limits *wanted, struct spipe_store_limits *ret)
{
    TAKE_LIMIT(samples);
    TAKE_LIMIT(nodes);
    TAKE_LIMIT(frames);
    TAKE_LIMIT(images);
    TAKE_LIMIT(threads);
    TAKE_LIMIT(strings);
    TAKE_LIMIT(methods);
    TAKE_LIMIT(markers);
    TAKE_LIMIT(sessions);
    TAKE_LIMIT(memory_bytes);
}

static int init_sample_columns(struct spipe_store *store)
{
    static const uint32_t one = 1;
    static const uint8_t zero = 0;
    uint64_t limit = store->limits.samples;
    int status = spipe_column_init(&store->time, sizeof(uint64_t), SAMPLE_CHUNK_BITS, limit);
    status = status != 0 ? status : spipe_column_init(&store->thread, sizeof(uint32_t), SAMPLE_CHUNK_BITS, limit);
    status = status != 0 ? status : spipe_column_init(&store->node_of, sizeof(uint32_t), SAMPLE_CHUNK_BITS, limit);
    status = status != 0 ? status : spipe_column_init(&store->weight, sizeof(uint32_t), SAMPLE_CHUNK_BITS, limit);
    status = status != 0 ? status : spipe_column_init(&store->source_of, sizeof(uint8_t), SAMPLE_CHUNK_BITS, limit);
    status = status != 0 ? status : spipe_column_init(&store->state, sizeof(uint8_t), SAMPLE_CHUNK_BITS, limit);
    status = status != 0 ? status : spipe_column_set_default(&store->weight, &one, &store->budget);
    status = status != 0 ? status : spipe_column_set_default(&store->source_of, &zero, &store->budget);
    return status != 0 ? status : spipe_column_set_default(&store->state, &zero, &store->budget);
}

static int init_other_columns(struct spipe_store *store)
{
    const struct {
        struct spipe_column *column;
        size_t entry_size;
        unsigned chunk_bits;
        uint64_t limit;
    } row[] = {
        {&store->nodes, sizeof(struct store_node), MEDIUM_CHUNK_BITS, store->limits.nodes},
        {&store->frames, sizeof(struct spipe_store_frame), MEDIUM_CHUNK_BITS, store->limits.frames},
        {&store->methods, sizeof(struct spipe_store_method), MEDIUM_CHUNK_BITS, store->limits.methods},
        {&store->strings, sizeof(const char *), MEDIUM_CHUNK_BITS, store->limits.strings},
        {&store->markers, sizeof(struct spipe_store_marker), MEDIUM_CHUNK_BITS, store->limits.markers},
        {&store->sources, sizeof(struct spipe_store_source), SMALL_CHUNK_BITS, SPIPE_STORE_SOURCE_MAX},
        {&store->images, sizeof(struct store_image), SMALL_CHUNK_BITS, store->limits.images},
        {&store->threads, sizeof(struct store_thread), SMALL_CHUNK_BITS, store->limits.threads},
        {&store->sessions, sizeof(struct spipe_store_session), SMALL_CHUNK_BITS, store->limits.sessions},
    };
    int status = SPIPE_OK;
    for (size_t i = 0; i < sizeof row / sizeof row[0] && status == SPIPE_OK; i++) {
        status = spipe_column_init(row[i].column, row[i].entry_size, row[i].chunk_bits, row[i].limit);
    }
    return status;
}

static void init_ids(struct spipe_store *store)
{
    spipe_ids_init(&store->image_ids, store->limits.images);
    spipe_ids_init(&store->thread_ids, store->limits.threads);
    spipe_ids_init(&store->frame_ids, store->limits.frames);
    spipe_ids_init(&store->stack_ids, store->limits.nodes);
    spipe_ids_init(&store->string_ids, store->limits.strings);
    spipe_ids_init(&store->method_ids, store->limits.methods);
    spipe_ids_init(&store->source_ids, 4096);
}

/* Node 0 and text 0 stand for "none" and are there from the beginning; wire id 0 is "none" as well. */
static int init_firsts(struct spipe_store *store)
{
    struct store_node *node = NULL;
    uint32_t string = 0;
    int status = store_reserve(store, &store->nodes, &node);
    if (status == SPIPE_OK) {
        *node = (struct store_node){{SPIPE_STORE_NONE, SPIPE_STORE_NONE}, SPIPE_STORE_NO_STACK, 0};
        store_push(&store->nodes);
        status = store_intern_text(store, "", &string);
    }
    return status;
}

static struct spipe_column *const *all_columns(struct spipe_store *store, struct spipe_column **column)
{
    struct spipe_column *const all[] = {&store->time,      &store->thread,  &store->node_of,  &store->weight,
                                        &store->source_of, &store->state,   &store->nodes,    &store->frames,
                                        &store->methods,   &store->strings, &store->sources,  &store->markers,
                                        &store->images,    &store->threads, &store->sessions, NULL};
    memcpy(column, all, sizeof all);
    return column;
}

struct spipe_store *spipe_store_new(const struct spipe_store_limits *limits)
{
    struct timespec now = {0};
    struct spipe_store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        return NULL;
    }
    take_limits(limits, &store->limits);
    store->budget.max = store->limits.memory_bytes;
    clock_gettime(CLOCK_MONOTONIC, &now);
    store->seed = (uint64_t)(uintptr_t)store ^ (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec;
    store->session = SPIPE_STORE_NONE;
    pthread_mutex_init(&store->lock, NULL);
    init_ids(store);
    if (init_sample_columns(store) != SPIPE_OK || init_other_columns(store) != SPIPE_OK ||
        init_firsts(store) != SPIPE_OK) {
        spipe_store_free(store);
        return NULL;
    }
    return store;
}

void spipe_store_free(struct spipe_store *store)
{
    struct spipe_column *column[16];
    if (store == NULL) {
        return;
    }
    for (struct spipe_column *const *at = all_columns(store, column); *at != NULL; at++) {
        spipe_column_done(*at);
    }
    struct spipe_index *const index[] = {&store->node_index,   &store->frame_index, &store->method_index,
                                         &store->string_index, &store->image_index, &store->thread_index};
    for (size_t i = 0; i < sizeof index / sizeof index[0]; i++) {
        spipe_index_done(index[i], &store->budget);
    }
    struct spipe_ids *const ids[] = {&store->image_ids,  &store->thread_ids, &store->frame_ids, &store->stack_ids,
                                     &store->string_ids, &store->method_ids, &store->source_ids};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        spipe_ids_done(ids[i], &store->budget);
    }
    spipe_texts_done(&store->texts);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* ------------------------------------------------------------------------------------------------------- shared
 * helpers */

struct spipe_store_session *store_session(struct spipe_store *store)
{
    return spipe_column_at(&store->sessions, store->session);
}

int store_time(struct spipe_store *store, uint64_t time, uint64_t *ret_ns)
{
    if (time > SPIPE_STORE_TIME_MAX / store->quantum_ns) {
        return SPIPE_E_FORMAT;
    }
    *ret_ns = store_session(store)->origin_ns + time * store->quantum_ns;
    return SPIPE_OK;
}

void store_touch(struct spipe_store *store, uint64_t time_ns)
{
    struct spipe_store_session *session = store_session(store);
    if (time_ns > session->last_ns) {
        session->last_ns = time_ns;
    }
}

int store_reserve(struct spipe_store *store, struct spipe_column *column, void *ret_entry)
{
    int status = spipe_column_reserve(column, 1, &store->budget);
    if (status == SPIPE_OK) {
        void *entry = spipe_column_at(column, spipe_column_count(column));
        memcpy(ret_entry, &entry, sizeof entry);
    }
    return status;
}

uint32_t store_push(struct spipe_column *column)
{
    uint64_t index = spipe_column_count(column);
    spipe_column_publish(column, index + 1);
    return (uint32_t)index;
}

int store_intern_text(struct spipe_store *store, const char *text, uint32_t *ret_string)
{
    size_t len = strlen(text);
    uint32_t hash = spipe_intern_hash(text, len, store->seed);
    size_t position = hash;
    uint32_t found;
    while ((found = spipe_index_next(&store->string_index, hash, &position)) != SPIPE_INTERN_NONE) {
        if (strcmp(spipe_store_get_string(store, found), text) == 0) {
            *ret_string = found;
            return SPIPE_OK;
        }
    }
    const char **entry = NULL;
    int status = store_reserve(store, &store->strings, &entry);
    char *copy = status == SPIPE_OK ? spipe_texts_take(&store->texts, len + 1, false, &store->budget) : NULL;
    if (copy == NULL) {
        return status == SPIPE_OK ? SPIPE_E_NO_MEMORY : status;
    }
    uint32_t string = (uint32_t)spipe_column_count(&store->strings);
    status = spipe_index_put(&store->string_index, hash, string, &store->budget);
    if (status != SPIPE_OK) {
        return status;
    }
    *entry = memcpy(copy, text, len + 1);
    *ret_string = store_push(&store->strings);
    return SPIPE_OK;
}

int store_keep_text(struct spipe_store *store, const char **text)
{
    uint32_t string = 0;
    int status = store_intern_text(store, *text, &string);
    if (status == SPIPE_OK) {
        *text = spipe_store_get_string(store, string);
    }
    return status;
}

int store_keep_texts(struct spipe_store *store, const char *const **texts, size_t count)
{
    const char **copy = spipe_texts_take(&store->texts, count * sizeof *copy, true, &store->budget);
    if (copy == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        copy[i] = (*texts)[i];
        int status = store_keep_text(store, &copy[i]);
        if (status != SPIPE_OK) {
            return status;
        }
    }
    *texts = copy;
    return SPIPE_OK;
}

int store_keep_bytes(struct spipe_store *store, struct spipe_bytes *bytes)
{
    uint8_t *copy = spipe_texts_take(&store->texts, bytes->len, false, &store->budget);
    if (copy == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    if (bytes->len != 0) {
        memcpy(copy, bytes->data, bytes->len);
    }
    bytes->data = copy;
    return SPIPE_OK;
}

/* ---------------------------------------------------------------------------------------------------------------
 * feeding */

static bool belongs_to_session(enum spipe_record_kind kind)
{
    return kind != SPIPE_RECORD_HELLO && kind != SPIPE_RECORD_REFUSAL && kind != SPIPE_RECORD_UNKNOWN;
}

static int take_record(struct spipe_store *store, const struct spipe_record *record)
{
    if (store->session == SPIPE_STORE_NONE && belongs_to_session(record->kind)) {
        return SPIPE_E_FORMAT;
    }
    switch (record->kind) {
    case SPIPE_RECORD_HELLO:
        return store_add_hello(store, &record->hello);
    case SPIPE_RECORD_APPLIED:
        return store_add_applied(store, &record->applied);
    case SPIPE_RECORD_SAMPLES:
        return store_add_samples(store, &record->samples);
    case SPIPE_RECORD_STACKS:
        return store_add_stacks(store, &record->stacks);
    case SPIPE_RECORD_FRAMES:
        return store_add_frames(store, &record->frames);
    case SPIPE_RECORD_IMAGES:
        return store_add_images(store, &record->images);
    case SPIPE_RECORD_THREADS:
        return store_add_threads(store, &record->threads);
    case SPIPE_RECORD_LEDGER:
        return store_add_ledger(store, &record->ledger);
    case SPIPE_RECORD_MARKERS:
        return store_add_markers(store, &record->markers);
    case SPIPE_RECORD_STRINGS:
        return store_add_strings(store, &record->strings);
    case SPIPE_RECORD_METHODS:
        return store_add_methods(store, &record->methods);
    case SPIPE_RECORD_CHECKPOINT:
        return store_add_checkpoint(store, &record->checkpoint);
    case SPIPE_RECORD_GOODBYE:
        return store_add_goodbye(store, &record->goodbye);
    case SPIPE_RECORD_REFUSAL:
    case SPIPE_RECORD_COMMAND_RESULT:
    case SPIPE_RECORD_AUDITS: /* see audit.h */
    case SPIPE_RECORD_UNKNOWN:
        break;
    }
    return SPIPE_OK;
}

static bool is_definition(enum spipe_record_kind kind)
{
    return kind == SPIPE_RECORD_STACKS || kind == SPIPE_RECORD_FRAMES || kind == SPIPE_RECORD_IMAGES ||
           kind == SPIPE_RECORD_THREADS || kind == SPIPE_RECORD_STRINGS || kind == SPIPE_RECORD_METHODS;
}

static void count_record(struct spipe_store_counts *counts, const struct spipe_record *record, size_t message_len,
                         int status)
{
    counts->records++;
    counts->unknown += record->kind == SPIPE_RECORD_UNKNOWN;
    counts->refused += status == SPIPE_E_FORMAT;
    counts->over_limit += status != SPIPE_OK && status != SPIPE_E_FORMAT;
    if (record->kind == SPIPE_RECORD_SAMPLES) {
        counts->bytes_samples += message_len;
        counts->samples_refused += status != SPIPE_OK ? record->samples.sample_count : 0;
    } else if (is_definition(record->kind)) {
        counts->bytes_definitions += message_len;
    } else {
        counts->bytes_other += message_len;
    }
}

int spipe_store_add(struct spipe_store *store, const struct spipe_record *record, size_t message_len)
{
    pthread_mutex_lock(&store->lock);
    int status = take_record(store, record);
    count_record(&store->counts, record, message_len, status);
    store->counts.memory_bytes = store->budget.used;
    pthread_mutex_unlock(&store->lock);
    return status;
}

void spipe_store_end_session(struct spipe_store *store)
{
    pthread_mutex_lock(&store->lock);
    if (store->session != SPIPE_STORE_NONE) {
        store_session(store)->is_over = true;
        store->session = SPIPE_STORE_NONE;
    }
    pthread_mutex_unlock(&store->lock);
}

void spipe_store_restart_tables(struct spipe_store *store)
{
    pthread_mutex_lock(&store->lock);
    store_restart_tables(store);
    pthread_mutex_unlock(&store->lock);
}
