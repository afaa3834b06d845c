/* SPDX-License-Identifier: MIT */
#include "wait_stack.h"

#include "clock.h"
#include "frame_search.h"
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

static bool wants_frame_pointer(const struct spipe_walk_place *place, enum spipe_walk_end end)
{
    bool is_stuck = end == SPIPE_WALK_BAD_TABLE || end == SPIPE_WALK_NO_TABLE;
    return is_stuck && (place->known & SPIPE_WALK_KNOWS(SPIPE_REGISTER_RBP)) == 0;
}

/* Where the walk ended for want of the frame pointer, one that can be found takes it on. A frame that is only likely
 * has to lead to the root. */
static void walk_on(struct spipe_session *session, const struct spipe_stack_view *view, struct spipe_walk_place *place,
                    struct wait_walk *walk)
{
    uint64_t pc = place->registers.value[SPIPE_REGISTER_RIP] - !place->is_exact;
    uint64_t stack_pointer = place->registers.value[SPIPE_REGISTER_RSP];
    uint64_t frame_pointer = 0;
    uint32_t last = walk->depth - 1;
    uint32_t depth = 0;
    enum spipe_frame_proof proof =
        spipe_frame_search(spipe_images_code_map(), view, stack_pointer, pc, &frame_pointer);
    if (proof == SPIPE_FRAME_NONE)
        return;
    place->registers.value[SPIPE_REGISTER_RBP] = frame_pointer;
    place->known |= SPIPE_WALK_KNOWS(SPIPE_REGISTER_RBP);
    enum spipe_walk_end end = spipe_weave_walk(session, view, place, address_memory + last,
                                               session->settings.applied.max_depth - last, &depth);
    if (proof == SPIPE_FRAME_LIKELY && end != SPIPE_WALK_ROOT)
        return;
    walk->end = end;
    walk->depth = last + depth;
}

static void walk_copy(struct spipe_session *session, const struct spipe_waiting_place *from,
                      const struct spipe_stack_view *view, struct wait_walk *walk)
{
    struct spipe_walk_place place = {.known = SPIPE_WALK_KNOWS(SPIPE_REGISTER_RSP) | SPIPE_WALK_KNOWS(SPIPE_REGISTER_RIP),
                                     .is_exact = true};
    place.registers.value[SPIPE_REGISTER_RSP] = from->stack_pointer;
    place.registers.value[SPIPE_REGISTER_RIP] = from->pc;
    walk->end = spipe_weave_walk(session, view, &place, address_memory, session->settings.applied.max_depth, &walk->depth);
    if (walk->depth > 0 && wants_frame_pointer(&place, walk->end))
        walk_on(session, view, &place, walk);
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
