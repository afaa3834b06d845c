/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/wall_summary.h"

#include "protocol/status.h"

#include <stdlib.h>

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint64_t spipe_wall_summary_sum(const uint64_t *ns)
{
    uint64_t sum = 0;
    for (unsigned state = 0; state < SPIPE_STORE_STATES; state++) {
        sum = add(sum, ns[state]);
    }
    return sum;
}

const char *spipe_wall_summary_state_name(uint32_t state)
{
    static const char *const name[] = {[SPIPE_STATE_RUNNING] = "running",
                                       [SPIPE_STATE_WAITING] = "waiting",
                                       [SPIPE_STATE_RUNNABLE] = "waiting for a CPU"};
    return name[state < SPIPE_STORE_STATES ? state : SPIPE_STATE_RUNNING];
}

/* ------------------------------------------------------------------------------------------ settings and accounts */

static void add_settings(struct spipe_wall_summary *wall, const struct spipe_store_session *session)
{
    for (size_t i = 0; session->has_applied && i < session->applied.source_count; i++) {
        const struct spipe_source *source = &session->applied.source[i];
        if (source->kind == SPIPE_SOURCE_WALL && source->weight_quantum != 0) {
            wall->rate_hz = 1e9 / source->weight_quantum;
            wall->mechanism = source->mechanism;
        }
    }
}

static void add_account(struct spipe_wall_summary *wall, const struct spipe_thread_ledger *account)
{
    wall->attempted = add(wall->attempted, account->attempted);
    wall->sent = add(wall->sent, account->sent);
    wall->pending = add(wall->pending, account->pending);
    wall->dropped_pipe_full = add(wall->dropped_pipe_full, account->dropped_pipe_full);
    wall->dropped_paused = add(wall->dropped_paused, account->dropped_paused);
}

static void add_sessions(const struct spipe_store *store, struct spipe_wall_summary *wall)
{
    for (uint32_t i = 0; i < spipe_store_session_count(store); i++) {
        struct spipe_store_session session;
        spipe_store_get_session(store, i, &session);
        add_settings(wall, &session);
        add_account(wall, &session.wall_slotless);
    }
}

static int compare_threads(const void *a, const void *b)
{
    const struct spipe_wall_summary_thread *x = a;
    const struct spipe_wall_summary_thread *y = b;
    uint64_t x_ns = spipe_wall_summary_sum(x->ns);
    uint64_t y_ns = spipe_wall_summary_sum(y->ns);
    if (x_ns != y_ns) {
        return x_ns > y_ns ? -1 : 1;
    }
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

static int add_threads(const struct spipe_store *store, struct spipe_wall_summary *wall)
{
    uint32_t count = spipe_store_thread_count(store);
    wall->thread = calloc((size_t)count + 1, sizeof *wall->thread);
    if (wall->thread == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(store, i, &thread);
        add_account(wall, &thread.wall_ledger);
        if (thread.wall_samples == 0) {
            continue;
        }
        struct spipe_wall_summary_thread *entry = &wall->thread[wall->thread_count++];
        *entry = (struct spipe_wall_summary_thread){.thread = i, .tid = thread.tid, .name = thread.name};
        for (unsigned state = 0; state < SPIPE_STORE_STATES; state++) {
            entry->ns[state] = thread.wall_ns[state];
            wall->ns[state] = add(wall->ns[state], thread.wall_ns[state]);
        }
        wall->samples += thread.wall_samples;
    }
    wall->weight_ns = spipe_wall_summary_sum(wall->ns);
    qsort(wall->thread, wall->thread_count, sizeof *wall->thread, compare_threads);
    return SPIPE_OK;
}

/* -------------------------------------------------------------------------------------------------------- functions */

static void add_stacks(const struct spipe_store *store, const struct spipe_fold *fold, struct spipe_wall_summary *wall)
{
    for (size_t i = 0; i < fold->count; i++) {
        uint32_t stand_in = 0;
        if (fold->entry[i].node == SPIPE_STORE_NO_STACK) {
            continue;
        }
        uint32_t outermost = spipe_store_get_outermost(store, fold->entry[i].node);
        if (!spipe_store_is_stand_in(store, spipe_store_get_node(store, outermost)->frame, &stand_in)) {
            wall->rooted_ns = add(wall->rooted_ns, fold->entry[i].weight);
        } else if (stand_in == SPIPE_STAND_IN_NOT_SEEN) {
            wall->not_seen_ns = add(wall->not_seen_ns, fold->entry[i].weight);
        }
    }
}

static int compare_ids(const void *a, const void *b)
{
    const struct spipe_wall_summary_function *x = a;
    const struct spipe_wall_summary_function *y = b;
    return x->function < y->function ? -1 : x->function > y->function;
}

static int compare_functions(const void *a, const void *b)
{
    const struct spipe_wall_summary_function *x = a;
    const struct spipe_wall_summary_function *y = b;
    uint64_t x_self = spipe_wall_summary_sum(x->self_ns);
    uint64_t y_self = spipe_wall_summary_sum(y->self_ns);
    uint64_t x_total = spipe_wall_summary_sum(x->total_ns);
    uint64_t y_total = spipe_wall_summary_sum(y->total_ns);
    if (x_self != y_self) {
        return x_self > y_self ? -1 : 1;
    }
    if (x_total != y_total) {
        return x_total > y_total ? -1 : 1;
    }
    return compare_ids(a, b);
}

/* Appends the rows of one state's flat profile. */
static int append_state(struct spipe_wall_summary *wall, const struct spipe_calltree *tree, uint32_t state)
{
    size_t count = wall->function_count + tree->function_count;
    struct spipe_wall_summary_function *grown = realloc(wall->function, (count + 1) * sizeof *grown);
    if (grown == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    wall->function = grown;
    for (uint32_t i = 0; i < tree->function_count; i++) {
        struct spipe_wall_summary_function *row = &grown[wall->function_count++];
        *row = (struct spipe_wall_summary_function){.function = tree->function[i].function, .name = "", .image = ""};
        row->self_ns[state] = tree->function[i].self;
        row->total_ns[state] = tree->function[i].total;
    }
    return SPIPE_OK;
}

/* A function may have a row of each state: they become one. */
static void merge_rows(struct spipe_wall_summary *wall)
{
    size_t kept = 0;
    qsort(wall->function, wall->function_count, sizeof *wall->function, compare_ids);
    for (size_t i = 0; i < wall->function_count; i++) {
        const struct spipe_wall_summary_function *row = &wall->function[i];
        if (kept == 0 || wall->function[kept - 1].function != row->function) {
            wall->function[kept++] = *row;
            continue;
        }
        for (unsigned state = 0; state < SPIPE_STORE_STATES; state++) {
            wall->function[kept - 1].self_ns[state] += row->self_ns[state];
            wall->function[kept - 1].total_ns[state] += row->total_ns[state];
        }
    }
    wall->function_count = kept;
}

static int add_state(const struct spipe_store *store, const struct spipe_naming *naming, uint32_t state,
                     struct spipe_wall_summary *wall)
{
    struct spipe_calltree_filter filter = SPIPE_CALLTREE_ALL;
    struct spipe_calltree tree = {0};
    struct spipe_fold fold = {0};
    filter.kind = SPIPE_SOURCE_WALL;
    filter.states = 1u << state;
    int status = spipe_fold_init(store, &filter, false, &fold);
    if (status == SPIPE_OK) {
        add_stacks(store, &fold, wall);
    }
    if (status == SPIPE_OK && naming != NULL) {
        status = spipe_calltree_init_from(store, fold.entry, fold.count, naming, SPIPE_CALLTREE_TOP_DOWN, &tree);
        status = status != 0 ? status : append_state(wall, &tree, state);
        spipe_calltree_done(&tree);
    }
    spipe_fold_done(&fold);
    return status;
}

static void choose_functions(const struct spipe_naming *naming, size_t top, struct spipe_wall_summary *wall)
{
    if (wall->function_count == 0) {
        return;
    }
    merge_rows(wall);
    qsort(wall->function, wall->function_count, sizeof *wall->function, compare_functions);
    wall->function_total = wall->function_count;
    wall->function_count = top == 0 || top > wall->function_total ? wall->function_total : top;
    for (size_t i = 0; i < wall->function_count; i++) {
        struct spipe_wall_summary_function *row = &wall->function[i];
        row->name = naming->name != NULL ? naming->name(naming->user, row->function) : "";
        row->image = naming->image != NULL ? naming->image(naming->user, row->function) : "";
    }
}

int spipe_wall_summary_init(const struct spipe_store *store, const struct spipe_naming *naming, size_t top,
                            struct spipe_wall_summary *ret_wall)
{
    struct spipe_wall_summary wall = {.mechanism = "", .has_source = spipe_store_has_kind(store, SPIPE_SOURCE_WALL)};
    int status = SPIPE_OK;
    if (wall.has_source) {
        add_sessions(store, &wall);
        status = add_threads(store, &wall);
        for (uint32_t state = 0; state < SPIPE_STORE_STATES && status == SPIPE_OK; state++) {
            status = add_state(store, naming, state, &wall);
        }
        choose_functions(naming, top, &wall);
    }
    if (status == SPIPE_OK) {
        *ret_wall = wall;
    } else {
        spipe_wall_summary_done(&wall);
    }
    return status;
}

void spipe_wall_summary_done(struct spipe_wall_summary *wall)
{
    free(wall->thread);
    free(wall->function);
    *wall = (struct spipe_wall_summary){0};
}
