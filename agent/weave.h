/* SPDX-License-Identifier: MIT */
/*
 * From rings to messages: takes raw samples, finishes those that could not be walked, numbers frames and stacks, and
 * gathers columns.
 *
 * A raw sample is taken only when the outbox has room for whatever it may need, so after interning nothing is dropped.
 * Pump only.
 */
#ifndef SPIPE_AGENT_WEAVE_H
#define SPIPE_AGENT_WEAVE_H

#include "batch.h"
#include "images.h"
#include "session.h"

/* NULL when there is no memory. */
struct spipe_weave *spipe_weave_new(void);
void spipe_weave_free(struct spipe_weave *weave);

/* Starts anew for a session: nothing that was remembered of an earlier one holds. */
void spipe_weave_begin(struct spipe_session *session);

/* Gets what the walk said it needs: a table, or a newer look at the mappings. False when that is not to be had. */
bool spipe_weave_supply(struct spipe_session *session, enum spipe_walk_end end, uint64_t needed);

/* A sample whose stack was copied: [stack pointer, +len). */
struct spipe_weave_copy {
    uint64_t time_ns;
    uint32_t weight;
    struct spipe_registers registers;
    const unsigned char *bytes;
    uint32_t len;
    bool is_cut;                /* the stack goes on above what was copied */

    /* What came of it. */
    enum spipe_walk_end end;
    bool was_short;             /* the copy was not enough */
    uint32_t needed;            /* bytes of the copy, for a stack that reaches its root; else 0 */
};

enum spipe_weave_result {
    SPIPE_WEAVE_TAKEN = 0,
    SPIPE_WEAVE_LATER = 1,      /* its code was loaded after the mappings were last read: once more in a moment */
    SPIPE_WEAVE_FULL = 2        /* the outbox has no room */
};

/* Takes such a sample. */
enum spipe_weave_result spipe_weave_take_copy(struct spipe_session *session, struct spipe_slot *slot,
                                              struct spipe_weave_copy *copy);

/* Empties all rings as far as the outbox has room, and flushes. Returns true when a table was missing or the mappings
 * had changed: then look again soon. */
bool spipe_weave_drain(struct spipe_session *session);

/* Puts what was gathered into the outbox: definitions first. */
void spipe_weave_flush(struct spipe_session *session);

/* Adds a sample of the wall clock. */
void spipe_weave_add_wall(struct spipe_session *session, const struct spipe_batch_sample *sample);

/* Walks a copied stack from `place`, see spipe_unwind_walk_from(), and gets the tables that it needs. */
enum spipe_walk_end spipe_weave_walk(struct spipe_session *session, const struct spipe_stack_view *view,
                                     struct spipe_walk_place *place, uint64_t *address, uint32_t max_depth,
                                     uint32_t *ret_depth);

/* Makes sure that one more stack can be numbered, by a Checkpoint if need be. The outbox must have its reserve. */
void spipe_weave_make_room(struct spipe_session *session);

/* Tells the host of a thread, once in a session; again when its name has changed. */
void spipe_weave_announce_thread(struct spipe_session *session, struct spipe_slot *slot);

/* At the end, when the outbox can take no more: counts what is left in the rings as dropped. */
void spipe_weave_discard(struct spipe_session *session);

/* Reads the mappings again when a library is being unloaded; or in any case. */
void spipe_weave_look_at_images(struct spipe_session *session, bool always);

/* How full the fullest ring is. */
uint32_t spipe_weave_fill_percent(void);

/* Restarts all ids: Checkpoint, Hello and Applied, and what lives. */
void spipe_weave_checkpoint(struct spipe_session *session);

#endif
