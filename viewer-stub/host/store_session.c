/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/store_private.h"

#include <string.h>

#define USUAL_QUANTUM_NS 1000u
#define QUANTUM_MAX_NS   1000000000u
#define SOURCES_MAX      64u /* in one set of settings */

static bool is_same(struct spipe_bytes a, struct spipe_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static int keep_hello(struct spipe_store *store, const struct spipe_hello *hello, struct spipe_hello *kept)
{
    *kept = *hello;
    int status = store_keep_text(store, &kept->agent_version);
    status = status != 0 ? status : store_keep_text(store, &kept->executable);
    status = status != 0 ? status : store_keep_text(store, &kept->operating_system);
    status = status != 0 ? status : store_keep_text(store, &kept->architecture);
    status = status != 0 ? status : store_keep_text(store, &kept->cpu_model);
    status = status != 0 ? status : store_keep_bytes(store, &kept->session_id);
    status = status != 0 ? status : store_keep_bytes(store, &kept->process_id);
    status = status != 0 ? status : store_keep_bytes(store, &kept->parent_process_id);
    status = status != 0 ? status : store_keep_bytes(store, &kept->previous_session_id);
    status = status != 0 ? status : store_keep_texts(store, &kept->argument, kept->argument_count);
    return status != 0 ? status : store_keep_texts(store, &kept->capability, kept->capability_count);
}

/* Sessions of one machine share its monotonic clock. One that claims to be older than the first begins with it. */
static uint64_t find_origin(struct spipe_store *store, const struct spipe_hello *hello)
{
    if (spipe_column_count(&store->sessions) == 0) {
        return 0;
    }
    const struct spipe_store_session *first = spipe_column_at(&store->sessions, 0);
    if (hello->origin_ns <= first->hello.origin_ns) {
        return 0;
    }
    uint64_t origin_ns = hello->origin_ns - first->hello.origin_ns;
    return origin_ns < SPIPE_STORE_TIME_MAX ? origin_ns : SPIPE_STORE_TIME_MAX;
}

static int find_source(struct spipe_store *store, const struct spipe_source *source, uint32_t *ret_source)
{
    for (uint32_t i = 0; i < spipe_store_source_count(store); i++) {
        const struct spipe_store_source *other = spipe_store_get_source(store, i);
        if (other->kind == source->kind && other->unit == source->unit &&
            other->weight_quantum == source->weight_quantum && other->tick_aligned == source->tick_aligned &&
            strcmp(other->mechanism, source->mechanism) == 0) {
            *ret_source = i;
            return SPIPE_OK;
        }
    }
    return SPIPE_E_NOT_FOUND;
}

static int add_source(struct spipe_store *store, const struct spipe_source *source)
{
    uint32_t index = 0;
    int status = spipe_ids_reserve(&store->source_ids, source->source_id, &store->budget);
    if (status == SPIPE_OK && find_source(store, source, &index) != SPIPE_OK) {
        struct spipe_store_source *entry = NULL;
        struct spipe_store_source kept = {source->kind, source->unit, source->weight_quantum, source->mechanism,
                                          source->tick_aligned};
        status = store_keep_text(store, &kept.mechanism);
        status = status != 0 ? status : store_reserve(store, &store->sources, &entry);
        if (status == SPIPE_OK) {
            *entry = kept;
            index = store_push(&store->sources);
        }
    }
    if (status == SPIPE_OK) {
        spipe_ids_put(&store->source_ids, source->source_id, index);
    }
    return status;
}

static int keep_sources(struct spipe_store *store, struct spipe_applied *applied)
{
    struct spipe_source *copy =
        spipe_texts_take(&store->texts, applied->source_count * sizeof *copy, true, &store->budget);
    if (copy == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < applied->source_count; i++) {
        copy[i] = applied->source[i];
        int status = store_keep_text(store, &copy[i].mechanism);
        if (status != SPIPE_OK) {
            return status;
        }
    }
    applied->source = copy;
    return SPIPE_OK;
}

static int keep_unmet(struct spipe_store *store, struct spipe_applied *applied)
{
    struct spipe_unmet *copy =
        spipe_texts_take(&store->texts, applied->unmet_count * sizeof *copy, true, &store->budget);
    if (copy == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < applied->unmet_count; i++) {
        copy[i] = applied->unmet[i];
        int status = store_keep_text(store, &copy[i].text);
        if (status != SPIPE_OK) {
            return status;
        }
    }
    applied->unmet = copy;
    return SPIPE_OK;
}

static enum spipe_source_kind kind_of_source(const struct spipe_store *store, uint32_t source_id)
{
    uint32_t source = source_id != 0 ? spipe_ids_find(&store->source_ids, source_id) : SPIPE_INTERN_NONE;
    return source != SPIPE_INTERN_NONE ? spipe_store_get_source(store, source)->kind : SPIPE_SOURCE_CPU;
}

static bool knows_accounts(const struct spipe_store *store, const struct spipe_ledger *ledger)
{
    for (size_t i = 0; i < ledger->thread_count; i++) {
        uint32_t thread_id = ledger->thread[i].thread_id;
        uint32_t source_id = ledger->thread[i].source_id;
        if ((thread_id != 0 && spipe_ids_find(&store->thread_ids, thread_id) == SPIPE_INTERN_NONE) ||
            (source_id != 0 && spipe_ids_find(&store->source_ids, source_id) == SPIPE_INTERN_NONE)) {
            return false;
        }
    }
    return true;
}

void store_restart_tables(struct spipe_store *store)
{
    struct spipe_ids *const ids[] = {&store->image_ids, &store->thread_ids, &store->frame_ids,
                                     &store->stack_ids, &store->string_ids, &store->method_ids};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        spipe_ids_clear(ids[i]);
    }
    if (spipe_ids_reserve(&store->stack_ids, 0, &store->budget) == SPIPE_OK) {
        spipe_ids_put(&store->stack_ids, 0, SPIPE_STORE_NO_STACK);
    }
    store->era++;
}

int store_add_hello(struct spipe_store *store, const struct spipe_hello *hello)
{
    struct spipe_store_session *session = NULL;
    struct spipe_hello kept;
    if (store->session != SPIPE_STORE_NONE) {
        session = store_session(store);
        if (is_same(session->hello.session_id, hello->session_id)) {
            return SPIPE_OK; /* repeated after a Checkpoint */
        }
        session->is_over = true;
        store->session = SPIPE_STORE_NONE;
    }
    int status = keep_hello(store, hello, &kept);
    status = status != 0 ? status : store_reserve(store, &store->sessions, &session);
    if (status != SPIPE_OK) {
        return status;
    }
    uint64_t origin_ns = find_origin(store, hello);
    *session = (struct spipe_store_session){.hello = kept, .origin_ns = origin_ns, .last_ns = origin_ns};
    session->goodbye.text = "";
    store->session = store_push(&store->sessions);
    store->quantum_ns = USUAL_QUANTUM_NS;
    spipe_ids_clear(&store->source_ids);
    store_restart_tables(store);
    return SPIPE_OK;
}

int store_add_applied(struct spipe_store *store, const struct spipe_applied *applied)
{
    struct spipe_applied kept = *applied;
    uint64_t ignored_ns = 0;
    if (applied->time_quantum_ns > QUANTUM_MAX_NS) {
        return SPIPE_E_FORMAT;
    }
    if (applied->source_count > SOURCES_MAX) {
        return SPIPE_E_LIMIT;
    }
    store->quantum_ns = applied->time_quantum_ns != 0 ? applied->time_quantum_ns : USUAL_QUANTUM_NS;
    int status = store_time(store, applied->time, &ignored_ns);
    status = status != 0 ? status : store_keep_text(store, &kept.configuration.token);
    status = status != 0 ? status : store_keep_bytes(store, &kept.configuration_hash);
    status = status != 0 ? status : keep_sources(store, &kept);
    status = status != 0 ? status : keep_unmet(store, &kept);
    for (size_t i = 0; i < applied->source_count && status == SPIPE_OK; i++) {
        status = add_source(store, &applied->source[i]);
    }
    if (status == SPIPE_OK) {
        store_session(store)->applied = kept;
        store_session(store)->has_applied = true;
    }
    return status;
}

/* Accounts of sources that views do not show are not kept. */
static void keep_account(struct spipe_store *store, const struct spipe_thread_ledger *account)
{
    struct spipe_store_session *session = store_session(store);
    enum spipe_source_kind kind = kind_of_source(store, account->source_id);
    struct spipe_thread_ledger *cpu = &session->slotless;
    struct spipe_thread_ledger *wall = &session->wall_slotless;
    if (account->thread_id != 0) {
        struct store_thread *thread =
            spipe_column_at(&store->threads, spipe_ids_find(&store->thread_ids, account->thread_id));
        cpu = &thread->thread.ledger;
        wall = &thread->thread.wall_ledger;
    }
    if (kind == SPIPE_SOURCE_CPU) {
        *cpu = *account;
    } else if (kind == SPIPE_SOURCE_WALL) {
        *wall = *account;
    }
}

int store_add_ledger(struct spipe_store *store, const struct spipe_ledger *ledger)
{
    struct spipe_store_session *session = store_session(store);
    uint64_t time_ns = 0;
    int status = store_time(store, ledger->time, &time_ns);
    if (status != SPIPE_OK || !knows_accounts(store, ledger)) {
        return SPIPE_E_FORMAT;
    }
    for (size_t i = 0; i < ledger->thread_count; i++) {
        keep_account(store, &ledger->thread[i]);
    }
    session->ledger = *ledger;
    session->ledger.thread = NULL;
    session->ledger.thread_count = 0;
    session->has_ledger = true;
    store_touch(store, time_ns);
    return SPIPE_OK;
}

int store_add_goodbye(struct spipe_store *store, const struct spipe_goodbye *goodbye)
{
    struct spipe_store_session *session = store_session(store);
    struct spipe_goodbye kept = *goodbye;
    int status = store_keep_text(store, &kept.text);
    if (status != SPIPE_OK) {
        return status;
    }
    session->goodbye = kept;
    session->has_goodbye = true;
    session->is_over = true;
    store->session = SPIPE_STORE_NONE;
    return SPIPE_OK;
}

int store_add_checkpoint(struct spipe_store *store, const struct spipe_checkpoint *checkpoint)
{
    uint64_t time_ns = 0;
    int status = store_time(store, checkpoint->time, &time_ns);
    if (status != SPIPE_OK) {
        return status;
    }
    store_session(store)->checkpoint_count++;
    store_touch(store, time_ns);
    store_restart_tables(store);
    return SPIPE_OK;
}
