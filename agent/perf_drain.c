/* SPDX-License-Identifier: MIT */
#include "perf_drain.h"

#include "clock.h"
#include "handler.h"
#include "ledger.h"
#include "pages.h"
#include "perf_rings.h"
#include "sampler_rings.h"
#include "slice_size.h"
#include "threads.h"
#include "weave.h"

#include <string.h>

#define ARENA_SIZE (16u * 1024u * 1024u)
#define ENTRIES_MAX 16384u
#define TIDS_SIZE 4096u                 /* a power of two, above SPIPE_SLOT_COUNT */
#define NO_ENTRY UINT32_MAX
/* A sample's time is taken a moment before the pump can see it. */
#define SETTLING_NS UINT64_C(1000000)
#define RELIEF_PERCENT 25u
/* A thread of less CPU time is a short one; and what one of them is given at the most. */
#define SHORT_PERIODS 100u
#define OWED_MOST 8u

struct taken {
    struct spipe_perf_sample sample;
    const unsigned char *stack;         /* in the ring, or in the arena */
    uint32_t stack_len;
    uint32_t next;                      /* of the same slot, or NO_ENTRY */
    bool is_in_ring;
    bool is_done;                       /* handed on, or dropped */
};

static struct {
    unsigned char *arena;
    size_t used;
    struct taken *entry;                /* in the order of time */
    uint32_t count;
    uint32_t chained;                   /* so many of them have been given to their slots */
    uint32_t first[SPIPE_SLOT_COUNT];   /* of each slot's entries, or NO_ENTRY */
    uint32_t last[SPIPE_SLOT_COUNT];
    uint16_t tid_slot[TIDS_SIZE];       /* slot index + 1, by tid */
    uint64_t reached_ns;
    uint64_t short_cpu_ns;              /* of short threads that have ended, all together */
    uint64_t short_periods;             /* that their samples stand for */
    uint64_t lost_seen;
    uint64_t period_ns;         /* of the session */
    uint32_t stretch;           /* periods that each sample stands for */
    struct spipe_perf_drain_losses losses;
} drain;

/* ------------------------------------------------------------------------------------------------- rings to arena */

static bool has_space(void)
{
    return ARENA_SIZE - drain.used >= SPIPE_SLICE_SIZE_MOST;
}

static bool has_room(void)
{
    return drain.count < ENTRIES_MAX && has_space();
}

static void use_arena(struct taken *taken)
{
    taken->stack = drain.arena + drain.used;
    taken->is_in_ring = false;
    drain.used += (taken->stack_len + 7u) & ~(size_t)7u;
}

static void take_sample(const struct spipe_perf_sample *sample)
{
    struct taken *taken = &drain.entry[drain.count++];
    unsigned char *spare = drain.arena + drain.used;
    *taken = (struct taken){.sample = *sample, .next = NO_ENTRY, .is_in_ring = true};
    taken->stack = spipe_perf_rings_take(spare, &taken->stack_len);
    if (taken->stack == spare)
        use_arena(taken);
}

/* Returns true when all that came before that time has been taken. */
static bool gather(uint64_t until_ns)
{
    struct spipe_perf_sample sample;
    spipe_perf_rings_snapshot();
    while (has_room()) {
        if (!spipe_perf_rings_peek(until_ns, &sample))
            return true;
        take_sample(&sample);
    }
    return false;
}

/* Gives the rings their room back. What still waits is copied first; where there is no room for that, it stays. */
static void release_rings(void)
{
    for (uint32_t i = 0; i < drain.count; i++) {
        struct taken *taken = &drain.entry[i];
        if (!taken->is_in_ring || taken->is_done)
            continue;
        if (!has_space())
            return;
        memcpy(drain.arena + drain.used, taken->stack, taken->stack_len);
        use_arena(taken);
    }
    spipe_perf_rings_release();
}

void spipe_perf_drain_relieve(void)
{
    if (drain.arena == NULL || spipe_perf_rings_fill_percent() < RELIEF_PERCENT)
        return;
    (void)gather(spipe_clock_monotonic_ns() - SETTLING_NS);
    release_rings();
}

/* ------------------------------------------------------------------------------------------------- arena to slots */

static uint32_t place_of(int32_t tid)
{
    return (uint32_t)tid * UINT32_C(0x9e3779b1) / (UINT32_MAX / TIDS_SIZE + 1u);
}

static void remember_tid(const struct spipe_slot *slot)
{
    uint32_t place = place_of(slot->tid);
    while (drain.tid_slot[place] != 0)
        place = (place + 1) % TIDS_SIZE;
    drain.tid_slot[place] = (uint16_t)(slot->index + 1);
}

/* Living threads are found before dead ones of the same number. */
static void index_tids(void)
{
    memset(drain.tid_slot, 0, sizeof drain.tid_slot);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < spipe_slot_used(); i++) {
            const struct spipe_slot *slot = spipe_slot_get(i);
            uint32_t state = atomic_load(&slot->state);
            if (pass == 0 ? state == SPIPE_SLOT_LIVE : state > SPIPE_SLOT_LIVE)
                remember_tid(slot);
        }
    }
}

static struct spipe_slot *find_slot(int32_t tid)
{
    for (uint32_t place = place_of(tid); drain.tid_slot[place] != 0; place = (place + 1) % TIDS_SIZE) {
        struct spipe_slot *slot = spipe_slot_get(drain.tid_slot[place] - 1u);
        if (slot->tid == tid)
            return slot;
    }
    return NULL;
}

static uint32_t weight_of(const struct spipe_session *session, const struct taken *taken)
{
    uint64_t periods = (taken->sample.period_ns + session->period_ns / 2) / session->period_ns;
    return periods == 0 ? 1 : (uint32_t)periods;
}

static void append(const struct spipe_session *session, struct spipe_slot *slot, uint32_t index)
{
    struct taken *taken = &drain.entry[index];
    uint32_t weight = weight_of(session, taken);
    if (drain.first[slot->index] == NO_ENTRY)
        drain.first[slot->index] = index;
    else
        drain.entry[drain.last[slot->index]].next = index;
    drain.last[slot->index] = index;
    slot->ring_periods += weight;
    slot->is_silent = false;
    atomic_fetch_add(&slot->attempted, weight);
}

/* False when a thread is about to get its slot: a moment later it will be known. */
static bool chain_all(struct spipe_session *session)
{
    if (drain.chained == drain.count)
        return true;
    index_tids();
    for (; drain.chained < drain.count; drain.chained++) {
        struct taken *taken = &drain.entry[drain.chained];
        struct spipe_slot *slot = find_slot(taken->sample.tid);
        if (slot == NULL) {
            if (spipe_threads_any_claimed())
                return false;
            slot = spipe_threads_adopt(taken->sample.tid);
            if (slot != NULL)
                remember_tid(slot);
        }
        if (slot != NULL)
            append(session, slot, drain.chained);
        else
            drain.losses.no_slot += weight_of(session, taken);
        taken->is_done = slot == NULL;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------------- slots to weave */

/* The first period of a thread on each CPU begins when it does, so that of each the last part leaves no sample. For a
 * thread that lives long that is nothing. Those that live for a short time are owed, together, what their CPU time is
 * worth beyond their samples, by the share of the program's own code in all CPU time. */
static uint32_t settle_end(struct spipe_session *session, struct spipe_slot *slot)
{
    if (slot->is_settled)
        return 0;
    slot->is_settled = true;
    uint64_t cpu_ns = atomic_load(&slot->final_cpu_ns) - atomic_load(&slot->first_ns);
    if (cpu_ns > SHORT_PERIODS * session->period_ns)
        return 0;
    drain.short_cpu_ns += cpu_ns;
    drain.short_periods += slot->ring_periods;
    uint64_t worth = drain.short_cpu_ns / 1024u * spipe_ledger_user_share(session) / session->period_ns;
    uint64_t owed = worth > drain.short_periods ? worth - drain.short_periods : 0;
    uint32_t periods = owed > OWED_MOST ? OWED_MOST : (uint32_t)owed;
    drain.short_periods += periods;
    atomic_fetch_add(&slot->attempted, periods);
    return periods;
}

uint32_t spipe_perf_drain_owed(struct spipe_session *session, struct spipe_slot *slot)
{
    return settle_end(session, slot);
}

static bool has_ended(struct spipe_slot *slot)
{
    const struct spipe_raw_sample *last = spipe_ring_peek(&slot->ring);
    return last != NULL && last->kind == SPIPE_RAW_LAST;
}

/* `has_all`: nothing of before is in the rings any more. Then what an ended thread is owed can go where it was seen. */
static enum spipe_perf_drain_result hand_on_slot(struct spipe_session *session, struct spipe_slot *slot, bool has_all)
{
    while (drain.first[slot->index] != NO_ENTRY) {
        struct taken *taken = &drain.entry[drain.first[slot->index]];
        if (has_all && has_ended(slot))
            taken->sample.period_ns += settle_end(session, slot) * session->period_ns;
        struct spipe_weave_copy copy = {.time_ns = taken->sample.time_ns,
                                        .weight = weight_of(session, taken),
                                        .registers = taken->sample.registers,
                                        .bytes = taken->stack,
                                        .len = taken->stack_len,
                                        .is_cut = taken->stack_len == taken->sample.slice_len};
        switch (spipe_weave_take_copy(session, slot, &copy)) {
        case SPIPE_WEAVE_LATER: return SPIPE_PERF_DRAIN_LATER;
        case SPIPE_WEAVE_FULL: return SPIPE_PERF_DRAIN_FULL;
        case SPIPE_WEAVE_TAKEN: break;
        }
        spipe_sampler_rings_note(copy.needed, copy.was_short);
        taken->is_done = true;
        drain.first[slot->index] = taken->next;
    }
    return SPIPE_PERF_DRAINED;
}

static enum spipe_perf_drain_result hand_on_all(struct spipe_session *session, bool has_all)
{
    enum spipe_perf_drain_result result = SPIPE_PERF_DRAINED;
    for (uint32_t i = 0; i < spipe_slot_used() && result != SPIPE_PERF_DRAIN_FULL; i++) {
        enum spipe_perf_drain_result one = hand_on_slot(session, spipe_slot_get(i), has_all);
        result = one == SPIPE_PERF_DRAINED ? result : one;
    }
    return result;
}

/* More may be taken meanwhile, when the rings need relief. */
static enum spipe_perf_drain_result hand_on_taken(struct spipe_session *session, bool has_all)
{
    enum spipe_perf_drain_result result = SPIPE_PERF_DRAINED;
    do {
        bool is_chained = chain_all(session);
        result = hand_on_all(session, has_all);
        if (result == SPIPE_PERF_DRAINED && !is_chained)
            return SPIPE_PERF_DRAIN_LATER;
    } while (result == SPIPE_PERF_DRAINED && drain.chained < drain.count);
    return result;
}

static void forget_all(void)
{
    spipe_perf_rings_release();
    drain.used = 0;
    drain.count = 0;
    drain.chained = 0;
}

/* Samples of before a library is unloaded belong to the mappings as they are known; those of after wait until the
 * mappings have been read again. */
static uint64_t find_limit(uint64_t now_ns)
{
    uint64_t settled_ns = now_ns - SETTLING_NS;
    if (!spipe_sampler_is_on())
        return UINT64_MAX;
    if (atomic_load(&spipe_handler_shared.map_is_stale) == 0)
        return settled_ns;
    uint64_t stale_ns = atomic_load(&spipe_handler_shared.stale_since_ns);
    return stale_ns < settled_ns ? stale_ns : settled_ns;
}

enum spipe_perf_drain_result spipe_perf_drain(struct spipe_session *session, uint64_t now_ns)
{
    if (drain.arena == NULL)
        return SPIPE_PERF_DRAINED;
    uint64_t until_ns = find_limit(now_ns);
    bool has_all;
    do {
        has_all = gather(until_ns);
        enum spipe_perf_drain_result result = hand_on_taken(session, has_all);
        if (result != SPIPE_PERF_DRAINED) {
            release_rings();
            return result;
        }
        forget_all();
    } while (!has_all);
    drain.reached_ns = until_ns;
    return SPIPE_PERF_DRAINED;
}

uint64_t spipe_perf_drain_reached_ns(void)
{
    return drain.arena == NULL ? UINT64_MAX : drain.reached_ns;
}

/* ---------------------------------------------------------------------------------------------------- what is lost */

void spipe_perf_drain_note_lost(bool is_pipe_full)
{
    if (drain.arena == NULL)
        return;
    uint64_t lost = spipe_perf_rings_lost();
    *(is_pipe_full ? &drain.losses.pipe_full : &drain.losses.ring_full) += (lost - drain.lost_seen) * drain.stretch;
    drain.lost_seen = lost;
}

struct spipe_perf_drain_losses spipe_perf_drain_losses(void)
{
    struct spipe_perf_drain_losses losses = drain.losses;
    losses.no_slot += drain.arena == NULL ? 0 : spipe_perf_rings_throttled_ns() / drain.period_ns;
    return losses;
}

static void discard_slot(struct spipe_session *session, struct spipe_slot *slot)
{
    while (drain.first[slot->index] != NO_ENTRY) {
        struct taken *taken = &drain.entry[drain.first[slot->index]];
        atomic_fetch_add(&slot->dropped_pipe_full, weight_of(session, taken));
        taken->is_done = true;
        drain.first[slot->index] = taken->next;
    }
}

void spipe_perf_drain_discard(struct spipe_session *session)
{
    bool has_all = drain.arena == NULL;
    while (!has_all) {
        has_all = gather(UINT64_MAX);
        (void)chain_all(session);
        for (; drain.chained < drain.count; drain.chained++)
            drain.losses.no_slot += weight_of(session, &drain.entry[drain.chained]);
        for (uint32_t i = 0; i < spipe_slot_used(); i++)
            discard_slot(session, spipe_slot_get(i));
        forget_all();
    }
}

bool spipe_perf_drain_begin(uint64_t period_ns, uint32_t stretch)
{
    spipe_perf_drain_note_lost(atomic_load(&spipe_handler_shared.pipe_is_full) != 0);
    drain.period_ns = period_ns;
    drain.stretch = stretch;
    if (drain.arena != NULL)
        return true;
    drain.arena = spipe_pages_new(ARENA_SIZE);
    drain.entry = spipe_pages_new(ENTRIES_MAX * sizeof drain.entry[0]);
    if (drain.arena == NULL || drain.entry == NULL) {
        spipe_perf_drain_end();
        return false;
    }
    memset(drain.first, 0xff, sizeof drain.first);
    memset(&drain.losses, 0, sizeof drain.losses);
    forget_all();
    drain.reached_ns = 0;
    drain.short_cpu_ns = 0;
    drain.short_periods = 0;
    drain.lost_seen = spipe_perf_rings_lost();
    return true;
}

void spipe_perf_drain_end(void)
{
    spipe_pages_free(drain.arena, ARENA_SIZE);
    spipe_pages_free(drain.entry, ENTRIES_MAX * sizeof drain.entry[0]);
    drain.arena = NULL;
    drain.entry = NULL;
}

void spipe_perf_drain_fork(void)
{
    memset(&drain, 0, sizeof drain);
}
