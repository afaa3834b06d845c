/* SPDX-License-Identifier: MIT */
#include "copied_stack.h"

#include "elf_image.h"
#include "images.h"
#include "pages.h"
#include "weave.h"

#include <string.h>

/* A stack that needs more tables than this one after the other is given up. */
#define TABLES_PER_STACK 64u
#define COPY_MAX (64u * 1024u)
#define RED_ZONE 128u
/* How much of the copy's end must be unchanged in the thread's memory, and how much is read from there at the most. */
#define SAME_BYTES 4096u
#define MORE_MAX (256u * 1024u)
/* The word that is missed was copied within one frame. */
#define FRAME_BYTES (4u * 1024u)
#define LONGEST_CALL 7u

static struct {
    struct spipe_walk_cache cache;
    unsigned char bytes[RED_ZONE + COPY_MAX + MORE_MAX];
} *work;

bool spipe_copied_stack_init(void)
{
    if (work == NULL)
        work = spipe_pages_new(sizeof *work);
    return work != NULL;
}

void spipe_copied_stack_fork(void)
{
    work = NULL;
}

/* Getting a table takes long. */
static void keep_view(struct spipe_stack_view *view)
{
    size_t len = view->high - view->low;
    bool is_kept = view->bytes >= work->bytes && view->bytes < work->bytes + sizeof work->bytes;
    if (is_kept || len > COPY_MAX)
        return;
    memcpy(work->bytes + RED_ZONE, view->bytes, len);
    view->bytes = work->bytes + RED_ZONE;
}

static enum spipe_walk_end walk_view(struct spipe_session *session, const struct spipe_registers *registers,
                                     struct spipe_stack_view *view, uint64_t *address, uint32_t *ret_depth)
{
    enum spipe_walk_end end = SPIPE_WALK_NO_TABLE;
    size_t depth = 0;
    for (unsigned i = 0; i < TABLES_PER_STACK; i++) {
        uint64_t needed = 0;
        end = spipe_unwind_walk(spipe_images_code_map(), view, registers, &work->cache, address,
                                session->settings.applied.max_depth, &depth, &needed);
        if (end != SPIPE_WALK_NEEDS_TABLE && end != SPIPE_WALK_UNKNOWN_CODE)
            break;
        keep_view(view);
        if (!spipe_weave_supply(session, end, needed))
            break;
    }
    *ret_depth = (uint32_t)depth;
    return end;
}

/* ----------------------------------------------------------------------------------------------------- what was cut */

/* Reads on where the copy ends, in the thread's own memory. Returns how much, or 0 when the copy's end is not the same
 * there any more. */
static uint64_t read_on(struct spipe_stack_view *view)
{
    uint64_t len = view->high - view->low;
    if (len < SAME_BYTES)
        return 0;
    keep_view(view);
    unsigned char *end = work->bytes + (view->bytes - work->bytes) + len;
    unsigned char before[SAME_BYTES];
    memcpy(before, end - SAME_BYTES, SAME_BYTES);
    /* In one call, so that what is compared is as new as what is read. */
    uint64_t got = spipe_elf_image_copy_some(view->high - SAME_BYTES, end - SAME_BYTES, SAME_BYTES + MORE_MAX);
    bool is_same = got > SAME_BYTES && memcmp(end - SAME_BYTES, before, SAME_BYTES) == 0;
    return is_same ? (got - SAME_BYTES) & ~UINT64_C(7) : 0;
}

/* -------------------------------------------------------------------------------------------------- what lies below */

/* Is there a call right before that address? */
static bool follows_call(uint64_t address)
{
    unsigned char code[LONGEST_CALL];
    const struct spipe_code_range *range = spipe_code_map_find(spipe_images_code_map(), address - 1);
    if (range == NULL || address - range->start < LONGEST_CALL ||
        !spipe_elf_image_copy(address - LONGEST_CALL, code, sizeof code))
        return false;
    if (code[LONGEST_CALL - 5] == 0xe8)
        return true;
    for (unsigned len = 2; len <= LONGEST_CALL; len++) {
        const unsigned char *at = code + LONGEST_CALL - len;
        if (at[0] == 0xff && (at[1] & 0x38) == 0x10)
            return true;
    }
    return false;
}

static uint64_t word_at(const struct spipe_stack_view *view, uint64_t address)
{
    uint64_t word;
    memcpy(&word, view->bytes + (address - view->low), sizeof word);
    return word;
}

/* The rule by which the frame is found through a word of the red zone; NULL when it is not such a rule. */
static const struct spipe_unwind_rule *find_red_rule(const struct spipe_registers *registers)
{
    uint64_t address = registers->value[SPIPE_REGISTER_RIP];
    const struct spipe_code_range *range = spipe_code_map_find(spipe_images_code_map(), address);
    if (range == NULL || range->kind != SPIPE_CODE_TABLE)
        return NULL;
    const struct spipe_unwind_rule *rule = spipe_unwind_table_find(range->table, address - range->image_base);
    bool is_red = rule->step.kind == SPIPE_RULE_LOAD && rule->cfa_register == SPIPE_REGISTER_RSP && rule->inner < 0 &&
                  rule->inner >= -(int32_t)RED_ZONE;
    return is_red ? rule : NULL;
}

/* Looks in the frame for another copy of the word that points below the CFA: right above where it points there must be
 * a return address. */
static bool find_twin(const struct spipe_stack_view *view, int32_t offset, uint64_t *ret_word)
{
    uint64_t end = view->high - view->low > FRAME_BYTES ? view->low + FRAME_BYTES : view->high & ~UINT64_C(7);
    for (uint64_t at = view->low; at + 8 <= end; at += 8) {
        uint64_t word = word_at(view, at);
        uint64_t return_place = word + (uint64_t)(int64_t)offset - 8;
        bool is_inside = return_place > at && return_place < view->high - 8 && return_place % 8 == 0;
        if (is_inside && follows_call(word_at(view, return_place))) {
            *ret_word = word;
            return true;
        }
    }
    return false;
}

/* Gives the copy a red zone with that word. */
static bool mend_red_zone(const struct spipe_registers *registers, struct spipe_stack_view *view)
{
    const struct spipe_unwind_rule *rule = find_red_rule(registers);
    size_t copied = view->high - view->low;
    uint64_t word;
    if (rule == NULL || copied < 16 || copied > COPY_MAX || !find_twin(view, rule->step.offset, &word))
        return false;
    memmove(work->bytes + RED_ZONE, view->bytes, copied);
    memset(work->bytes, 0, RED_ZONE);
    memcpy(work->bytes + (int32_t)RED_ZONE + rule->inner, &word, sizeof word);
    view->low -= RED_ZONE;
    view->bytes = work->bytes;
    return true;
}

/* -------------------------------------------------------------------------------------------------------- the whole */

enum spipe_walk_end spipe_copied_stack_walk(struct spipe_session *session, struct spipe_copied_stack *stack,
                                            uint64_t *address, uint32_t *ret_depth)
{
    struct spipe_stack_view *view = &stack->view;
    enum spipe_walk_end end = walk_view(session, stack->registers, view, address, ret_depth);
    if (end == SPIPE_WALK_OUTSIDE_STACK && *ret_depth == 1 && mend_red_zone(stack->registers, view))
        end = walk_view(session, stack->registers, view, address, ret_depth);
    stack->was_short = end == SPIPE_WALK_OUTSIDE_STACK && stack->is_cut;
    if (!stack->was_short)
        return end;
    uint64_t more = stack->may_read_on ? read_on(view) : 0;
    if (more > 0) {
        view->high += more;
        end = walk_view(session, stack->registers, view, address, ret_depth);
    }
    return end == SPIPE_WALK_OUTSIDE_STACK ? SPIPE_WALK_TOO_DEEP : end;
}

uint64_t spipe_copied_stack_reached(void)
{
    return work->cache.reached;
}
