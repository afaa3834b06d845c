/* SPDX-License-Identifier: MIT */
#include "weave.h"

#include "clock.h"
#include "control.h"
#include "greeting.h"
#include "handler.h"
#include "ledger.h"
#include "marks.h"
#include "pages.h"
#include "protocol/status.h"
#include "slice.h"
#include "text_dialect.h"

#include <string.h>

/* Each message stays below 64 KiB: 13 bytes a sample and 10 a run at the most, 8 a frame, 6 a node. */
#define SAMPLES_MAX 3072u
#define RUNS_MAX 1000u
#define DEFINITIONS_MAX 4096u
#define STACK_MAX SPIPE_DEPTH_MAX
/* A stack that needs more tables than this one after the other is given up. */
#define TABLES_PER_STACK 64u
/* Mappings are read again for an unknown address at most so often; the wait doubles while that finds nothing. */
#define RESCAN_MIN_NS UINT64_C(5000000)
#define RESCAN_MAX_NS UINT64_C(200000000)
#define FRAME_CACHE_SIZE 8192u

struct cached_frame {
    uint64_t address;
    uint32_t frame_id;
    uint32_t era;
};

struct spipe_weave {
    uint32_t run_thread_id[RUNS_MAX];
    uint32_t run_length[RUNS_MAX];
    uint64_t run_time[RUNS_MAX];            /* of the run's first sample, in quanta */
    uint32_t run_count;
    uint32_t time_delta[SAMPLES_MAX];
    uint32_t stack_id[SAMPLES_MAX];
    uint32_t weight[SAMPLES_MAX];
    uint32_t sample_count;
    bool has_weights;
    uint64_t last_time;                     /* of the running run */

    uint32_t parent_back[DEFINITIONS_MAX];
    uint64_t address[STACK_MAX];
    struct cached_frame cache[FRAME_CACHE_SIZE];
    uint32_t era;                           /* entries of the cache are of this map and these tables */
    uint32_t era_generation;
    uint64_t rescan_wait_ns;
    uint64_t rescan_after_ns;
    uint32_t dlopen_count;                  /* as seen at the last look */
    bool is_unsettled;
    bool is_postponed;                      /* a stack waits for the mappings to be read again, which will be soon */
};

struct spipe_weave *spipe_weave_new(void)
{
    struct spipe_weave *weave = spipe_pages_new(sizeof *weave);
    if (weave != NULL)
        weave->era = 1;
    return weave;
}

void spipe_weave_free(struct spipe_weave *weave)
{
    spipe_pages_free(weave, sizeof *weave);
}

void spipe_weave_begin(struct spipe_session *session)
{
    struct spipe_weave *weave = session->weave;
    weave->era++;
    weave->run_count = 0;
    weave->sample_count = 0;
    weave->has_weights = false;
    weave->rescan_after_ns = 0;
    (void)spipe_images_scan();
}

/* ------------------------------------------------------------------------------------------------------ definitions */

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

void spipe_weave_announce_thread(struct spipe_session *session, struct spipe_slot *slot)
{
    if (slot->thread_id == 0)
        slot->thread_id = ++session->last_thread_id;
    struct spipe_thread definition = {slot->thread_id, (uint32_t)slot->tid, slot->name,
                                      spipe_session_time(session, spipe_clock_monotonic_ns())};
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {&definition, 1, NULL, 0}};
    spipe_session_put(session, &record);
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
    struct spipe_weave *weave = session->weave;
    while (spipe_intern_new_nodes(session->intern) > 0) {
        struct spipe_stacks stacks = {0};
        stacks.count = spipe_intern_take_nodes(session->intern, DEFINITIONS_MAX, &stacks.first_stack_id,
                                               weave->parent_back, &stacks.frame_id);
        stacks.parent_back = weave->parent_back;
        struct spipe_record record = {.kind = SPIPE_RECORD_STACKS, .stacks = stacks};
        spipe_session_put(session, &record);
    }
}

/* ---------------------------------------------------------------------------------------------------------- columns */

static uint64_t earliest_run(const struct spipe_weave *weave)
{
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < weave->run_count; i++) {
        if (weave->run_time[i] < earliest)
            earliest = weave->run_time[i];
    }
    return earliest;
}

static void put_samples(struct spipe_session *session)
{
    struct spipe_weave *weave = session->weave;
    if (weave->sample_count == 0)
        return;
    struct spipe_samples samples = {0};
    samples.source_id = 1;
    samples.start_time = earliest_run(weave);
    uint32_t first = 0;
    for (uint32_t i = 0; i < weave->run_count; i++) {
        weave->time_delta[first] = (uint32_t)(weave->run_time[i] - samples.start_time);
        first += weave->run_length[i];
    }
    samples.run_thread_id = weave->run_thread_id;
    samples.run_length = weave->run_length;
    samples.run_count = weave->run_count;
    samples.time_delta = weave->time_delta;
    samples.stack_id = weave->stack_id;
    samples.weight = weave->has_weights ? weave->weight : NULL;
    samples.sample_count = weave->sample_count;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES, .samples = samples};
    spipe_session_put(session, &record);
    session->samples_sent += weave->sample_count;
    weave->run_count = 0;
    weave->sample_count = 0;
    weave->has_weights = false;
}

void spipe_weave_flush(struct spipe_session *session)
{
    if (session->is_text)
        return;
    put_frames(session);
    put_stacks(session);
    put_samples(session);
}

static bool is_batch_full(const struct spipe_session *session)
{
    const struct spipe_weave *weave = session->weave;
    return weave->sample_count == SAMPLES_MAX || weave->run_count == RUNS_MAX ||
           spipe_intern_new_frames(session->intern) >= DEFINITIONS_MAX ||
           spipe_intern_new_nodes(session->intern) >= DEFINITIONS_MAX;
}

static void add_sample(struct spipe_session *session, const struct spipe_slot *slot, uint64_t time_ns, uint32_t weight,
                       uint32_t stack_id)
{
    struct spipe_weave *weave = session->weave;
    uint64_t time = spipe_session_time(session, time_ns);
    uint32_t run = weave->run_count;
    if (run > 0 && weave->run_thread_id[run - 1] == slot->thread_id && time - weave->last_time <= UINT32_MAX) {
        weave->time_delta[weave->sample_count] = (uint32_t)(time - weave->last_time);
        weave->run_length[run - 1]++;
    } else {
        weave->run_thread_id[run] = slot->thread_id;
        weave->run_length[run] = 1;
        weave->run_time[run] = time;
        weave->run_count++;
    }
    weave->last_time = time;
    weave->stack_id[weave->sample_count] = stack_id;
    weave->weight[weave->sample_count] = weight;
    weave->has_weights = weave->has_weights || weight != 1;
    weave->sample_count++;
}

/* ----------------------------------------------------------------------------------------------------------- frames */

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
    struct spipe_weave *weave = session->weave;
    struct cached_frame *cached = &weave->cache[(address * UINT64_C(0x9e3779b97f4a7c15)) >> 51];
    if (cached->address != address || cached->era != weave->era)
        *cached = (struct cached_frame){address, make_frame(session, address), weave->era};
    return cached->frame_id;
}

_Static_assert(FRAME_CACHE_SIZE == 1u << (64 - 51), "the hash fills the cache");

/* A new map may have another image at the same address. */
static void follow_generation(struct spipe_weave *weave)
{
    const struct spipe_code_map *map = spipe_images_code_map();
    if (map->generation != weave->era_generation) {
        weave->era_generation = map->generation;
        weave->era++;
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

/* From the outermost frame to the leaf. Neighbouring frames of generated code, which have no names, are one. */
static uint32_t intern_stack(struct spipe_session *session, const uint64_t *address, uint32_t depth,
                             enum spipe_walk_end end)
{
    uint32_t generated = stand_in_frame(session, SPIPE_STAND_IN_GENERATED_CODE);
    uint32_t last_frame = 0;
    uint32_t node = 0;
    if (end != SPIPE_WALK_ROOT)
        node = spipe_intern_node(session->intern, 0, stand_in_frame(session, stand_in_of(end)));
    for (uint32_t i = depth; i-- > 0;) {
        uint32_t frame = find_frame(session, address[i]);
        if (frame == 0 || (frame == generated && last_frame == generated))
            continue;
        node = spipe_intern_node(session->intern, node, frame);
        last_frame = frame;
    }
    if (node == 0)
        node = spipe_intern_node(session->intern, 0, stand_in_frame(session, SPIPE_STAND_IN_IN_AGENT));
    return node;
}

/* ----------------------------------------------------------------------------------------------------------- slices */

static void announce_gone_images(struct spipe_session *session)
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

static bool rescan(struct spipe_weave *weave)
{
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
    bool has_changed = spipe_images_scan();
    weave->rescan_wait_ns = has_changed ? RESCAN_MIN_NS : weave->rescan_wait_ns * 2;
    if (weave->rescan_wait_ns > RESCAN_MAX_NS)
        weave->rescan_wait_ns = RESCAN_MAX_NS;
    if (weave->rescan_wait_ns < RESCAN_MIN_NS)
        weave->rescan_wait_ns = RESCAN_MIN_NS;
    weave->rescan_after_ns = now_ns + weave->rescan_wait_ns;
    follow_generation(weave);
    return has_changed;
}

/* Gets what the walk said it needs. False when that is not to be had. */
static bool supply(struct spipe_weave *weave, enum spipe_walk_end end, uint64_t needed)
{
    bool was_supplied = false;
    if (end == SPIPE_WALK_NEEDS_TABLE)
        was_supplied = spipe_images_build_table(needed);
    else if (end == SPIPE_WALK_UNKNOWN_CODE)
        was_supplied = rescan(weave);
    weave->is_unsettled = weave->is_unsettled || was_supplied;
    follow_generation(weave);
    return was_supplied;
}

static enum spipe_walk_end walk_slice(struct spipe_weave *weave, uint16_t index, uint32_t max_depth, uint32_t *ret_depth)
{
    const struct spipe_slice *slice = spipe_slice_get(index);
    struct spipe_stack_view view = {slice->low, slice->low + slice->len, slice->bytes};
    enum spipe_walk_end end = SPIPE_WALK_NO_TABLE;
    size_t depth = 0;
    for (unsigned i = 0; i < TABLES_PER_STACK; i++) {
        uint64_t needed = 0;
        end = spipe_unwind_walk(spipe_images_code_map(), &view, &slice->registers, NULL, weave->address, max_depth, &depth,
                                &needed);
        if (!supply(weave, end, needed))
            break;
    }
    if (end == SPIPE_WALK_OUTSIDE_STACK && slice->is_cut)
        end = SPIPE_WALK_TOO_DEEP;
    *ret_depth = (uint32_t)depth;
    return end;
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

static void take_walked(struct spipe_session *session, struct spipe_slot *slot, const struct spipe_raw_sample *sample,
                        const uint64_t *address, uint32_t depth, enum spipe_walk_end end)
{
    if (session->is_text) {
        spipe_text_dialect_sample(session, slot, sample, address, depth);
    } else {
        uint32_t node = intern_stack(session, address, depth, end);
        add_sample(session, slot, sample->time_ns, sample->weight, node);
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
        take_walked(session, slot, sample, sample->address, 1, SPIPE_WALK_OUTSIDE_STACK);
    } else if (sample->kind == SPIPE_RAW_SLICE) {
        uint32_t depth = 0;
        enum spipe_walk_end end = walk_slice(weave, sample->slice, session->settings.applied.max_depth, &depth);
        if (end == SPIPE_WALK_UNKNOWN_CODE && weave->is_postponed && spipe_sampler_is_on()) {
            weave->is_unsettled = true;
            return false;
        }
        take_walked(session, slot, sample, weave->address, depth, end);
        spipe_slice_release(sample->slice);
    } else {
        if (sample->end == SPIPE_WALK_NEEDS_TABLE)
            (void)supply(weave, SPIPE_WALK_NEEDS_TABLE, sample->address[sample->depth - 1]);
        take_walked(session, slot, sample, sample->address, sample->depth, (enum spipe_walk_end)sample->end);
    }
    return true;
}

/* False when the outbox has no room. */
static bool drain_slot(struct spipe_session *session, struct spipe_slot *slot)
{
    const struct spipe_raw_sample *sample;
    while ((sample = spipe_ring_peek(&slot->ring)) != NULL) {
        if (spipe_outbox_room(session->outbox) < SPIPE_OUTBOX_RESERVE || session->failure != 0)
            return false;
        if (slot->thread_id == 0)
            spipe_weave_announce_thread(session, slot);
        if (spipe_intern_is_full(session->intern, sample->depth + STACK_MAX + 2))
            spipe_weave_checkpoint(session);
        if (!take_sample(session, slot, sample))
            return true;
        spipe_ring_consume(&slot->ring, sample);
        if (is_batch_full(session))
            spipe_weave_flush(session);
    }
    return true;
}

/* What a full outbox leaves behind at the very end is lost, and counted as the pipe's doing. */
static void discard_slot(struct spipe_slot *slot)
{
    const struct spipe_raw_sample *sample;
    while ((sample = spipe_ring_peek(&slot->ring)) != NULL) {
        atomic_fetch_add(&slot->dropped_pipe_full, sample->weight);
        if (sample->kind == SPIPE_RAW_SLICE)
            spipe_slice_release(sample->slice);
        spipe_ring_consume(&slot->ring, sample);
    }
}

void spipe_weave_discard(void)
{
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
    (void)rescan(session->weave);
}

uint32_t spipe_weave_fill_percent(void)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (atomic_load(&slot->state) == SPIPE_SLOT_LIVE && spipe_ring_fill(&slot->ring) > most)
            most = spipe_ring_fill(&slot->ring);
    }
    return most / (SPIPE_RING_SIZE / 100u);
}

bool spipe_weave_drain(struct spipe_session *session)
{
    struct spipe_weave *weave = session->weave;
    uint64_t start_ns = spipe_clock_monotonic_ns();
    bool has_room = true;
    weave->is_unsettled = false;
    follow_generation(weave);
    announce_gone_images(session);
    for (uint32_t i = 0; i < spipe_slot_used() && has_room; i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            has_room = drain_slot(session, slot);
    }
    spipe_weave_flush(session);
    atomic_store(&spipe_handler_shared.pipe_is_full, !has_room);
    if (has_room)
        session->complete_until = spipe_session_time(session, start_ns);
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
            spipe_weave_announce_thread(session, slot);
        }
    }
    for (uint32_t i = 0; i < spipe_images_count(); i++) {
        struct spipe_loaded_image *image = spipe_images_get(i);
        bool was_known = image->image_id != 0;
        image->image_id = 0;
        image->was_gone = false;
        if (was_known && image->is_present)
            announce_image(session, image);
    }
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
    session->weave->era++;
    session->last_thread_id = 0;
    session->last_image_id = 0;
    spipe_marks_reset();
    spipe_greeting_put_hello(session);
    spipe_greeting_put_applied(session);
    announce_living(session);
}
