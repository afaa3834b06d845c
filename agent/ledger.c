/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include "clock.h"
#include "handler.h"
#include "perf_drain.h"
#include "wall.h"
#include "weave.h"

#include <string.h>

/* Of one Ledger, which stays below 64 KiB by that: more of them make one more Ledger. */
#define ENTRIES_MAX 768u

/* Entries for the next Ledger: of threads that have ended since the last one, then those of the others. */
static struct spipe_thread_ledger entries[ENTRIES_MAX];
static size_t entry_count;

static uint64_t read64(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

static uint64_t dropped_in_handler(const struct spipe_slot *slot)
{
    return read64(&slot->dropped_ring_full) + read64(&slot->dropped_pipe_full);
}

static uint64_t dropped_without_source(const struct spipe_slot *slot)
{
    return slot->dropped_paused + slot->dropped_no_slot + slot->dropped_blocked + read64(&slot->dropped_refused);
}

static uint64_t dropped_by(const struct spipe_slot *slot)
{
    return dropped_in_handler(slot) + dropped_without_source(slot);
}

static uint64_t cpu_of(const struct spipe_slot *slot)
{
    uint64_t final_ns = read64(&slot->final_cpu_ns);
    return final_ns != 0 ? final_ns : spipe_clock_thread_cpu_ns(slot->tid);
}

static void restart_slot(struct spipe_slot *slot)
{
    atomic_store(&slot->attempted, 0);
    atomic_store(&slot->dropped_ring_full, 0);
    atomic_store(&slot->dropped_pipe_full, 0);
    atomic_store(&slot->dropped_refused, 0);
    atomic_store(&slot->sleeps_cut_short, 0);
    atomic_store(&slot->unwind_faults, 0);
    for (unsigned bucket = 0; bucket < SPIPE_LATENCY_BUCKETS; bucket++)
        atomic_store_explicit(&slot->latency[bucket], 0, memory_order_relaxed);
    atomic_store(&slot->latency_max_ns, 0);
    atomic_store(&slot->handler_ns, 0);
    slot->thread_id = 0;
    slot->cpu_start_ns = cpu_of(slot);
    slot->cpu_ns = slot->cpu_start_ns;
    slot->cpu_accounted_ns = slot->cpu_start_ns;
    slot->sent = 0;
    slot->dropped_paused = 0;
    slot->dropped_no_slot = 0;
    slot->dropped_blocked = 0;
    slot->reported = 0;
    slot->reported_cpu_ns = slot->cpu_start_ns;
    slot->reported_pending = false;
}

static uint64_t lost_since(const struct spipe_past *previous, uint64_t process_cpu_us)
{
    return previous->has_account && process_cpu_us > previous->process_cpu_us ? process_cpu_us - previous->process_cpu_us
                                                                              : 0;
}

void spipe_ledger_begin(struct spipe_session *session)
{
    entry_count = 0;
    spipe_wall_begin(session);
    /* Also those of threads that have ended since an earlier session: this one knows nothing of them. */
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            restart_slot(slot);
    }
    uint64_t agent_user_us;
    uint64_t agent_system_us;
    uint64_t watcher_us = spipe_sampler_own_cpu_ns() / 1000u;
    spipe_clock_process_cpu(&session->start_user_us, &session->start_system_us);
    spipe_clock_self_cpu(&agent_user_us, &agent_system_us);
    session->start_user_us -= agent_user_us;
    session->start_system_us -= agent_system_us + watcher_us;
    session->start_agent_us = agent_user_us + agent_system_us + watcher_us;
    session->lost_between_us = lost_since(&session->previous, session->start_user_us + session->start_system_us);
}

static uint64_t *cause_of(struct spipe_session *session, struct spipe_slot *slot)
{
    if (session->is_paused)
        return &slot->dropped_paused;
    if (slot->blocks_signal)
        return &slot->dropped_blocked;
    return slot->no_source ? &slot->dropped_no_slot : NULL;
}

void spipe_ledger_look(struct spipe_session *session, struct spipe_slot *slot)
{
    uint64_t period_ns = session->period_ns;
    uint64_t cpu_ns = cpu_of(slot);
    if (cpu_ns < slot->cpu_ns)
        return;     /* gone, or another thread with its number */
    slot->cpu_ns = cpu_ns;

    uint64_t *cause = cause_of(session, slot);
    uint64_t periods = (cpu_ns - slot->cpu_accounted_ns) / period_ns;
    if (cause == NULL) {
        slot->cpu_accounted_ns = cpu_ns;
    } else {
        *cause += periods;
        slot->cpu_accounted_ns += periods * period_ns;
    }
}

static struct spipe_thread_ledger entry_of(struct spipe_slot *slot)
{
    /* Drops before attempts: see the handler. The sampler's thread may count on meanwhile. */
    uint64_t without_source = dropped_without_source(slot);
    struct spipe_thread_ledger entry = {
        .thread_id = slot->thread_id,
        .sent = slot->sent,
        .cpu_us = (slot->cpu_ns - slot->cpu_start_ns) / 1000u,
        .dropped_ring_full = read64(&slot->dropped_ring_full),
        .dropped_pipe_full = read64(&slot->dropped_pipe_full),
        .dropped_paused = slot->dropped_paused,
        .dropped_no_slot = without_source - slot->dropped_paused - slot->dropped_blocked,
        .dropped_blocked = slot->dropped_blocked,
    };
    entry.attempted = read64(&slot->attempted) + without_source;
    uint64_t settled = entry.sent + entry.dropped_ring_full + entry.dropped_pipe_full + without_source;
    entry.pending = entry.attempted - settled;
    slot->reported = entry.attempted;
    slot->reported_cpu_ns = slot->cpu_ns;
    slot->reported_pending = entry.pending > 0;
    return entry;
}

static bool has_changed(const struct spipe_slot *slot)
{
    return slot->reported_pending || slot->cpu_ns != slot->reported_cpu_ns ||
           read64(&slot->attempted) + dropped_without_source(slot) != slot->reported;
}

/* ----------------------------------------------------------------------------------------------------------- totals */

static void add_slot(struct spipe_ended_totals *totals, const struct spipe_slot *slot)
{
    totals->cpu_ns += slot->cpu_ns - slot->cpu_start_ns;
    totals->sent += slot->sent;
    totals->dropped += dropped_by(slot);
    totals->sleeps_cut_short += read64(&slot->sleeps_cut_short);
    totals->unwind_faults += read64(&slot->unwind_faults);
    for (unsigned i = 0; i < SPIPE_LATENCY_BUCKETS; i++)
        totals->latency[i] += atomic_load_explicit(&slot->latency[i], memory_order_relaxed);
    totals->handler_ns += read64(&slot->handler_ns);
    uint32_t max_ns = atomic_load_explicit(&slot->latency_max_ns, memory_order_relaxed);
    if (max_ns > totals->latency_max_ns)
        totals->latency_max_ns = max_ns;
}

static struct spipe_ended_totals totals_of(const struct spipe_session *session)
{
    struct spipe_ended_totals totals = session->ended;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        const struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            add_slot(&totals, slot);
    }
    return totals;
}

static uint32_t bucket_end_ns(unsigned bucket)
{
    if (bucket < 4)
        return bucket;
    unsigned octave = (bucket - 4) / 4 + 2;
    uint64_t end = ((uint64_t)4 + (bucket - 4) % 4 + 1) << (octave - 2);
    return end > UINT32_MAX ? UINT32_MAX : (uint32_t)end;
}

/* The upper end of the bucket that holds the given share of all times. */
static uint32_t percentile(const struct spipe_ended_totals *totals, uint64_t per_thousand)
{
    uint64_t all = 0;
    uint64_t so_far = 0;
    for (unsigned i = 0; i < SPIPE_LATENCY_BUCKETS; i++)
        all += totals->latency[i];
    for (unsigned i = 0; i < SPIPE_LATENCY_BUCKETS && all > 0; i++) {
        so_far += totals->latency[i];
        if (so_far * 1000u >= all * per_thousand)
            return bucket_end_ns(i) < totals->latency_max_ns ? bucket_end_ns(i) : totals->latency_max_ns;
    }
    return 0;
}

/* CPU time of threads that never had a slot, in periods: what the process used and no thread that we know did. One
 * period for each known thread may be the clocks' own disagreement. */
static uint64_t unknown_periods(struct spipe_session *session, const struct spipe_ended_totals *totals,
                                uint64_t process_us)
{
    uint64_t known_us = totals->cpu_ns / 1000u;
    uint64_t tolerance_us = process_us / 100u + 2u * session->period_ns / 1000u;
    if (process_us > known_us + tolerance_us) {
        uint64_t periods = (process_us - known_us) * 1000u / session->period_ns;
        if (periods > session->unknown_cpu_reported)
            session->unknown_cpu_reported = periods;
    }
    return session->unknown_cpu_reported;
}

static uint64_t take_away(uint64_t *from, uint64_t amount)
{
    uint64_t taken = amount < *from ? amount : *from;
    *from -= taken;
    return amount - taken;
}

/* The process's CPU time less that of agent threads. The watcher's is known as one sum, and the kernel splits by
 * chance, at its ticks, between user and system: what one of the two cannot bear the other does. */
static void fill_process_cpu(struct spipe_session *session, struct spipe_ledger *ledger)
{
    uint64_t agent_user_us;
    uint64_t agent_system_us;
    uint64_t watcher_us = spipe_sampler_own_cpu_ns() / 1000u;
    spipe_clock_process_cpu(&ledger->process_user_us, &ledger->process_system_us);
    spipe_clock_self_cpu(&agent_user_us, &agent_system_us);
    uint64_t rest = take_away(&ledger->process_user_us, session->start_user_us + agent_user_us);
    rest = take_away(&ledger->process_system_us, session->start_system_us + agent_system_us + watcher_us + rest);
    (void)take_away(&ledger->process_user_us, rest);
    ledger->agent_cpu_us = agent_user_us + agent_system_us + watcher_us - session->start_agent_us;
}

static void put(struct spipe_session *session)
{
    struct spipe_ended_totals totals = totals_of(session);
    struct spipe_ledger ledger = {
        .time = spipe_session_time(session, spipe_clock_monotonic_ns()),
        .complete_until = session->complete_until,
        .thread = entries,
        .thread_count = entry_count,
        .bytes_sent = spipe_outbox_sent(session->outbox),
        .handler_p50_ns = percentile(&totals, 500),
        .handler_p99_ns = percentile(&totals, 990),
        .handler_max_ns = totals.latency_max_ns,
        .unwind_faults = (uint32_t)totals.unwind_faults,
        .sleeps_cut_short = (uint32_t)totals.sleeps_cut_short,
        .unix_us = spipe_clock_real_ns() / 1000u,
        .handler_cpu_us = totals.handler_ns / 1000u,
        .stretch_percent = session->budget.stretch * 100u,
        .longest_stretch_percent = session->budget.longest * 100u,
        .sampling_cpu_us = session->budget.sampling_ns / 1000u,
        .previous_attempted = session->previous.has_account ? session->previous.attempted : 0,
        .lost_between = session->lost_between_us * 1000u / session->period_ns,
    };
    fill_process_cpu(session, &ledger);
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER, .ledger = ledger};
    spipe_session_put(session, &record);
    entry_count = 0;
}

static void add_entry(struct spipe_session *session, const struct spipe_thread_ledger *entry)
{
    if (entry_count == ENTRIES_MAX)
        put(session);
    entries[entry_count++] = *entry;
}

static struct spipe_thread_ledger account_unknown(struct spipe_session *session)
{
    struct spipe_ended_totals totals = totals_of(session);
    struct spipe_ledger ledger = {0};
    fill_process_cpu(session, &ledger);
    uint64_t periods = unknown_periods(session, &totals, ledger.process_user_us + ledger.process_system_us);
    struct spipe_perf_drain_losses lost = spipe_perf_drain_losses();
    return (struct spipe_thread_ledger){.attempted = periods + lost.no_slot + lost.ring_full + lost.pipe_full,
                                        .dropped_no_slot = periods + lost.no_slot,
                                        .dropped_ring_full = lost.ring_full,
                                        .dropped_pipe_full = lost.pipe_full,
                                        .cpu_us = periods * session->period_ns / 1000u};
}

/* A thread that nothing was attempted for is not told of one by one; its CPU time is in the totals. */
static bool has_account(struct spipe_session *session, struct spipe_slot *slot)
{
    if (slot->thread_id == 0 && read64(&slot->attempted) + dropped_without_source(slot) > 0)
        spipe_weave_announce_thread(session, slot);
    return slot->thread_id != 0;
}

/* The thread's accounts, as far as they have changed. */
static void add_accounts(struct spipe_session *session, struct spipe_slot *slot, bool has_ended)
{
    struct spipe_thread_ledger wall_account;
    if ((has_ended || has_changed(slot)) && has_account(session, slot)) {
        struct spipe_thread_ledger account = entry_of(slot);
        add_entry(session, &account);
    }
    if (spipe_wall_account(session, slot, &wall_account))
        add_entry(session, &wall_account);
}

void spipe_ledger_put(struct spipe_session *session)
{
    spipe_wall_settle(session);
    spipe_perf_drain_note_lost(atomic_load(&spipe_handler_shared.pipe_is_full) != 0);
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (!spipe_slot_is_in_use(slot))
            continue;
        spipe_ledger_look(session, slot);
        add_accounts(session, slot, false);
    }
    struct spipe_thread_ledger unknown = account_unknown(session);
    if (unknown.attempted > 0)
        add_entry(session, &unknown);
    put(session);
}

void spipe_ledger_end_slot(struct spipe_session *session, struct spipe_slot *slot)
{
    spipe_ledger_look(session, slot);
    spipe_wall_end_slot(session, slot);
    add_accounts(session, slot, true);
    add_slot(&session->ended, slot);
}

uint64_t spipe_ledger_dropped(const struct spipe_session *session)
{
    struct spipe_perf_drain_losses lost = spipe_perf_drain_losses();
    return totals_of(session).dropped + session->unknown_cpu_reported + lost.ring_full + lost.pipe_full + lost.no_slot +
           spipe_wall_dropped();
}

uint64_t spipe_ledger_attempted(struct spipe_session *session)
{
    struct spipe_thread_ledger unknown = account_unknown(session);
    uint64_t attempted = session->ended.sent + session->ended.dropped;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        const struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            attempted += read64(&slot->attempted) + dropped_without_source(slot);
    }
    return attempted + unknown.attempted;
}

uint32_t spipe_ledger_user_share(struct spipe_session *session)
{
    struct spipe_ledger ledger = {0};
    fill_process_cpu(session, &ledger);
    uint64_t all_us = ledger.process_user_us + ledger.process_system_us;
    return all_us == 0 ? 1024 : (uint32_t)(ledger.process_user_us * 1024 / all_us);
}

struct spipe_ledger_cost spipe_ledger_cost(struct spipe_session *session)
{
    struct spipe_ledger ledger = {0};
    uint64_t handler_ns = session->ended.handler_ns;
    fill_process_cpu(session, &ledger);
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        const struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            handler_ns += read64(&slot->handler_ns);
    }
    return (struct spipe_ledger_cost){handler_ns, ledger.process_user_us + ledger.process_system_us};
}

uint64_t spipe_ledger_process_cpu_us(struct spipe_session *session)
{
    struct spipe_ledger ledger = {0};
    fill_process_cpu(session, &ledger);
    return session->start_user_us + session->start_system_us + ledger.process_user_us + ledger.process_system_us;
}
