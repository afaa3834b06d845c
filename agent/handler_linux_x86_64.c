/* SPDX-License-Identifier: MIT */
#include "handler.h"

#include "clock.h"
#include "slice.h"

#include <ucontext.h>

#define PAGE 4096u
#define RED_ZONE 128u
/* More than any guard area at a stack's low end. */
#define SAFE_DISTANCE (64u * 1024u)
#define SYSTEM_EINTR 4
/* Deep enough for a thread that has returned to its start. */
#define LAST_DEPTH 64u

struct spipe_handler_shared spipe_handler_shared;
_Atomic uint16_t spipe_handler_descriptor_slot[SPIPE_HANDLER_DESCRIPTORS];

/* Counters have one writer, so adding needs no locked instruction. */
static void add64(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_release);
}

static void add32(_Atomic uint32_t *counter, uint32_t amount)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount, memory_order_relaxed);
}

/* The kernel's order of registers to DWARF's. */
static void read_registers(const ucontext_t *context, struct spipe_registers *ret_registers)
{
    const greg_t *from = context->uc_mcontext.gregs;
    uint64_t *to = ret_registers->value;
    to[0] = (uint64_t)from[REG_RAX];
    to[1] = (uint64_t)from[REG_RDX];
    to[2] = (uint64_t)from[REG_RCX];
    to[3] = (uint64_t)from[REG_RBX];
    to[4] = (uint64_t)from[REG_RSI];
    to[5] = (uint64_t)from[REG_RDI];
    to[6] = (uint64_t)from[REG_RBP];
    to[7] = (uint64_t)from[REG_RSP];
    to[8] = (uint64_t)from[REG_R8];
    to[9] = (uint64_t)from[REG_R9];
    to[10] = (uint64_t)from[REG_R10];
    to[11] = (uint64_t)from[REG_R11];
    to[12] = (uint64_t)from[REG_R12];
    to[13] = (uint64_t)from[REG_R13];
    to[14] = (uint64_t)from[REG_R14];
    to[15] = (uint64_t)from[REG_R15];
    to[16] = (uint64_t)from[REG_RIP];
}

/* The part of the thread's stack that may be read: from the red zone below the stack pointer, where assembly keeps
 * frame pointers, to its known end. Far from the stack's low end the page below the stack pointer is the stack's too,
 * or becomes it (a main thread's stack grows when it is touched); near it only the stack pointer's own page is sure.
 * Empty when the stack pointer is elsewhere. */
static struct spipe_stack_view view_stack(const struct spipe_slot *slot, uint64_t stack_pointer)
{
    struct spipe_stack_view view = {0, 0, 0};
    uint64_t low = atomic_load_explicit(&slot->stack_low, memory_order_relaxed);
    uint64_t high = atomic_load_explicit(&slot->stack_high, memory_order_relaxed);
    if (stack_pointer < low || stack_pointer >= high)
        return view;
    uint64_t in_page = stack_pointer & (PAGE - 1);
    uint64_t zone = RED_ZONE;
    if (stack_pointer - low < SAFE_DISTANCE && in_page < RED_ZONE)
        zone = in_page;
    view.low = (stack_pointer - zone) & ~UINT64_C(7);
    view.high = high;
    view.bytes = (const unsigned char *)(uintptr_t)view.low;
    return view;
}

__attribute__((target("fsgsbase"))) static uint64_t read_thread_pointer(void)
{
    return __builtin_ia32_rdfsbase64();
}

/* Tells the pump where this thread's stack is, so that it can find its bounds. */
static void note_unknown_stack(struct spipe_raw_sample *sample, const struct spipe_registers *registers)
{
    sample->address[0] = registers->value[16];
    sample->address[1] = registers->value[7];
    sample->address[2] = 0;
    if (atomic_load_explicit(&spipe_handler_shared.has_fsbase, memory_order_relaxed))
        sample->address[2] = read_thread_pointer();
    sample->depth = 3;
    sample->end = SPIPE_WALK_OUTSIDE_STACK;
    sample->stack_unknown = 1;
}

static bool needs_pump(enum spipe_walk_end end)
{
    return end == SPIPE_WALK_NEEDS_TABLE || end == SPIPE_WALK_UNKNOWN_CODE;
}

/* Is it this sample's turn to be walked again by the host? */
static bool is_audited(struct spipe_slot *slot)
{
    uint32_t interval = atomic_load_explicit(&spipe_handler_shared.audit_interval, memory_order_relaxed);
    if (__builtin_expect(interval == 0, 1))
        return false;
    if (++slot->audit_wait < interval)
        return false;
    slot->audit_wait = 0;
    return true;
}

static void take_audit(struct spipe_raw_sample *sample, const struct spipe_registers *registers,
                       const struct spipe_stack_view *view)
{
    sample->slice = spipe_slice_take(registers, view->low, view->high);
    if (sample->slice != SPIPE_SLICE_NONE)
        sample->kind = SPIPE_RAW_AUDITED;
    else
        atomic_fetch_add_explicit(&spipe_handler_shared.audits_skipped, 1, memory_order_relaxed);
}

static void walk(struct spipe_slot *slot, struct spipe_raw_sample *sample, const struct spipe_registers *registers,
                 uint32_t max_depth)
{
    const struct spipe_code_map *map = atomic_load(&spipe_handler_shared.map);
    struct spipe_stack_view view = view_stack(slot, registers->value[7]);
    enum spipe_walk_end end = SPIPE_WALK_UNKNOWN_CODE;
    size_t depth = 0;
    uint64_t needed = 0;

    sample->address[0] = registers->value[16];
    if (map != 0 && !atomic_load_explicit(&spipe_handler_shared.map_is_stale, memory_order_relaxed)) {
        end = spipe_unwind_walk(map, &view, registers, &slot->cache, sample->address, max_depth, &depth, &needed);
        sample->generation = map->generation;
    }
    sample->depth = depth == 0 ? 1 : (uint32_t)depth;
    sample->end = (uint8_t)end;
    if (needs_pump(end) && view.high != 0) {
        sample->slice = spipe_slice_take(registers, view.low, view.high);
        if (sample->slice != SPIPE_SLICE_NONE)
            sample->kind = SPIPE_RAW_SLICE;
    } else if (is_audited(slot) && view.high != 0) {
        take_audit(sample, registers, &view);
    }
    if (end == SPIPE_WALK_BAD_TABLE || end == SPIPE_WALK_NOT_CODE || end == SPIPE_WALK_NO_PROGRESS)
        add64(&slot->unwind_faults, 1);
}

static void count_latency(struct spipe_slot *slot, uint64_t ns)
{
    unsigned bucket = (unsigned)ns;
    if (ns >= 4) {
        unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
        bucket = (octave - 2) * 4 + 4 + (unsigned)(ns >> (octave - 2) & 3);
    }
    if (bucket >= SPIPE_LATENCY_BUCKETS)
        bucket = SPIPE_LATENCY_BUCKETS - 1;
    add32(&slot->latency[bucket], 1);
    add64(&slot->handler_ns, ns);
    if (ns > atomic_load_explicit(&slot->latency_max_ns, memory_order_relaxed))
        atomic_store_explicit(&slot->latency_max_ns, ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns, memory_order_relaxed);
}

/* A ring without room: whose fault it is the pump knows. */
static void count_drop(struct spipe_slot *slot, uint32_t weight)
{
    bool pipe_is_full = atomic_load_explicit(&spipe_handler_shared.pipe_is_full, memory_order_relaxed);
    add64(pipe_is_full ? &slot->dropped_pipe_full : &slot->dropped_ring_full, weight);
}

static void take_sample(struct spipe_slot *slot, uint32_t weight, const ucontext_t *context)
{
    uint64_t start_ns = spipe_clock_handler_ns();
    uint32_t max_depth = atomic_load_explicit(&spipe_handler_shared.max_depth, memory_order_relaxed);
    uint32_t epoch = atomic_load_explicit(&slot->epoch, memory_order_relaxed);
    atomic_store(&slot->epoch, epoch + 1);
    /* Before the sample is shown or dropped: the pump reads in the other order and never sees more of them than
     * attempts. */
    add64(&slot->attempted, weight);

    struct spipe_raw_sample *sample = spipe_ring_reserve(&slot->ring, max_depth < 3 ? 3 : max_depth);
    if (sample == 0) {
        count_drop(slot, weight);
    } else {
        read_registers(context, &slot->registers);
        sample->kind = SPIPE_RAW_WALKED;
        sample->slice = SPIPE_SLICE_NONE;
        sample->time_ns = start_ns;
        sample->weight = weight;
        sample->generation = 0;
        sample->stack_unknown = 0;
        if (atomic_load_explicit(&slot->stack_high, memory_order_relaxed) == 0)
            note_unknown_stack(sample, &slot->registers);
        else
            walk(slot, sample, &slot->registers, max_depth);
        spipe_ring_commit(&slot->ring, sample);
    }
    if (context->uc_mcontext.gregs[REG_RAX] == -SYSTEM_EINTR)
        add64(&slot->sleeps_cut_short, 1);
    count_latency(slot, spipe_clock_handler_ns() - start_ns);
    atomic_store_explicit(&slot->epoch, epoch + 2, memory_order_release);
}

static bool is_current(const struct spipe_slot *slot, const void *value)
{
    uint32_t arming = atomic_load_explicit(&slot->arming, memory_order_relaxed);
    return atomic_load_explicit(&slot->state, memory_order_relaxed) == SPIPE_SLOT_LIVE &&
           ((uint64_t)(uintptr_t)value & (SPIPE_SLOT_ALIGNMENT - 1)) == (arming & (SPIPE_SLOT_ALIGNMENT - 1));
}

static uint32_t stretched(const struct spipe_slot *slot, uint32_t expiries)
{
    return expiries * atomic_load_explicit(&slot->stretch, memory_order_relaxed);
}

static bool take_queued(const siginfo_t *info, const ucontext_t *context)
{
    struct spipe_slot *slot = spipe_slot_from_signal(info->si_value.sival_ptr);
    if (slot == 0)
        return false;
    if (!is_current(slot, info->si_value.sival_ptr))
        return true;
    uint32_t weight = 1;
    if (info->si_code == SI_TIMER)
        weight = stretched(slot, weight + (info->si_overrun > 0 ? (uint32_t)info->si_overrun : 0));
    else
        weight = atomic_exchange_explicit(&slot->signal_weight, 0, memory_order_acq_rel);
    if (weight != 0)
        take_sample(slot, weight, context);
    return true;
}

static bool take_event(const siginfo_t *info, const ucontext_t *context)
{
    unsigned descriptor = (unsigned)info->si_fd;
    if (descriptor >= SPIPE_HANDLER_DESCRIPTORS)
        return false;
    uint16_t slot_number = atomic_load_explicit(&spipe_handler_descriptor_slot[descriptor], memory_order_acquire);
    if (slot_number == 0)
        return false;
    if (slot_number == SPIPE_HANDLER_RETIRED)
        return true;
    struct spipe_slot *slot = spipe_slot_get(slot_number - 1u);
    if (atomic_load_explicit(&slot->state, memory_order_relaxed) == SPIPE_SLOT_LIVE)
        take_sample(slot, stretched(slot, 1) + atomic_exchange_explicit(&slot->carried, 0, memory_order_relaxed), context);
    return true;
}

bool spipe_handler_take(const siginfo_t *info, const void *context)
{
    if (info->si_code == SI_TIMER || info->si_code == SI_QUEUE)
        return take_queued(info, context);
    if (info->si_code >= POLL_IN && info->si_code <= POLL_HUP)
        return take_event(info, context);
    return false;
}

bool spipe_handler_is_ours(const siginfo_t *info)
{
    if (info->si_code == SI_TIMER || info->si_code == SI_QUEUE)
        return spipe_slot_from_signal(info->si_value.sival_ptr) != 0;
    return info->si_code >= POLL_IN && info->si_code <= POLL_HUP && (unsigned)info->si_fd < SPIPE_HANDLER_DESCRIPTORS &&
           atomic_load_explicit(&spipe_handler_descriptor_slot[info->si_fd], memory_order_relaxed) != 0;
}

/* Registers as they are here: enough of them for the walk, which needs what a called function keeps. */
static void read_own_registers(struct spipe_registers *registers)
{
    uint64_t *value = registers->value;
    for (unsigned i = 0; i < 17; i++)
        value[i] = 0;
    __asm__ volatile("mov %%rbx, 24(%0)\n"
                     "mov %%rbp, 48(%0)\n"
                     "mov %%rsp, 56(%0)\n"
                     "mov %%r12, 96(%0)\n"
                     "mov %%r13, 104(%0)\n"
                     "mov %%r14, 112(%0)\n"
                     "mov %%r15, 120(%0)\n"
                     "lea 0(%%rip), %%rax\n"
                     "mov %%rax, 128(%0)\n"
                     :
                     : "r"(value)
                     : "rax", "memory");
}

/* The frame that called into the agent is libc's end of a thread; what is below it, towards the root, is the thread's
 * start. */
static size_t skip_own_frames(const struct spipe_code_map *map, const uint64_t *address, size_t depth)
{
    const struct spipe_code_range *own = spipe_code_map_find(map, address[0]);
    size_t at = 0;
    while (at < depth && spipe_code_map_find(map, address[at]) == own)
        at++;
    return at + 1;
}

void spipe_handler_take_last(struct spipe_slot *slot, uint32_t weight)
{
    const struct spipe_code_map *map = atomic_load(&spipe_handler_shared.map);
    uint32_t max_depth = LAST_DEPTH;
    uint32_t epoch = atomic_load_explicit(&slot->epoch, memory_order_relaxed);
    bool is_known = weight != SPIPE_WEIGHT_LATER;
    atomic_store(&slot->epoch, epoch + 1);
    add64(&slot->attempted, is_known ? weight : 0);

    struct spipe_raw_sample *sample = spipe_ring_reserve(&slot->ring, max_depth);
    if (sample == 0 || map == 0) {
        count_drop(slot, is_known ? weight : 0);
    } else {
        read_own_registers(&slot->registers);
        sample->kind = is_known ? SPIPE_RAW_WALKED : SPIPE_RAW_LAST;
        sample->slice = SPIPE_SLICE_NONE;
        sample->time_ns = spipe_clock_handler_ns();
        sample->weight = is_known ? weight : 0;
        sample->stack_unknown = 0;
        map = atomic_load(&spipe_handler_shared.map);
        struct spipe_stack_view view = view_stack(slot, slot->registers.value[7]);
        size_t depth = 0;
        uint64_t needed;
        sample->end = (uint8_t)spipe_unwind_walk(map, &view, &slot->registers, &slot->cache, sample->address, max_depth,
                                                 &depth, &needed);
        sample->generation = map->generation;
        size_t start = skip_own_frames(map, sample->address, depth);
        sample->depth = 1;
        for (size_t i = start; i < depth; i++)
            sample->address[sample->depth++] = sample->address[i];
        sample->address[0] = (uint64_t)(uintptr_t)slot->routine;
        spipe_ring_commit(&slot->ring, sample);
    }
    atomic_store_explicit(&slot->epoch, epoch + 2, memory_order_release);
}
