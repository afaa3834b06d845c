/* SPDX-License-Identifier: MIT */
#include "wall.h"

#include "clock.h"
#include "control.h"
#include "stack_ids.h"
#include "wait_stack.h"
#include "wall_time.h"
#include "weave.h"

#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
/* The part of a period that looks may take: 1 in so many. One thread is looked at in any case. */
#define LOOKS_SHARE 128u

struct thread {
    bool is_begun;
    uint64_t seen_ns;           /* accounted for up to here */
    enum spipe_waiting waiting; /* as it was seen last */
    bool stays;                 /* so it is for as long as its CPU time does not move */
    uint64_t cpu_ns;            /* its CPU time then */
    uint64_t queued_ns;         /* how long it had waited for a CPU, by the kernel's account */
    uint64_t assumed_ns;        /* how much longer we think it had */
    struct spipe_wall_time time;
    uint32_t cpu_stack_id;      /* of its last CPU sample; 0: none yet */
    uint32_t wait_stack_id;     /* where it was seen asleep last; 0: it has run since, or was not seen */
    uint32_t woken_stack_id;    /* the same, also when it has run since */
    uint64_t sent;
    uint64_t dropped_paused;
    uint64_t dropped_pipe_full;
    uint64_t reported;
};

/* By slot. */
static struct thread threads[SPIPE_SLOT_COUNT];

static struct {
    bool is_on;
    bool has_places;            /* the system tells where threads wait */
    uint64_t period_ns;
    uint64_t began_ns;          /* the last start */
    uint64_t next_ns;           /* when the next looks are due */
    uint32_t cursor;            /* the slot to begin with */
    uint64_t dropped;
} wall;

static struct thread *thread_of(const struct spipe_slot *slot)
{
    return &threads[slot->index];
}

/* ------------------------------------------------------------------------------------------------------------- time */

/* Threads that begin and end within a period must be seen as often as their life is long: the first period of a thread
 * that began in the session has passed in part, at random. */
static uint64_t random_part(const struct spipe_slot *slot, uint64_t period_ns)
{
    uint64_t mixed = (slot->begin_ns ^ (uint64_t)(uint32_t)slot->tid << 32) * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xbf58476d1ce4e5b9);
    return (mixed >> 11) % period_ns;
}

static void read_clocks(const struct spipe_slot *slot, struct thread *thread)
{
    thread->cpu_ns = spipe_clock_thread_cpu_ns(slot->tid);
    if (!spipe_waiting_for_cpu_ns(slot->tid, &thread->queued_ns))
        thread->queued_ns = 0;
}

static void begin_thread(const struct spipe_slot *slot, struct thread *thread, uint64_t now_ns)
{
    memset(thread, 0, sizeof *thread);
    thread->is_begun = true;
    thread->waiting = SPIPE_WAITING_UNKNOWN;
    uint64_t begin_ns = atomic_load(&slot->begin_ns);
    if (begin_ns > wall.began_ns) {
        thread->seen_ns = begin_ns;
        thread->time.carry_ns = random_part(slot, wall.period_ns);
    } else {
        thread->seen_ns = now_ns;
        read_clocks(slot, thread);
    }
}

static void account_pause(struct thread *thread, uint64_t now_ns)
{
    const int64_t passed_ns[SPIPE_WALL_STATES] = {[SPIPE_STATE_WAITING] = (int64_t)(now_ns - thread->seen_ns)};
    uint64_t before = thread->time.periods;
    spipe_wall_time_add(&thread->time, wall.period_ns, passed_ns);
    for (unsigned state = 0; state < SPIPE_WALL_STATES; state++)
        thread->time.waiting[state] = 0;
    thread->dropped_paused += thread->time.periods - before;
    wall.dropped += thread->time.periods - before;
    thread->seen_ns = now_ns;
}

/* How much longer it has waited for a CPU than was known. The kernel counts that when the thread gets one: what was
 * assumed before is taken off, and proves wrong when the thread has gone to sleep meanwhile. */
static int64_t learn_queued(const struct spipe_slot *slot, struct thread *thread, enum spipe_waiting waiting)
{
    uint64_t queued_ns;
    if (!spipe_waiting_for_cpu_ns(slot->tid, &queued_ns) || queued_ns < thread->queued_ns)
        return 0;
    uint64_t more_ns = queued_ns - thread->queued_ns;
    uint64_t known_ns = more_ns < thread->assumed_ns ? more_ns : thread->assumed_ns;
    thread->queued_ns = queued_ns;
    thread->assumed_ns -= known_ns;
    int64_t learnt_ns = (int64_t)(more_ns - known_ns);
    if (waiting == SPIPE_WAITING_THERE) {
        learnt_ns -= (int64_t)thread->assumed_ns;
        thread->assumed_ns = 0;
    }
    return learnt_ns;
}

/* The thread's time up to now, when its CPU time is `cpu_ns`. What it neither ran nor waited for a CPU it slept; one
 * that would run now is assumed to have waited for a CPU instead. */
static void account_time(const struct spipe_slot *slot, struct thread *thread, uint64_t now_ns, uint64_t cpu_ns,
                         enum spipe_waiting waiting)
{
    int64_t elapsed_ns = (int64_t)(now_ns - thread->seen_ns);
    int64_t ran_ns = (int64_t)(cpu_ns - thread->cpu_ns);
    int64_t queued_ns = ran_ns > 0 ? learn_queued(slot, thread, waiting) : 0;
    int64_t slept_ns = elapsed_ns - ran_ns - queued_ns;
    if (slept_ns > 0 && waiting == SPIPE_WAITING_NOT) {
        thread->assumed_ns += (uint64_t)slept_ns;
        queued_ns += slept_ns;
        slept_ns = 0;
    }
    const int64_t passed_ns[SPIPE_WALL_STATES] = {[SPIPE_STATE_RUNNING] = ran_ns,
                                                  [SPIPE_STATE_RUNNABLE] = queued_ns,
                                                  [SPIPE_STATE_WAITING] = slept_ns};
    spipe_wall_time_add(&thread->time, wall.period_ns, passed_ns);
    thread->seen_ns = now_ns;
    thread->cpu_ns = cpu_ns;
    thread->waiting = waiting;
}

/* ---------------------------------------------------------------------------------------------------------- samples */

/* Puts the state's periods at that stack. */
static void put_state(struct spipe_session *session, struct spipe_slot *slot, enum spipe_state state, uint32_t stack_id)
{
    struct thread *thread = thread_of(slot);
    uint32_t weight = spipe_wall_time_take(&thread->time, state);
    if (weight == 0)
        return;
    if (slot->thread_id == 0)
        spipe_weave_announce_thread(session, slot);
    struct spipe_batch_sample sample = {slot->thread_id, stack_id, weight, state,
                                        spipe_session_time(session, thread->seen_ns)};
    spipe_weave_add_wall(session, &sample);
    thread->sent += weight;
}

static void put_waiting(struct spipe_session *session, struct spipe_slot *slot)
{
    const struct thread *thread = thread_of(slot);
    if (thread->wait_stack_id != 0)
        put_state(session, slot, SPIPE_STATE_WAITING, thread->wait_stack_id);
}

/* A thread that runs too little for CPU samples waits for a CPU where it has been woken. */
static void put_running(struct spipe_session *session, struct spipe_slot *slot)
{
    const struct thread *thread = thread_of(slot);
    uint32_t queue_stack_id = thread->cpu_stack_id != 0 ? thread->cpu_stack_id : thread->woken_stack_id;
    if (thread->cpu_stack_id != 0)
        put_state(session, slot, SPIPE_STATE_RUNNING, thread->cpu_stack_id);
    if (queue_stack_id != 0)
        put_state(session, slot, SPIPE_STATE_RUNNABLE, queue_stack_id);
}

/* All that is left, also what nobody saw the stack of. */
static void put_rest(struct spipe_session *session, struct spipe_slot *slot)
{
    struct thread *thread = thread_of(slot);
    put_running(session, slot);
    put_waiting(session, slot);
    for (unsigned state = 0; state < SPIPE_WALL_STATES; state++) {
        if (thread->time.waiting[state] > 0)
            put_state(session, slot, (enum spipe_state)state, spipe_stack_ids_get_not_seen(session, NULL, 0));
    }
}

static void drop_rest(struct thread *thread)
{
    for (unsigned state = 0; state < SPIPE_WALL_STATES; state++) {
        thread->dropped_pipe_full += thread->time.waiting[state];
        wall.dropped += thread->time.waiting[state];
        thread->time.waiting[state] = 0;
    }
}

static void put_or_drop_rest(struct spipe_session *session, struct spipe_slot *slot)
{
    if (spipe_outbox_room(session->outbox) < SPIPE_OUTBOX_RESERVE / 2 || session->failure != 0)
        drop_rest(thread_of(slot));
    else
        put_rest(session, slot);
}

/* ------------------------------------------------------------------------------------------------------------ looks */

/* What was gathered so far belongs to where the thread was. */
static void set_wait_stack(struct spipe_session *session, struct spipe_slot *slot, uint32_t stack_id)
{
    struct thread *thread = thread_of(slot);
    if (stack_id == thread->wait_stack_id)
        return;
    put_waiting(session, slot);
    thread->wait_stack_id = stack_id;
    if (stack_id != 0)
        thread->woken_stack_id = stack_id;
}

static void look_closely(struct spipe_session *session, struct spipe_slot *slot, uint64_t now_ns, uint64_t cpu_ns)
{
    struct thread *thread = thread_of(slot);
    uint32_t stack_id = 0;
    enum spipe_waiting waiting = SPIPE_WAITING_UNKNOWN;
    if (wall.has_places)
        waiting = spipe_wait_stack_find(session, slot, cpu_ns, &stack_id);
    if (waiting == SPIPE_WAITING_UNKNOWN)
        stack_id = thread->wait_stack_id != 0 ? thread->wait_stack_id : spipe_stack_ids_get_not_seen(session, NULL, 0);
    set_wait_stack(session, slot, stack_id);
    thread->stays = waiting != SPIPE_WAITING_NOT;
    account_time(slot, thread, now_ns, cpu_ns, waiting);
    put_running(session, slot);
}

static void look(struct spipe_session *session, struct spipe_slot *slot, uint64_t now_ns)
{
    struct thread *thread = thread_of(slot);
    uint64_t cpu_ns = spipe_clock_thread_cpu_ns(slot->tid);
    if (!thread->is_begun)
        begin_thread(slot, thread, now_ns);
    if (cpu_ns < thread->cpu_ns || now_ns <= thread->seen_ns)
        return;     /* gone, or another thread with its number; or it has just begun */
    if (cpu_ns == thread->cpu_ns && thread->stays)
        account_time(slot, thread, now_ns, cpu_ns, thread->waiting);
    else
        look_closely(session, slot, now_ns, cpu_ns);
}

/* Looks at all threads, or as many as the time allows, beginning where the last looks ended. */
static void look_at_all(struct spipe_session *session)
{
    uint64_t start_ns = spipe_clock_monotonic_ns();
    uint64_t end_ns = start_ns + wall.period_ns / LOOKS_SHARE;
    uint32_t used = spipe_slot_used();
    uint64_t now_ns = start_ns;
    for (uint32_t i = 0; i < used && now_ns < end_ns; i++) {
        if (spipe_outbox_room(session->outbox) < SPIPE_OUTBOX_RESERVE || session->failure != 0)
            break;
        wall.cursor = (wall.cursor + 1) % used;
        struct spipe_slot *slot = spipe_slot_get(wall.cursor);
        if (atomic_load(&slot->state) != SPIPE_SLOT_LIVE)
            continue;
        look(session, slot, now_ns);
        now_ns = spipe_clock_monotonic_ns();
    }
}

void spipe_wall_round(struct spipe_session *session)
{
    if (!wall.is_on)
        return;
    uint64_t now_ns = spipe_clock_monotonic_ns();
    if (now_ns < wall.next_ns)
        return;
    /* Missed looks are not made up for: those that come account for the time. */
    wall.next_ns += (now_ns - wall.next_ns) / wall.period_ns * wall.period_ns + wall.period_ns;
    look_at_all(session);
    spipe_weave_flush(session);
}

uint32_t spipe_wall_wait_ms(void)
{
    if (!wall.is_on)
        return UINT32_MAX;
    uint64_t now_ns = spipe_clock_monotonic_ns();
    return now_ns >= wall.next_ns ? 0 : (uint32_t)((wall.next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

void spipe_wall_note_sample(struct spipe_session *session, struct spipe_slot *slot, uint32_t stack_id,
                            const uint64_t *address, uint32_t depth)
{
    if (!wall.is_on)
        return;
    struct thread *thread = thread_of(slot);
    thread->cpu_stack_id = stack_id;
    if (!wall.has_places)
        set_wait_stack(session, slot, spipe_stack_ids_get_not_seen(session, address, depth));
}

void spipe_wall_forget_stacks(void)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        threads[i].cpu_stack_id = 0;
        threads[i].wait_stack_id = 0;
        threads[i].woken_stack_id = 0;
        threads[i].stays = false;
    }
}

/* --------------------------------------------------------------------------------------------------------- sessions */

/* Calls for each slot that has a thread with an account. */
static void for_each(struct spipe_session *session, void (*visit)(struct spipe_session *, struct spipe_slot *, uint64_t))
{
    uint64_t now_ns = spipe_clock_monotonic_ns();
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            visit(session, slot, now_ns);
    }
}

static void begin_slot(struct spipe_session *session, struct spipe_slot *slot, uint64_t now_ns)
{
    struct thread *thread = thread_of(slot);
    (void)session;
    if (!thread->is_begun)
        begin_thread(slot, thread, now_ns);
    thread->seen_ns = now_ns;
    thread->stays = false;
    read_clocks(slot, thread);
}

static void finish_slot(struct spipe_session *session, struct spipe_slot *slot, uint64_t now_ns)
{
    struct thread *thread = thread_of(slot);
    uint64_t cpu_ns = spipe_clock_thread_cpu_ns(slot->tid);
    if (!thread->is_begun)
        begin_thread(slot, thread, now_ns);
    if (cpu_ns >= thread->cpu_ns && now_ns > thread->seen_ns)
        account_time(slot, thread, now_ns, cpu_ns, thread->waiting);
    put_or_drop_rest(session, slot);
}

static void settle_slot(struct spipe_session *session, struct spipe_slot *slot, uint64_t now_ns)
{
    struct thread *thread = thread_of(slot);
    if (wall.is_on) {
        put_running(session, slot);
        put_waiting(session, slot);
    } else if (session->is_paused && thread->is_begun && now_ns > thread->seen_ns) {
        account_pause(thread, now_ns);
    }
}

void spipe_wall_begin(struct spipe_session *session)
{
    (void)session;
    memset(threads, 0, sizeof threads);
    memset(&wall, 0, sizeof wall);
}

void spipe_wall_start(struct spipe_session *session)
{
    struct spipe_waiting_place place;
    if (session->wall_period_ns == 0)
        return;
    wall.period_ns = session->wall_period_ns;
    wall.began_ns = spipe_clock_monotonic_ns();
    wall.next_ns = wall.began_ns + wall.period_ns;
    wall.has_places = spipe_waiting_look((int)atomic_load(&spipe_control.pump.tid), &place) != SPIPE_WAITING_UNKNOWN;
    for_each(session, begin_slot);
    wall.is_on = true;
}

void spipe_wall_stop(struct spipe_session *session)
{
    if (!wall.is_on)
        return;
    for_each(session, finish_slot);
    spipe_weave_flush(session);
    wall.is_on = false;
}

void spipe_wall_settle(struct spipe_session *session)
{
    if (wall.period_ns == 0)
        return;
    for_each(session, settle_slot);
    spipe_weave_flush(session);
}

/* ---------------------------------------------------------------------------------------------------------- account */

bool spipe_wall_account(struct spipe_session *session, struct spipe_slot *slot, struct spipe_thread_ledger *ret_account)
{
    struct thread *thread = thread_of(slot);
    if (thread->time.periods == thread->reported)
        return false;
    if (slot->thread_id == 0)
        spipe_weave_announce_thread(session, slot);
    uint64_t dropped = thread->dropped_paused + thread->dropped_pipe_full;
    *ret_account = (struct spipe_thread_ledger){
        .thread_id = slot->thread_id,
        .source_id = SPIPE_SOURCE_ID_WALL,
        .attempted = thread->time.periods,
        .sent = thread->sent,
        .pending = thread->time.periods - thread->sent - dropped,
        .dropped_paused = thread->dropped_paused,
        .dropped_pipe_full = thread->dropped_pipe_full,
    };
    thread->reported = ret_account->pending == 0 ? thread->time.periods : 0;
    return true;
}

void spipe_wall_end_slot(struct spipe_session *session, struct spipe_slot *slot)
{
    struct thread *thread = thread_of(slot);
    uint64_t final_ns = atomic_load(&slot->end_ns);
    uint64_t cpu_ns = atomic_load(&slot->final_cpu_ns);
    uint64_t now_ns = final_ns != 0 ? final_ns : spipe_clock_monotonic_ns();
    if (wall.period_ns == 0)
        return;
    if (!thread->is_begun)
        begin_thread(slot, thread, now_ns);
    if (now_ns < thread->seen_ns)
        now_ns = thread->seen_ns;
    if (wall.is_on)
        account_time(slot, thread, now_ns, cpu_ns > thread->cpu_ns ? cpu_ns : thread->cpu_ns, thread->waiting);
    else if (session->is_paused)
        account_pause(thread, now_ns);
    put_or_drop_rest(session, slot);
    spipe_weave_flush(session);
}

void spipe_wall_release(const struct spipe_slot *slot)
{
    memset(thread_of(slot), 0, sizeof *threads);
}

uint64_t spipe_wall_dropped(void)
{
    return wall.dropped;
}
