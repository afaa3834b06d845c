/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/audit_compare.h"

struct comparison {
    const struct spipe_audit_stack *agent;
    const struct spipe_audit_stack *second;
    size_t next;           /* the agent's next frame */
    bool in_generated;     /* the agent's last frame stands for any number of generated ones */
    bool has_guesses;
    struct spipe_audit_verdict *verdict;
};

static bool is_same_place(const struct spipe_audit_frame *a, const struct spipe_audit_frame *b)
{
    return a->image == b->image && (a->image == SPIPE_STORE_NONE || a->offset == b->offset);
}

static void differ(struct comparison *comparison, size_t at, enum spipe_audit_cause cause)
{
    struct spipe_audit_verdict *verdict = comparison->verdict;
    verdict->differs = true;
    verdict->cause = cause;
    verdict->at = at;
    verdict->agent_at = comparison->next - 1;
    verdict->behind = comparison->agent->count - comparison->next;
}

/* A step that no table proves; false when the two part there. */
static bool take_guess(struct comparison *comparison, bool is_same)
{
    comparison->has_guesses = true;
    if (is_same)
        comparison->verdict->guessed_same++;
    else
        comparison->verdict->guessed_other++;
    return is_same;
}

/* The caller that libdwfl found for its frame `at`. False ends the comparison. */
static bool take_caller(struct comparison *comparison, size_t at, struct spipe_audit_agent_end agent_end)
{
    const struct spipe_audit_frame *callee = &comparison->second->frame[at];
    const struct spipe_audit_frame *caller = &comparison->second->frame[at + 1];
    bool is_generated = caller->image == SPIPE_STORE_NONE;
    if (caller->is_own || (is_generated && comparison->in_generated))
        return true;
    comparison->in_generated = false;
    if (comparison->next == comparison->agent->count) {
        bool is_left_open = !agent_end.is_root && agent_end.stand_in == SPIPE_STAND_IN_TOO_DEEP;
        if (!callee->has_rules)
            return take_guess(comparison, false);
        if (!is_left_open)
            differ(comparison, at, agent_end.is_root ? SPIPE_AUDIT_NOT_THE_ROOT : SPIPE_AUDIT_GAVE_UP);
        return false;
    }
    bool is_same = is_same_place(&comparison->agent->frame[comparison->next], caller);
    if (!callee->has_rules || (is_generated && is_same)) {
        comparison->next += is_same;
        comparison->in_generated = is_generated && is_same;
        return take_guess(comparison, is_same);
    }
    if (!is_same) {
        differ(comparison, at, SPIPE_AUDIT_OTHER_CALLER);
        return false;
    }
    comparison->next++;
    comparison->verdict->agreed++;
    return true;
}

/* libdwfl has no further frame. */
static void take_end(struct comparison *comparison, enum spipe_second_end end, bool is_root)
{
    struct spipe_audit_verdict *verdict = comparison->verdict;
    const struct spipe_audit_stack *second = comparison->second;
    uint64_t left = comparison->agent->count - comparison->next;
    bool is_proven = end == SPIPE_SECOND_ROOT && second->frame[second->count - 1].has_rules;
    if (left == 0)
        verdict->is_whole = is_proven && is_root && !comparison->has_guesses;
    else if (is_proven)
        differ(comparison, second->count - 1, SPIPE_AUDIT_WENT_ON);
    else
        verdict->untold = left;
}

void spipe_audit_compare(const struct spipe_audit_stack *agent, struct spipe_audit_agent_end agent_end,
                         const struct spipe_audit_stack *second, enum spipe_second_end second_end,
                         struct spipe_audit_verdict *ret_verdict)
{
    struct comparison comparison = {.agent = agent, .second = second, .next = 1, .verdict = ret_verdict};
    *ret_verdict = (struct spipe_audit_verdict){0};
    comparison.in_generated = agent->frame[0].image == SPIPE_STORE_NONE;
    for (size_t at = 0; at + 1 < second->count; at++) {
        if (!take_caller(&comparison, at, agent_end))
            return;
    }
    take_end(&comparison, second_end, agent_end.is_root);
}
