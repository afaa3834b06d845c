/* SPDX-License-Identifier: MIT */
#include "sampler_rings.h"

#include "clock.h"
#include "handler.h"
#include "perf_drain.h"
#include "perf_rings.h"
#include "slice_size.h"
#include "threads.h"

#define THREADS_MAX 4096u
/* For so long the pump may be kept from its rings, at first, and at the worst. */
#define ROOMY_NS UINT64_C(60000000)
#define SCARCE_NS UINT64_C(12000000)
/* A thread that has used that much CPU time in its own code, by the kernel's coarse account, and has given no sample,
 * has no events: it was made at the moment when its maker got some. */
/* So many threads for each CPU may keep the pump from its turn for so long that it takes small slices not to lose any. */
#define CROWD 8u
#define CROWD_SLICE (8u * 1024u)
#define SILENT_TICKS 10u
#define SILENT_NS UINT64_C(200000000)
#define SILENT_PERIODS 50u

static struct {
    struct spipe_slice_size slice;
    uint64_t interval_ns;       /* between two samples of a thread */
    uint64_t lost;              /* by the rings, as of the last round */
    _Atomic uint32_t crowd_limit;       /* in threads; 0: reached */
    bool has_lost;              /* since the last look: who gives no samples then is not silent for want of events */
} own;

/* From now on a living thread that gives no samples may be without events. */
static void watch_silence(void)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (atomic_load(&slot->state) != SPIPE_SLOT_LIVE)
            continue;
        slot->is_silent = true;
        slot->opened_ns = spipe_clock_thread_cpu_ns(slot->tid);
        slot->opened_user_ticks = 0;
        (void)spipe_threads_user_ticks(slot->tid, &slot->opened_user_ticks);
    }
}

static bool open_all(uint32_t slice_bytes)
{
    static int32_t tid[THREADS_MAX];
    watch_silence();
    return spipe_perf_rings_start(tid, spipe_threads_list(tid, THREADS_MAX), own.interval_ns, slice_bytes);
}

bool spipe_sampler_rings_start(uint64_t period_ns, uint32_t stretch)
{
    uint64_t interval_ns = period_ns * stretch;
    if (!spipe_perf_drain_begin(period_ns, stretch))
        return false;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        atomic_store(&slot->first_ns, spipe_clock_thread_cpu_ns(slot->tid));
        slot->ring_periods = 0;
    }
    own.interval_ns = interval_ns;
    own.lost = spipe_perf_rings_lost();
    spipe_slice_size_init(&own.slice, spipe_perf_rings_slice_for(interval_ns, ROOMY_NS),
                          spipe_perf_rings_slice_for(interval_ns, SCARCE_NS));
    atomic_store(&own.crowd_limit, CROWD * spipe_perf_rings_cpu_count());
    return open_all(own.slice.bytes);
}

bool spipe_sampler_rings_arm(struct spipe_slot *slot)
{
    if (!slot->needs_events)
        return true;
    slot->needs_events = false;
    return spipe_perf_rings_add(slot->tid);
}

void spipe_sampler_rings_stop(void)
{
    spipe_perf_rings_stop();
}

void spipe_sampler_rings_note(uint32_t needed_bytes, bool is_cut)
{
    spipe_slice_size_note(&own.slice, needed_bytes, is_cut);
}

/* What is lost while the pipe takes nothing is not for want of room in the rings. */
static void note_lost(void)
{
    uint64_t lost = spipe_perf_rings_lost();
    if (atomic_load(&spipe_handler_shared.pipe_is_full) == 0)
        spipe_slice_size_note_lost(&own.slice, lost - own.lost);
    own.has_lost = own.has_lost || lost != own.lost;
    own.lost = lost;
}

bool spipe_sampler_rings_are_settled(void)
{
    return spipe_slice_size_is_settled(&own.slice);
}

bool spipe_sampler_rings_are_crowded(void)
{
    uint32_t limit = atomic_load(&own.crowd_limit);
    return limit != 0 && spipe_slot_used() >= limit;
}

static uint32_t find_size(void)
{
    uint32_t wanted = spipe_slice_size_wanted(&own.slice);
    if (!spipe_sampler_rings_are_crowded())
        return wanted;
    atomic_store(&own.crowd_limit, 0);
    return wanted > CROWD_SLICE && own.slice.deepest <= CROWD_SLICE ? CROWD_SLICE : wanted;
}

enum spipe_sampler_fit spipe_sampler_rings_tend(void)
{
    note_lost();
    uint32_t wanted = find_size();
    if (wanted == own.slice.bytes)
        return SPIPE_SAMPLER_FITS;
    if (wanted == 0)
        return SPIPE_SAMPLER_DOES_NOT_FIT;
    spipe_slice_size_set(&own.slice, wanted);
    return open_all(wanted) ? SPIPE_SAMPLER_FITS : SPIPE_SAMPLER_DOES_NOT_FIT;
}

static bool has_no_events(const struct spipe_slot *slot)
{
    uint64_t user_ticks = 0;
    uint64_t used_ns = spipe_clock_thread_cpu_ns(slot->tid) - slot->opened_ns;
    if (!slot->is_silent || used_ns < SILENT_NS || used_ns < SILENT_PERIODS * own.interval_ns)
        return false;
    return spipe_threads_user_ticks(slot->tid, &user_ticks) && user_ticks - slot->opened_user_ticks >= SILENT_TICKS;
}

enum spipe_sampler_fit spipe_sampler_rings_look(void)
{
    bool has_lost = own.has_lost;
    own.has_lost = false;
    for (uint32_t i = 0; i < spipe_slot_used() && !has_lost; i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (atomic_load(&slot->state) == SPIPE_SLOT_LIVE && has_no_events(slot))
            slot->needs_events = true;
    }
    return spipe_perf_rings_have_all_cpus() ? SPIPE_SAMPLER_FITS : SPIPE_SAMPLER_HAS_TO_RESTART;
}
