/* SPDX-License-Identifier: MIT */
#include "wait_stack.h"

#include "clock.h"
#include "stack_ids.h"
#include "weave.h"

/* What lies this far below the stack pointer may be in use. */
#define RED_ZONE 128u
/* Most stacks end within the first; the second is tried when one does not. */
#define COPY_FIRST (16u * 1024u)
#define COPY_MOST (512u * 1024u)

static unsigned char copy_memory[COPY_MOST];
static uint64_t address_memory[SPIPE_DEPTH_MAX];

struct wait_walk {
    uint32_t depth;
    enum spipe_walk_end end;
};

/* False when the thread has run since its CPU time was `cpu_ns`: then the copy is worth nothing. */
static bool copy_stack(const struct spipe_slot *slot, const struct spipe_waiting_place *place, uint64_t cpu_ns,
                       size_t len, struct spipe_stack_view *ret_view)
{
    uint64_t low = (place->stack_pointer - RED_ZONE) & ~UINT64_C(7);
    size_t copied = spipe_waiting_copy(low, copy_memory, len) & ~(size_t)7;
    *ret_view = (struct spipe_stack_view){low, low + copied, copy_memory};
    return spipe_clock_thread_cpu_ns(slot->tid) == cpu_ns;
}

static void walk_copy(struct spipe_session *session, const struct spipe_waiting_place *from,
                      const struct spipe_stack_view *view, struct wait_walk *walk)
{
    struct spipe_walk_place place = {.known = SPIPE_WALK_KNOWS(SPIPE_REGISTER_RSP) | SPIPE_WALK_KNOWS(SPIPE_REGISTER_RIP),
                                     .is_exact = true};
    place.registers.value[SPIPE_REGISTER_RSP] = from->stack_pointer;
    place.registers.value[SPIPE_REGISTER_RIP] = from->pc;
    walk->end = spipe_weave_walk(session, view, &place, address_memory, session->settings.applied.max_depth, &walk->depth);
}

static bool copy_and_walk(struct spipe_session *session, const struct spipe_slot *slot,
                          const struct spipe_waiting_place *place, uint64_t cpu_ns, struct wait_walk *walk)
{
    struct spipe_stack_view view;
    for (size_t len = COPY_FIRST;; len = COPY_MOST) {
        if (!copy_stack(slot, place, cpu_ns, len, &view))
            return false;
        walk_copy(session, place, &view, walk);
        bool is_cut = view.high - view.low == len;
        if (walk->end != SPIPE_WALK_OUTSIDE_STACK || !is_cut)
            return true;
        if (len == COPY_MOST) {
            walk->end = SPIPE_WALK_TOO_DEEP;
            return true;
        }
    }
}

enum spipe_waiting spipe_wait_stack_find(struct spipe_session *session, const struct spipe_slot *slot, uint64_t cpu_ns,
                                         uint32_t *ret_stack_id)
{
    struct spipe_waiting_place place;
    struct wait_walk walk;
    enum spipe_waiting waiting = spipe_waiting_look(slot->tid, &place);
    if (waiting != SPIPE_WAITING_THERE)
        return waiting;
    if (!copy_and_walk(session, slot, &place, cpu_ns, &walk))
        return SPIPE_WAITING_NOT;
    spipe_weave_make_room(session);
    *ret_stack_id = spipe_stack_ids_get(session, address_memory, walk.depth, walk.end);
    return SPIPE_WAITING_THERE;
}
