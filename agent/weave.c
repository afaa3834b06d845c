/* SPDX-License-Identifier: MIT */
#include "weave.h"

#include "audit.h"
#include "clock.h"
#include "control.h"
#include "copied_stack.h"
#include "greeting.h"
#include "handler.h"
#include "ledger.h"
#include "marks.h"
#include "pages.h"
#include "perf_drain.h"
#include "perf_rings.h"
#include "protocol/status.h"
#include "slice.h"
#include "stack_ids.h"
#include "text_dialect.h"
#include "wall.h"

#include <string.h>

#define STACK_MAX SPIPE_DEPTH_MAX
/* A stack that needs more tables than this one after the other is given up. */
#define TABLES_PER_STACK 64u
/* Mappings are read again for an unknown address at most so often; the wait doubles while that finds nothing. */
#define RESCAN_MIN_NS UINT64_C(5000000)
#define RESCAN_MAX_NS UINT64_C(200000000)

struct spipe_weave {
    struct spipe_batch cpu;
    struct spipe_batch wall;
    struct spipe_slice audited;             /* a copied stack on its way to the host */
    uint64_t address[STACK_MAX];
    uint64_t rescan_wait_ns;
    uint64_t rescan_after_ns;
    uint32_t dlopen_count;                  /* as seen at the last look */
    bool is_unsettled;
    bool is_postponed;                      /* a stack waits for the mappings to be read again, which will be soon */
};

struct spipe_weave *spipe_weave_new(void)
{
    if (!spipe_copied_stack_init())
        return NULL;
    return spipe_pages_new(sizeof(struct spipe_weave));
}

void spipe_weave_free(struct spipe_weave *weave)
{
    spipe_pages_free(weave, sizeof *weave);
}

void spipe_weave_begin(struct spipe_session *session)
{
    struct spipe_weave *weave = session->weave;
    spipe_stack_ids_forget(session->stack_ids);
    spipe_batch_begin(&weave->cpu, SPIPE_SOURCE_ID_CPU);
    spipe_audit_begin(session);
    spipe_batch_begin(&weave->wall, SPIPE_SOURCE_ID_WALL);
    weave->rescan_after_ns = 0;
    (void)spipe_images_scan();
}

/* ------------------------------------------------------------------------------------------------------ definitions */

void spipe_weave_announce_thread(struct spipe_session *session, struct spipe_slot *slot)
{
    if (slot->thread_id == 0)
        slot->thread_id = ++session->last_thread_id;
    struct spipe_thread definition = {slot->thread_id, (uint32_t)slot->tid, slot->name,
                                      spipe_session_time(session, spipe_clock_monotonic_ns())};
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {&definition, 1, NULL, 0}};
    spipe_session_put(session, &record);
}

void spipe_weave_flush(struct spipe_session *session)
{
    if (session->is_text)
        return;
    spipe_stack_ids_put(session);
    spipe_batch_put(session, &session->weave->cpu);
    spipe_batch_put(session, &session->weave->wall);
}

void spipe_weave_add_wall(struct spipe_session *session, const struct spipe_batch_sample *sample)
{
    spipe_batch_add(&session->weave->wall, sample);
    if (spipe_batch_is_full(&session->weave->wall))
        spipe_weave_flush(session);
}

/* ----------------------------------------------------------------------------------------------------------- slices */

static bool rescan(struct spipe_session *session)
{
    struct spipe_weave *weave = session->weave;
    uint64_t now_ns = spipe_clock_monotonic_ns();
    bool is_stale = atomic_exchange(&spipe_handler_shared.map_is_stale, 0) != 0;
    uint32_t dlopen_count = atomic_load(&spipe_control.dlopen_count);
    if (dlopen_count != weave->dlopen_count) {
        weave->dlopen_count = dlopen_count;
        weave->rescan_wait_ns = RESCAN_MIN_NS;
        weave->rescan_after_ns = 0;
    }
    if (!is_stale && now_ns < weave->rescan_after_ns) {
        weave->is_postponed = weave->rescan_wait_ns == RESCAN_MIN_NS;
        return false;
    }
    uint64_t began_ns = spipe_budget_setup_begin();
    bool has_changed = spipe_images_scan();
    spipe_budget_setup_end(session, began_ns);
    weave->rescan_wait_ns = has_changed ? RESCAN_MIN_NS : weave->rescan_wait_ns * 2;
    if (weave->rescan_wait_ns > RESCAN_MAX_NS)
        weave->rescan_wait_ns = RESCAN_MAX_NS;
    if (weave->rescan_wait_ns < RESCAN_MIN_NS)
        weave->rescan_wait_ns = RESCAN_MIN_NS;
    weave->rescan_after_ns = now_ns + weave->rescan_wait_ns;
    spipe_stack_ids_follow_map(session->stack_ids);
    return has_changed;
}

static bool build_table(struct spipe_session *session, uint64_t needed)
{
    uint64_t began_ns = spipe_budget_setup_begin();
    bool was_built = spipe_images_build_table(needed);
    spipe_budget_setup_end(session, began_ns);
    return was_built;
}

bool spipe_weave_supply(struct spipe_session *session, enum spipe_walk_end end, uint64_t needed)
{
    struct spipe_weave *weave = session->weave;
    bool was_supplied = false;
    if (end == SPIPE_WALK_NEEDS_TABLE)
        was_supplied = build_table(session, needed);
    else if (end == SPIPE_WALK_UNKNOWN_CODE)
        was_supplied = rescan(session);
    weave->is_unsettled = weave->is_unsettled || was_supplied;
    spipe_stack_ids_follow_map(session->stack_ids);
    return was_supplied;
}

enum spipe_walk_end spipe_weave_walk(struct spipe_session *session, const struct spipe_stack_view *view,
                                     struct spipe_walk_place *place, uint64_t *address, uint32_t max_depth,
                                     uint32_t *ret_depth)
{
    const struct spipe_walk_place start = *place;
    enum spipe_walk_end end = SPIPE_WALK_NO_TABLE;
    size_t depth = 0;
    for (unsigned i = 0; i < TABLES_PER_STACK; i++) {
        uint64_t needed = 0;
        *place = start;
        end = spipe_unwind_walk_from(spipe_images_code_map(), view, place, address, max_depth, &depth, &needed);
        if (!spipe_weave_supply(session, end, needed))
            break;
    }
    *ret_depth = (uint32_t)depth;
    return end;
}

static enum spipe_walk_end walk_slice(struct spipe_session *session, uint16_t index, uint32_t *ret_depth)
{
    const struct spipe_slice *slice = spipe_slice_get(index);
    struct spipe_copied_stack stack = {
        &slice->registers, {slice->low, slice->low + slice->len, slice->bytes}, slice->is_cut != 0, false, false};
    return spipe_copied_stack_walk(session, &stack, session->weave->address, ret_depth);
}

/* The mappings are to be read again soon, and know more then. */
static bool has_to_wait(const struct spipe_session *session, enum spipe_walk_end end)
{
    return end == SPIPE_WALK_UNKNOWN_CODE && session->weave->is_postponed && spipe_sampler_is_on();
}

/* The bounds of a stack that was there before us: the mapping that holds it, up to libc's thread descriptor, which
 * lies at the top. */
static void learn_stack(struct spipe_slot *slot, uint64_t stack_pointer, uint64_t thread_pointer)
{
    uint64_t low;
    uint64_t high;
    if (atomic_load(&slot->stack_high) != 0 || !spipe_images_find_stack(stack_pointer, &low, &high))
        return;
    if (thread_pointer > stack_pointer && thread_pointer < high)
        high = thread_pointer & ~UINT64_C(7);
    atomic_store(&slot->stack_low, low);
    atomic_store(&slot->stack_high, high);
}

/* ------------------------------------------------------------------------------------------------------------ drain */

static void release_slice(const struct spipe_raw_sample *sample)
{
    if (sample->kind == SPIPE_RAW_SLICE || sample->kind == SPIPE_RAW_AUDITED)
        spipe_slice_release(sample->slice);
}

/* An Audit follows its sample, and that follows its definitions. */
static void put_audit(struct spipe_session *session, const struct spipe_batch_sample *sample,
                      const struct spipe_slice *slice)
{
    spipe_weave_flush(session);
    spipe_audit_put(session, sample, slice);
}

static void take_walked(struct spipe_session *session, struct spipe_slot *slot, const struct spipe_raw_sample *sample,
                        const uint64_t *address, uint32_t depth, enum spipe_walk_end end,
                        const struct spipe_slice *audited)
{
    if (session->is_text) {
        spipe_text_dialect_sample(session, slot, sample, address, depth);
    } else {
        uint32_t stack_id = spipe_stack_ids_get(session, address, depth, end);
        struct spipe_batch_sample taken = {slot->thread_id, stack_id, sample->weight, SPIPE_STATE_RUNNING,
                                           spipe_session_time(session, sample->time_ns)};
        spipe_batch_add(&session->weave->cpu, &taken);
        if (audited != NULL)
            put_audit(session, &taken, audited);
        spipe_wall_note_sample(session, slot, stack_id, address, depth);
    }
    slot->sent += sample->weight;
}

/* False when the sample has to stay where it is for a moment: its stack is in code that was loaded after the mappings
 * were last read. */
static bool take_sample(struct spipe_session *session, struct spipe_slot *slot, const struct spipe_raw_sample *sample)
{
    struct spipe_weave *weave = session->weave;
    weave->is_postponed = false;
    if (sample->stack_unknown) {
        learn_stack(slot, sample->address[1], sample->address[2]);
        take_walked(session, slot, sample, sample->address, 1, SPIPE_WALK_OUTSIDE_STACK, NULL);
    } else if (sample->kind == SPIPE_RAW_SLICE) {
        uint32_t depth = 0;
        enum spipe_walk_end end = walk_slice(session, sample->slice, &depth);
        if (has_to_wait(session, end)) {
            weave->is_unsettled = true;
            return false;
        }
        take_walked(session, slot, sample, weave->address, depth, end, NULL);
    } else if (sample->kind == SPIPE_RAW_LAST) {
        struct spipe_raw_sample last = {.time_ns = sample->time_ns, .weight = spipe_perf_drain_owed(session, slot)};
        if (last.weight > 0)
            take_walked(session, slot, &last, sample->address, sample->depth, (enum spipe_walk_end)sample->end, NULL);
    } else {
        if (sample->end == SPIPE_WALK_NEEDS_TABLE)
            (void)spipe_weave_supply(session, SPIPE_WALK_NEEDS_TABLE, sample->address[sample->depth - 1]);
        bool is_audited = sample->kind == SPIPE_RAW_AUDITED;
        take_walked(session, slot, sample, sample->address, sample->depth, (enum spipe_walk_end)sample->end,
                    is_audited ? spipe_slice_get(sample->slice) : NULL);
    }
    release_slice(sample);
    return true;
}

/* Makes sure of all that one more sample may need. False when the outbox has no room. */
static bool make_room(struct spipe_session *session, struct spipe_slot *slot, uint32_t depth)
{
    if (spipe_outbox_room(session->outbox) < SPIPE_OUTBOX_RESERVE || session->failure != 0)
        return false;
    if (slot->thread_id == 0)
        spipe_weave_announce_thread(session, slot);
    if (spipe_intern_is_full(session->intern, depth + STACK_MAX + 2))
        spipe_weave_checkpoint(session);
    return true;
}

static void flush_if_full(struct spipe_session *session)
{
    if (spipe_batch_is_full(&session->weave->cpu) || spipe_stack_ids_is_full(session))
        spipe_weave_flush(session);
}

/* Is it this sample's turn to be walked again by the host? The slice is one of ours then. */
static const struct spipe_slice *take_audit(struct spipe_session *session, struct spipe_slot *slot,
                                            const struct spipe_copied_stack *stack)
{
    struct spipe_slice *slice = &session->weave->audited;
    uint32_t interval = atomic_load(&spipe_handler_shared.audit_interval);
    if (interval == 0 || ++slot->audit_wait < interval)
        return NULL;
    slot->audit_wait = 0;
    uint64_t len = stack->view.high - stack->view.low;
    slice->registers = *stack->registers;
    slice->low = stack->view.low;
    slice->len = len < SPIPE_SLICE_BYTES ? (uint32_t)len : SPIPE_SLICE_BYTES;
    slice->is_cut = stack->is_cut;
    memcpy(slice->bytes, stack->view.bytes, slice->len);
    return slice;
}

static void count_fault(struct spipe_slot *slot, enum spipe_walk_end end)
{
    if (end == SPIPE_WALK_BAD_TABLE || end == SPIPE_WALK_NOT_CODE || end == SPIPE_WALK_NO_PROGRESS)
        atomic_fetch_add(&slot->unwind_faults, 1);
}

enum spipe_weave_result spipe_weave_take_copy(struct spipe_session *session, struct spipe_slot *slot,
                                              struct spipe_weave_copy *copy)
{
    struct spipe_weave *weave = session->weave;
    uint64_t low = copy->registers.value[SPIPE_REGISTER_RSP];
    struct spipe_copied_stack stack = {&copy->registers, {low, low + copy->len, copy->bytes}, copy->is_cut, true, false};
    struct spipe_raw_sample sample = {.time_ns = copy->time_ns, .weight = copy->weight};
    uint32_t depth = 0;
    if (!make_room(session, slot, 0))
        return SPIPE_WEAVE_FULL;
    weave->is_postponed = false;
    copy->end = spipe_copied_stack_walk(session, &stack, weave->address, &depth);
    copy->was_short = stack.was_short;
    copy->needed = copy->end == SPIPE_WALK_ROOT ? (uint32_t)(spipe_copied_stack_reached() - low) : 0;
    if (has_to_wait(session, copy->end))
        return SPIPE_WEAVE_LATER;
    count_fault(slot, copy->end);
    take_walked(session, slot, &sample, weave->address, depth, copy->end, take_audit(session, slot, &stack));
    flush_if_full(session);
    return SPIPE_WEAVE_TAKEN;
}

/* False when the outbox has no room. */
static bool drain_slot(struct spipe_session *session, struct spipe_slot *slot)
{
    const struct spipe_raw_sample *sample;
    while ((sample = spipe_ring_peek(&slot->ring)) != NULL) {
        if (sample->kind == SPIPE_RAW_LAST && sample->time_ns > spipe_perf_drain_reached_ns())
            return true;
        if (!make_room(session, slot, sample->depth))
            return false;
        if (!take_sample(session, slot, sample))
            return true;
        spipe_ring_consume(&slot->ring, sample);
        flush_if_full(session);
    }
    return true;
}

/* What a full outbox leaves behind at the very end is lost, and counted as the pipe's doing. */
static void discard_slot(struct spipe_slot *slot)
{
    const struct spipe_raw_sample *sample;
    while ((sample = spipe_ring_peek(&slot->ring)) != NULL) {
        atomic_fetch_add(&slot->dropped_pipe_full, sample->weight);
        release_slice(sample);
        spipe_ring_consume(&slot->ring, sample);
    }
}

void spipe_weave_discard(struct spipe_session *session)
{
    spipe_perf_drain_discard(session);
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            discard_slot(slot);
    }
}

/* Looks at the mappings when something says that they have changed, or once in a while. */
void spipe_weave_look_at_images(struct spipe_session *session, bool always)
{
    if (!always && !atomic_load(&spipe_handler_shared.map_is_stale))
        return;
    session->weave->rescan_after_ns = 0;
    (void)rescan(session);
}

uint32_t spipe_weave_fill_percent(void)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (atomic_load(&slot->state) == SPIPE_SLOT_LIVE && spipe_ring_fill(&slot->ring) > most)
            most = spipe_ring_fill(&slot->ring);
    }
    uint32_t ring_percent = spipe_perf_rings_fill_percent();
    return ring_percent > most / (SPIPE_RING_SIZE / 100u) ? ring_percent : most / (SPIPE_RING_SIZE / 100u);
}

bool spipe_weave_drain(struct spipe_session *session)
{
    struct spipe_weave *weave = session->weave;
    uint64_t start_ns = spipe_clock_monotonic_ns();
    bool has_room = true;
    weave->is_unsettled = false;
    spipe_stack_ids_follow_map(session->stack_ids);
    spipe_stack_ids_announce_gone_images(session);
    enum spipe_perf_drain_result result = spipe_perf_drain(session, start_ns);
    weave->is_unsettled = weave->is_unsettled || result == SPIPE_PERF_DRAIN_LATER;
    has_room = result != SPIPE_PERF_DRAIN_FULL;
    for (uint32_t i = 0; i < spipe_slot_used() && has_room; i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            has_room = drain_slot(session, slot);
    }
    spipe_weave_flush(session);
    spipe_audit_put_skipped(session);
    bool was_full = atomic_load(&spipe_handler_shared.pipe_is_full) != 0;
    if (was_full == has_room)
        spipe_perf_drain_note_lost(was_full);
    atomic_store(&spipe_handler_shared.pipe_is_full, !has_room);
    uint64_t reached_ns = spipe_perf_drain_reached_ns();
    if (has_room)
        session->complete_until = spipe_session_time(session, start_ns < reached_ns ? start_ns : reached_ns);
    spipe_weave_look_at_images(session, false);
    spipe_images_retire();
    return weave->is_unsettled;
}

/* ------------------------------------------------------------------------------------------------------- checkpoint */

static void announce_living(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot) && slot->thread_id != 0) {
            slot->thread_id = 0;
            if (spipe_outbox_room(session->outbox) > SPIPE_OUTBOX_LEFT)
                spipe_weave_announce_thread(session, slot);
        }
    }
    spipe_stack_ids_announce_images_again(session);
}

void spipe_weave_make_room(struct spipe_session *session)
{
    if (spipe_intern_is_full(session->intern, STACK_MAX + 4))
        spipe_weave_checkpoint(session);
}

void spipe_weave_checkpoint(struct spipe_session *session)
{
    uint8_t sync[SPIPE_SYNC_LEN];
    spipe_weave_flush(session);
    /* Accounts of threads that have ended wait for the next Ledger under ids that end here. */
    spipe_ledger_put(session);
    memcpy(sync, spipe_preface, SPIPE_PREFACE_LEN);
    memcpy(sync + SPIPE_PREFACE_LEN, session->session_id, sizeof session->session_id);
    struct spipe_record record = {
        .kind = SPIPE_RECORD_CHECKPOINT,
        .checkpoint = {++session->checkpoint_number, spipe_session_time(session, spipe_clock_monotonic_ns()),
                       {sync, sizeof sync}}};
    spipe_session_put(session, &record);
    spipe_intern_reset(session->intern);
    spipe_stack_ids_forget(session->stack_ids);
    spipe_wall_forget_stacks();
    session->last_thread_id = 0;
    session->last_image_id = 0;
    spipe_marks_reset();
    spipe_greeting_put_hello(session);
    spipe_greeting_put_applied(session);
    announce_living(session);
}
