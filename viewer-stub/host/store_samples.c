/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/store_private.h"

/* Where the part of a message that falls into one chunk goes. */
struct part {
    uint64_t index; /* in the store's columns */
    size_t first;   /* in the message's */
    size_t count;
};

static bool next_part(const struct spipe_store *store, size_t sample_count, struct part *part)
{
    size_t chunk = spipe_column_chunk_entries(&store->time);
    part->index += part->count;
    part->first += part->count;
    size_t room = chunk - (size_t)(part->index & (chunk - 1));
    size_t left = sample_count - part->first;
    part->count = left < room ? left : room;
    return part->count > 0;
}

#define PARTS_OF(store, samples)                                                                                       \
    {                                                                                                                  \
        spipe_column_count(&(store)->time), 0, 0                                                                       \
    }

/* Each run's thread must be known and its times must be such that they can be kept. */
static bool are_runs_sound(const struct spipe_store *store, const struct spipe_samples *samples)
{
    uint64_t max = SPIPE_STORE_TIME_MAX / store->quantum_ns;
    size_t at = 0;
    if (samples->start_time > max) {
        return false;
    }
    for (size_t run = 0; run < samples->run_count; run++) {
        uint64_t time = samples->start_time;
        if (spipe_ids_find(&store->thread_ids, samples->run_thread_id[run]) == SPIPE_INTERN_NONE ||
            samples->run_length[run] > samples->sample_count - at) {
            return false;
        }
        for (size_t i = 0; i < samples->run_length[run]; i++) {
            time += samples->time_delta[at++];
        }
        if (time > max) {
            return false;
        }
    }
    return at == samples->sample_count;
}

/* Room in all columns, and chunks of their own where entries are not the default. */
static int reserve(struct spipe_store *store, const struct spipe_samples *samples, uint32_t source)
{
    struct spipe_column *const column[] = {&store->thread, &store->node_of,   &store->weight,
                                           &store->state,  &store->source_of, &store->time};
    int status = SPIPE_OK;
    for (size_t i = 0; i < sizeof column / sizeof column[0] && status == SPIPE_OK; i++) {
        status = spipe_column_reserve(column[i], samples->sample_count, &store->budget);
    }
    struct part part = PARTS_OF(store, samples);
    while (status == SPIPE_OK && next_part(store, samples->sample_count, &part)) {
        if (samples->weight != NULL) {
            status = spipe_column_own(&store->weight, part.index, &store->budget);
        }
        if (samples->state != NULL && status == SPIPE_OK) {
            status = spipe_column_own(&store->state, part.index, &store->budget);
        }
        if (source != 0 && status == SPIPE_OK) {
            status = spipe_column_own(&store->source_of, part.index, &store->budget);
        }
    }
    return status;
}

/* Translates the stacks; false when one is not known. Nothing is visible yet. */
static bool fill_nodes(struct spipe_store *store, const struct spipe_samples *samples)
{
    struct part part = PARTS_OF(store, samples);
    uint32_t all_known = 1;
    while (next_part(store, samples->sample_count, &part)) {
        uint32_t *node = spipe_column_at(&store->node_of, part.index);
        const uint32_t *stack_id = samples->stack_id + part.first;
        for (size_t i = 0; i < part.count; i++) {
            node[i] = spipe_ids_find(&store->stack_ids, stack_id[i]);
            all_known &= node[i] != SPIPE_INTERN_NONE;
        }
    }
    return all_known != 0;
}

/* The columns with defaults: what is not written here has the default already, in a chunk of its own too. */
static void fill_exceptions(struct spipe_store *store, const struct spipe_samples *samples, uint32_t source)
{
    struct part part = PARTS_OF(store, samples);
    while (next_part(store, samples->sample_count, &part)) {
        uint32_t *weight = spipe_column_at(&store->weight, part.index);
        uint8_t *state = spipe_column_at(&store->state, part.index);
        uint8_t *source_of = spipe_column_at(&store->source_of, part.index);
        for (size_t i = 0; samples->weight != NULL && i < part.count; i++) {
            weight[i] = samples->weight[part.first + i];
        }
        for (size_t i = 0; samples->state != NULL && i < part.count; i++) {
            uint32_t number = samples->state[part.first + i];
            state[i] = (uint8_t)(number < UINT8_MAX ? number : UINT8_MAX);
        }
        for (size_t i = 0; source != 0 && i < part.count; i++) {
            source_of[i] = (uint8_t)source;
        }
    }
}

static uint64_t sum_weights(const struct spipe_samples *samples, size_t first, size_t count)
{
    uint64_t sum = 0;
    if (samples->weight == NULL) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        sum += samples->weight[first + i];
    }
    return sum;
}

/* Times within a thread are in order for each source alone. */
static void count_times(struct spipe_store *store, struct store_thread *thread, enum spipe_source_kind kind,
                        uint64_t first_ns, uint64_t last_ns)
{
    struct spipe_store_thread *public = &thread->thread;
    uint64_t *source_last_ns = kind == SPIPE_SOURCE_CPU ? &thread->cpu_last_ns : &thread->wall_last_ns;
    bool is_ordered = kind == SPIPE_SOURCE_CPU || kind == SPIPE_SOURCE_WALL;
    if (!thread->has_samples || first_ns < public->first_ns) {
        public->first_ns = first_ns;
        thread->has_samples = true;
    }
    if (is_ordered && first_ns < *source_last_ns) {
        store->counts.times_backwards++;
    }
    if (is_ordered && last_ns > *source_last_ns) {
        *source_last_ns = last_ns;
    }
    if (last_ns > public->last_ns) {
        public->last_ns = last_ns;
    }
    store_touch(store, last_ns);
}

static void count_states(struct spipe_store_thread *thread, const struct spipe_samples *samples, size_t first,
                         size_t count, uint64_t quantum)
{
    for (size_t i = first; i < first + count; i++) {
        uint32_t state = samples->state != NULL && samples->state[i] < SPIPE_STORE_STATES ? samples->state[i] : 0;
        uint64_t weight = samples->weight != NULL ? samples->weight[i] : 1;
        thread->wall_ns[state] = store_add(thread->wall_ns[state], store_multiply(weight, quantum));
    }
    thread->wall_samples += count;
}

static void count_run(struct spipe_store_thread *thread, const struct spipe_store_source *source,
                      const struct spipe_samples *samples, size_t first, size_t count)
{
    if (source->kind == SPIPE_SOURCE_WALL) {
        count_states(thread, samples, first, count, source->weight_quantum);
    } else if (source->kind == SPIPE_SOURCE_CPU) {
        uint64_t weight = sum_weights(samples, first, count);
        thread->samples += count;
        thread->weight_ns = store_add(thread->weight_ns, store_multiply(weight, source->weight_quantum));
    }
}

/* Times and threads, run by run, and the running sums. */
static void fill_runs(struct spipe_store *store, const struct spipe_samples *samples, uint32_t source)
{
    uint64_t start_ns = store_session(store)->origin_ns + samples->start_time * store->quantum_ns;
    uint64_t index = spipe_column_count(&store->time);
    size_t at = 0;
    for (size_t run = 0; run < samples->run_count; run++) {
        uint32_t thread = spipe_ids_find(&store->thread_ids, samples->run_thread_id[run]);
        uint64_t time_ns = start_ns;
        size_t first = at;
        size_t length = samples->run_length[run];
        if (length == 0) {
            continue;
        }
        while (at < first + length) {
            size_t chunk = spipe_column_chunk_entries(&store->time);
            size_t room = chunk - (size_t)((index + at) & (chunk - 1));
            size_t left = first + length - at;
            size_t count = left < room ? left : room;
            uint64_t *time_of = spipe_column_at(&store->time, index + at);
            uint32_t *thread_of = spipe_column_at(&store->thread, index + at);
            for (size_t i = 0; i < count; i++) {
                time_ns += samples->time_delta[at + i] * store->quantum_ns;
                time_of[i] = time_ns;
                thread_of[i] = thread;
            }
            at += count;
        }
        struct store_thread *entry = spipe_column_at(&store->threads, thread);
        const struct spipe_store_source *kept = spipe_store_get_source(store, source);
        count_times(store, entry, kept->kind, start_ns + samples->time_delta[first] * store->quantum_ns, time_ns);
        count_run(&entry->thread, kept, samples, first, length);
    }
}

int store_add_samples(struct spipe_store *store, const struct spipe_samples *samples)
{
    uint32_t source = spipe_ids_find(&store->source_ids, samples->source_id);
    if (source == SPIPE_INTERN_NONE || !are_runs_sound(store, samples)) {
        return SPIPE_E_FORMAT;
    }
    int status = reserve(store, samples, source);
    if (status != SPIPE_OK) {
        return status;
    }
    if (!fill_nodes(store, samples)) {
        return SPIPE_E_FORMAT;
    }
    fill_exceptions(store, samples, source);
    fill_runs(store, samples, source);
    uint64_t count = spipe_column_count(&store->time) + samples->sample_count;
    struct spipe_column *const column[] = {&store->thread, &store->node_of,   &store->weight,
                                           &store->state,  &store->source_of, &store->time};
    for (size_t i = 0; i < sizeof column / sizeof column[0]; i++) {
        spipe_column_publish(column[i], count);
    }
    store_session(store)->samples += samples->sample_count;
    if (spipe_store_get_source(store, source)->kind == SPIPE_SOURCE_CPU) {
        store_session(store)->cpu_weight += sum_weights(samples, 0, samples->sample_count);
    }
    return SPIPE_OK;
}

static bool are_markers_sound(struct spipe_store *store, const struct spipe_markers *markers)
{
    for (size_t i = 0; i < markers->count; i++) {
        uint64_t time_ns = 0;
        uint32_t thread_id = markers->thread_id[i];
        uint32_t string_id = markers->name_string_id[i];
        if ((thread_id != 0 && spipe_ids_find(&store->thread_ids, thread_id) == SPIPE_INTERN_NONE) ||
            (string_id != 0 && spipe_ids_find(&store->string_ids, string_id) == SPIPE_INTERN_NONE) ||
            markers->start_time > SPIPE_STORE_TIME_MAX ||
            store_time(store, markers->start_time + markers->time_delta[i], &time_ns) != SPIPE_OK) {
            return false;
        }
    }
    return true;
}

int store_add_markers(struct spipe_store *store, const struct spipe_markers *markers)
{
    int status = are_markers_sound(store, markers) ? SPIPE_OK : SPIPE_E_FORMAT;
    for (size_t i = 0; i < markers->count && status == SPIPE_OK; i++) {
        struct spipe_store_marker *entry = NULL;
        uint32_t thread_id = markers->thread_id[i];
        uint32_t string_id = markers->name_string_id[i];
        uint64_t time_ns = 0;
        store_time(store, markers->start_time + markers->time_delta[i], &time_ns);
        status = store_reserve(store, &store->markers, &entry);
        if (status == SPIPE_OK) {
            *entry = (struct spipe_store_marker){
                .time_ns = time_ns,
                .thread = thread_id != 0 ? spipe_ids_find(&store->thread_ids, thread_id) : SPIPE_STORE_NONE,
                .name_string = string_id != 0 ? spipe_ids_find(&store->string_ids, string_id) : 0,
                .value = markers->value != NULL ? markers->value[i] : 0,
                .phase = (enum spipe_phase)(markers->phase != NULL ? markers->phase[i] : 0)};
            store_push(&store->markers);
            store_touch(store, time_ns);
        }
    }
    return status;
}
