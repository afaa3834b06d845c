/* SPDX-License-Identifier: MIT */
#include "sampler.h"

#include "clock.h"
#include "files.h"
#include "handler.h"
#include "perf_drain.h"
#include "perf_rings.h"
#include "protocol/system_linux.h"
#include "sampler_rings.h"
#include "thread.h"
#include "user.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SIGNAL_TO_THREAD 4      /* SIGEV_THREAD_ID */
#define SET_SIGNAL 10           /* F_SETSIG */
#define SET_OWNER 15            /* F_SETOWN_EX */
#define OWNER_IS_THREAD 0       /* F_OWNER_TID */
#define FIRST_DESCRIPTOR 64u    /* above what the pump has open otherwise */
#define USER_INTERVAL_NS UINT64_C(1000000000)

/* What slots are armed for. The generation changes with each start and stop: who arms looks at it before and after. */
static struct {
    _Atomic uint32_t generation;
    _Atomic uint32_t mechanism;
    _Atomic uint64_t interval_ns;   /* between two samples of a thread: `stretch` periods */
    _Atomic uint32_t stretch;
    _Atomic int signal_number;
    _Atomic int32_t timers_left;    /* timers take the user's pending signals, which are not ours to use up */
} plan;

static struct spipe_agent_thread watcher;
static _Atomic uint32_t watcher_stop;
static _Atomic uint64_t watcher_past_ns;    /* CPU time of those that have ended */

const char *spipe_sampler_mechanism_name(enum spipe_mechanism mechanism)
{
    static const char *const names[] = {"none", "thread-cpu-timer", "perf-cpu-clock", "signal-runnable", "perf-ring"};
    return names[mechanism];
}

/* --------------------------------------------------------------------------------------------------------- timers */

/* The kernel's struct sigevent. */
struct signal_event {
    void *value;
    int32_t signal_number;
    int32_t notify;
    int32_t tid;
    int32_t rest[11];
};

/* A first expiry at random within the period: else threads that live for less than a period would never be seen, and
 * those that start together would be sampled together. */
static uint64_t random_phase(const struct spipe_slot *slot, uint64_t period_ns)
{
    uint64_t mixed = (spipe_clock_monotonic_ns() ^ ((uint64_t)(uint32_t)slot->tid << 32)) * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xbf58476d1ce4e5b9);
    return 1 + (mixed >> 11) % period_ns;
}

/* From here on the thread's periods are counted: `first_ns` is when the first one is over. */
static uint64_t begin_count(struct spipe_slot *slot, uint64_t period_ns)
{
    uint64_t phase_ns = random_phase(slot, period_ns);
    atomic_store(&slot->first_ns, spipe_clock_thread_cpu_ns(slot->tid) + phase_ns);
    atomic_store(&slot->attempted_before, atomic_load(&slot->attempted) + atomic_load(&slot->dropped_refused));
    slot->signalled = 0;
    return phase_ns;
}

/* How many periods were over at that CPU time. */
static uint64_t count_periods(const struct spipe_slot *slot, uint64_t cpu_ns, uint64_t period_ns)
{
    uint64_t first_ns = atomic_load(&slot->first_ns);
    return cpu_ns < first_ns ? 0 : (cpu_ns - first_ns) / period_ns + 1;
}

static bool arm_timer(struct spipe_slot *slot, uint64_t period_ns, int signal_number)
{
    if (atomic_fetch_sub(&plan.timers_left, 1) <= 0) {
        atomic_fetch_add(&plan.timers_left, 1);
        return false;
    }
    struct signal_event event = {spipe_slot_signal_value(slot), signal_number, SIGNAL_TO_THREAD, slot->tid, {0}};
    int timer_id = -1;
    if (spipe_system(SYS_timer_create, spipe_clock_of_thread(slot->tid), &event, &timer_id) < 0) {
        atomic_fetch_add(&plan.timers_left, 1);
        return false;
    }
    uint64_t phase_ns = begin_count(slot, period_ns);
    struct itimerspec times = {{(time_t)(period_ns / 1000000000u), (long)(period_ns % 1000000000u)},
                               {(time_t)(phase_ns / 1000000000u), (long)(phase_ns % 1000000000u)}};
    (void)spipe_system(SYS_timer_settime, timer_id, 0, &times, NULL);
    atomic_store(&slot->timer_id, timer_id);
    return true;
}

static void disarm_timer(struct spipe_slot *slot)
{
    int timer_id = atomic_exchange(&slot->timer_id, -1);
    if (timer_id < 0)
        return;
    (void)spipe_system(SYS_timer_delete, timer_id);
    atomic_fetch_add(&plan.timers_left, 1);
}

/* An eighth of what the user may have pending. */
static int32_t timer_limit(void)
{
    struct rlimit limit;
    if (spipe_system(SYS_getrlimit, RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_cur / 8 > SPIPE_SLOT_COUNT)
        return SPIPE_SLOT_COUNT;
    return (int32_t)(limit.rlim_cur / 8);
}

/* ----------------------------------------------------------------------------------------------------------- perf */

static long open_event(int tid, uint64_t period_ns)
{
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.size = PERF_ATTR_SIZE_VER5;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = period_ns;
    attr.disabled = 1;
    attr.exclude_kernel = 1;
    attr.exclude_hv = 1;
    attr.wakeup_events = 1;
    return spipe_system(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Signals name the descriptor. One that was just given up is not used for another thread soon, as a late signal of it
 * would be taken for that thread's. */
static long move_on(long event)
{
    static unsigned next = FIRST_DESCRIPTOR;
    next = next + 1 < SPIPE_HANDLER_DESCRIPTORS ? next + 1 : FIRST_DESCRIPTOR;
    long moved = event < 0 ? event : spipe_system(SYS_fcntl, event, F_DUPFD_CLOEXEC, next);
    if (moved < 0) {
        next = FIRST_DESCRIPTOR;    /* the limit of descriptors is reached, or there is no event */
        return event;
    }
    (void)spipe_system(SYS_close, event);
    next = (unsigned)moved;
    return moved;
}

static bool arm_event(struct spipe_slot *slot, uint64_t period_ns, int signal_number)
{
    struct {
        int32_t type;
        int32_t tid;
    } owner = {OWNER_IS_THREAD, slot->tid};
    long event = move_on(open_event(slot->tid, period_ns));
    if (event < 0)
        return false;
    if (event >= SPIPE_HANDLER_DESCRIPTORS || spipe_system(SYS_fcntl, event, SET_SIGNAL, signal_number) < 0 ||
        spipe_system(SYS_fcntl, event, SET_OWNER, &owner) < 0 ||
        spipe_system(SYS_fcntl, event, F_SETFL, O_NONBLOCK | O_ASYNC) < 0) {
        (void)spipe_system(SYS_close, event);
        return false;
    }
    /* The event's first interval begins now, where a timer's begins at random: half an interval more makes the mean the
     * same. */
    uint32_t half = ((uint32_t)random_phase(slot, 2) - 1) * atomic_load(&slot->stretch);
    atomic_store(&slot->event_half, half);
    atomic_fetch_add(&slot->carried, half);
    (void)begin_count(slot, period_ns);
    slot->source_descriptor = (int32_t)event;
    atomic_store(&spipe_handler_descriptor_slot[event], (uint16_t)(slot->index + 1));
    (void)spipe_system(SYS_ioctl, event, PERF_EVENT_IOC_ENABLE, 0);
    return true;
}

static bool has_no_sample(const struct spipe_slot *slot)
{
    return atomic_load(&slot->attempted) + atomic_load(&slot->dropped_refused) == atomic_load(&slot->attempted_before);
}

/* Half an interval is for a thread that is sampled: one that the event has not shown goes without it. */
static void take_half_back(struct spipe_slot *slot)
{
    uint32_t half = atomic_exchange(&slot->event_half, 0);
    uint32_t carried = atomic_load(&slot->carried);
    if (!has_no_sample(slot))
        return;
    while (carried >= half && !atomic_compare_exchange_weak(&slot->carried, &carried, carried - half))
        continue;
}

static void disarm_event(struct spipe_slot *slot)
{
    if (slot->source_descriptor < 0)
        return;
    (void)spipe_system(SYS_ioctl, slot->source_descriptor, PERF_EVENT_IOC_DISABLE, 0);
    (void)spipe_system(SYS_close, slot->source_descriptor);
    atomic_store(&spipe_handler_descriptor_slot[slot->source_descriptor], SPIPE_HANDLER_RETIRED);
    slot->source_descriptor = -1;
    take_half_back(slot);
}

/* -------------------------------------------------------------------------------------------------------- watcher */

static bool is_running(struct spipe_slot *slot)
{
    char text[256];
    if (slot->stat_descriptor < 0) {
        char path[64];
        struct spipe_text name;
        spipe_text_init(&name, path, sizeof path);
        spipe_text_add(&name, "/proc/self/task/");
        spipe_text_add_number(&name, (uint64_t)slot->tid);
        spipe_text_add(&name, "/stat");
        slot->stat_descriptor = (int32_t)spipe_system(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    }
    long len = spipe_system(SYS_pread64, slot->stat_descriptor, text, sizeof text, 0);
    /* The state follows the name, which may itself hold brackets. */
    for (long i = len < 64 ? len : 64; i-- > 0;) {
        if (text[i] == ')' && i + 2 < len)
            return text[i + 2] == 'R';
    }
    return false;
}

/* A thread that the system has no room for a signal to gives up that sample. */
static void signal_thread(struct spipe_slot *slot, uint32_t weight, int signal_number)
{
    /* A signal still on its way takes the weight along. */
    if (atomic_fetch_add(&slot->signal_weight, weight) != 0)
        return;
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal_number;
    info.si_code = SI_QUEUE;
    info.si_value.sival_ptr = spipe_slot_signal_value(slot);
    if (spipe_system(SYS_rt_tgsigqueueinfo, spipe_system(SYS_getpid), slot->tid, signal_number, &info) < 0)
        atomic_fetch_add(&slot->dropped_refused, atomic_exchange(&slot->signal_weight, 0));
}

static void watch_slot(struct spipe_slot *slot, uint64_t period_ns, int signal_number)
{
    uint64_t periods = count_periods(slot, spipe_clock_thread_cpu_ns(slot->tid), period_ns);
    if (periods <= slot->signalled || !is_running(slot))
        return;
    signal_thread(slot, (uint32_t)(periods - slot->signalled) * atomic_load(&slot->stretch), signal_number);
    slot->signalled = periods;
}

static void watch_all(uint64_t period_ns, int signal_number)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (atomic_load_explicit(&slot->state, memory_order_acquire) == SPIPE_SLOT_LIVE)
            watch_slot(slot, period_ns, signal_number);
    }
}

static void run_watcher(void *argument)
{
    (void)argument;
    uint64_t period_ns = atomic_load(&plan.interval_ns);
    int signal_number = atomic_load(&plan.signal_number);
    uint64_t next_ns = spipe_clock_monotonic_ns();
    uint64_t next_user_ns = next_ns;
    while (atomic_load(&watcher_stop) == 0) {
        watch_all(period_ns, signal_number);
        /* Missed rounds, after a stop of the process say, are not made up for. */
        uint64_t now_ns = spipe_clock_monotonic_ns();
        if (now_ns >= next_user_ns) {
            spipe_user_follow();
            next_user_ns = now_ns + USER_INTERVAL_NS;
        }
        next_ns += period_ns;
        if (next_ns < now_ns)
            next_ns = now_ns;
        else
            spipe_futex_wait(&watcher_stop, 0, next_ns - now_ns);
    }
    atomic_fetch_add(&watcher_past_ns, spipe_clock_thread_cpu_ns((int)spipe_system(SYS_gettid)));
}

static void close_states(void)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (slot->stat_descriptor >= 0)
            (void)spipe_system(SYS_close, slot->stat_descriptor);
        slot->stat_descriptor = -1;
    }
}

static void stop_watcher(void)
{
    atomic_store(&watcher_stop, 1);
    spipe_futex_wake(&watcher_stop);
    (void)spipe_thread_join(&watcher, 1000);
    close_states();
}

/* ------------------------------------------------------------------------------------------------------ the whole */

static bool is_event_allowed(uint64_t period_ns)
{
    long event = open_event((int)spipe_system(SYS_gettid), period_ns);
    if (event < 0)
        return false;
    (void)spipe_system(SYS_close, event);
    return spipe_perf_rings_is_rate_allowed(period_ns);
}

bool spipe_sampler_is_allowed(enum spipe_mechanism mechanism, uint64_t period_ns)
{
    switch (mechanism) {
    case SPIPE_MECHANISM_PERF_RING: return spipe_perf_rings_are_allowed(period_ns);
    case SPIPE_MECHANISM_PERF_CPU_CLOCK: return is_event_allowed(period_ns);
    default: return true;
    }
}

/* The watcher is none of them: a thread that it saw running may sleep when the signal comes. */
enum spipe_mechanism spipe_sampler_choose(enum spipe_mechanism after, uint64_t period_ns)
{
    static const enum spipe_mechanism order[] = {SPIPE_MECHANISM_PERF_CPU_CLOCK};
    bool is_behind = after == SPIPE_MECHANISM_NONE || after == SPIPE_MECHANISM_PERF_RING;
    for (unsigned i = 0; i < sizeof order / sizeof order[0] && period_ns < spipe_clock_tick_ns(); i++) {
        if (is_behind && spipe_sampler_is_allowed(order[i], period_ns))
            return order[i];
        is_behind = is_behind || order[i] == after;
    }
    return SPIPE_MECHANISM_THREAD_CPU_TIMER;
}

bool spipe_sampler_is_on(void)
{
    return atomic_load(&plan.mechanism) != SPIPE_MECHANISM_NONE;
}

bool spipe_sampler_uses_signal(void)
{
    uint32_t mechanism = atomic_load(&plan.mechanism);
    return mechanism != SPIPE_MECHANISM_NONE && mechanism != SPIPE_MECHANISM_PERF_RING;
}

bool spipe_sampler_needs_pump(void)
{
    uint32_t mechanism = atomic_load(&plan.mechanism);
    if (mechanism == SPIPE_MECHANISM_PERF_RING)
        return spipe_sampler_rings_are_crowded();
    return mechanism == SPIPE_MECHANISM_PERF_CPU_CLOCK;
}

/* Periods that were over for a timer, or for the watcher, without a sample so far. */
static uint32_t count_missing(const struct spipe_slot *slot)
{
    uint64_t periods = count_periods(slot, spipe_clock_thread_cpu_ns(slot->tid), atomic_load(&plan.interval_ns));
    uint64_t seen = atomic_load(&slot->attempted) + atomic_load(&slot->dropped_refused) -
                    atomic_load(&slot->attempted_before);
    periods *= atomic_load(&slot->stretch);
    return periods > seen ? (uint32_t)(periods - seen) : 0;
}

/* Events are descriptors of the pump's own table, which only the pump may touch. What a timer has not shown until an
 * event takes over is carried to the event's first sample. */
static void disarm_locked(struct spipe_slot *slot, enum spipe_armer armer)
{
    if (atomic_load(&slot->timer_id) >= 0 && atomic_load(&plan.mechanism) == SPIPE_MECHANISM_PERF_CPU_CLOCK)
        atomic_fetch_add(&slot->carried, count_missing(slot));
    disarm_timer(slot);
    if (armer == SPIPE_ARMED_BY_PUMP)
        disarm_event(slot);
    atomic_fetch_add(&slot->arming, 1);
}

static void arm_locked(struct spipe_slot *slot, enum spipe_armer armer)
{
    uint64_t period_ns = atomic_load(&plan.interval_ns);
    int signal_number = atomic_load(&plan.signal_number);
    uint32_t mechanism = atomic_load(&plan.mechanism);
    bool has_source = true;
    atomic_store(&slot->stretch, atomic_load(&plan.stretch));
    if (mechanism == SPIPE_MECHANISM_THREAD_CPU_TIMER)
        has_source = arm_timer(slot, period_ns, signal_number);
    else if (mechanism == SPIPE_MECHANISM_PERF_CPU_CLOCK && armer == SPIPE_ARMED_BY_PUMP)
        has_source = arm_event(slot, period_ns, signal_number);
    else if (mechanism == SPIPE_MECHANISM_PERF_CPU_CLOCK)
        (void)arm_timer(slot, period_ns, signal_number);    /* until the pump comes with the event, which may be too late */
    else if (mechanism == SPIPE_MECHANISM_SIGNAL_RUNNABLE)
        (void)begin_count(slot, period_ns);
    else if (mechanism == SPIPE_MECHANISM_PERF_RING && armer == SPIPE_ARMED_BY_PUMP)
        has_source = spipe_sampler_rings_arm(slot);
    slot->no_source = !has_source;
}

/* Whoever holds the lock follows the plan until it no longer changes, so one who finds it held may go away. */
void spipe_sampler_arm(struct spipe_slot *slot, enum spipe_armer armer)
{
    for (;;) {
        uint32_t generation = atomic_load(&plan.generation);
        if (atomic_exchange(&slot->arm_lock, 1) != 0)
            return;
        disarm_locked(slot, armer);
        if (!slot->blocks_signal && atomic_load(&slot->state) == SPIPE_SLOT_LIVE)
            arm_locked(slot, armer);
        atomic_store(&slot->arm_lock, 0);
        if (generation == atomic_load(&plan.generation))
            return;
    }
}

bool spipe_sampler_is_missing(const struct spipe_slot *slot)
{
    if (slot->needs_events)
        return true;
    return atomic_load(&plan.mechanism) == SPIPE_MECHANISM_PERF_CPU_CLOCK && slot->source_descriptor < 0 &&
           !slot->no_source && !slot->blocks_signal;
}

uint32_t spipe_sampler_thread_ends(struct spipe_slot *slot)
{
    uint32_t mechanism = atomic_load(&plan.mechanism);
    bool is_counted = atomic_load(&slot->timer_id) >= 0 || mechanism == SPIPE_MECHANISM_SIGNAL_RUNNABLE;
    disarm_timer(slot);
    if (mechanism == SPIPE_MECHANISM_PERF_RING)
        return SPIPE_WEIGHT_LATER;
    if (mechanism == SPIPE_MECHANISM_PERF_CPU_CLOCK && !is_counted && has_no_sample(slot)) {
        take_half_back(slot);
        is_counted = true;
    }
    return atomic_exchange(&slot->carried, 0) + (is_counted ? count_missing(slot) : 0);
}

void spipe_sampler_disarm(struct spipe_slot *slot)
{
    disarm_locked(slot, SPIPE_ARMED_BY_PUMP);
}

enum spipe_sampler_fit spipe_sampler_tend(void)
{
    bool is_ring = atomic_load(&plan.mechanism) == SPIPE_MECHANISM_PERF_RING;
    return is_ring ? spipe_sampler_rings_tend() : SPIPE_SAMPLER_FITS;
}

enum spipe_sampler_fit spipe_sampler_look(void)
{
    bool is_ring = atomic_load(&plan.mechanism) == SPIPE_MECHANISM_PERF_RING;
    return is_ring ? spipe_sampler_rings_look() : SPIPE_SAMPLER_FITS;
}

static void follow_plan(void)
{
    atomic_fetch_add(&plan.generation, 1);
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (spipe_slot_is_in_use(slot))
            spipe_sampler_arm(slot, SPIPE_ARMED_BY_PUMP);
    }
}

bool spipe_sampler_start(enum spipe_mechanism mechanism, uint64_t period_ns, uint32_t stretch, int signal_number)
{
    spipe_sampler_stop();
    atomic_store(&plan.timers_left, timer_limit());
    atomic_store(&plan.interval_ns, period_ns * stretch);
    atomic_store(&plan.stretch, stretch);
    atomic_store(&plan.signal_number, signal_number);
    atomic_store(&plan.mechanism, mechanism);
    follow_plan();
    if (mechanism == SPIPE_MECHANISM_PERF_RING)
        return spipe_sampler_rings_start(period_ns, stretch);
    if (mechanism != SPIPE_MECHANISM_SIGNAL_RUNNABLE)
        return true;
    atomic_store(&watcher_stop, 0);
    return spipe_thread_start(&watcher, run_watcher, NULL, "stackpipe-watch");
}

void spipe_sampler_stop(void)
{
    enum spipe_mechanism mechanism = atomic_exchange(&plan.mechanism, SPIPE_MECHANISM_NONE);
    if (mechanism == SPIPE_MECHANISM_SIGNAL_RUNNABLE)
        stop_watcher();
    if (mechanism == SPIPE_MECHANISM_PERF_RING)
        spipe_sampler_rings_stop();
    follow_plan();
}

void spipe_sampler_fork(void)
{
    spipe_perf_rings_fork();
    spipe_perf_drain_fork();
    /* Descriptors of events are closed with the table that they are in, or by hand where a table is shared. */
    memset(spipe_handler_descriptor_slot, 0, sizeof spipe_handler_descriptor_slot);
    memset(&plan, 0, sizeof plan);
    memset(&watcher, 0, sizeof watcher);
    atomic_store(&watcher_past_ns, 0);
}

uint64_t spipe_sampler_own_cpu_ns(void)
{
    uint32_t tid = atomic_load(&watcher.tid);
    return atomic_load(&watcher_past_ns) + (tid == 0 ? 0 : spipe_clock_thread_cpu_ns((int)tid));
}

int spipe_sampler_own_tid(void)
{
    return (int)atomic_load(&watcher.tid);
}
