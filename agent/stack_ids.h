/* SPDX-License-Identifier: MIT */
/*
 * From the addresses of a stack to its id: finds image and offset of each address, numbers frames and stacks, and
 * announces images before a frame names them. Pump only.
 */
#ifndef SPIPE_AGENT_STACK_IDS_H
#define SPIPE_AGENT_STACK_IDS_H

#include "session.h"
#include "unwind.h"

/* NULL when there is no memory. */
struct spipe_stack_ids *spipe_stack_ids_new(void);
void spipe_stack_ids_free(struct spipe_stack_ids *ids);

/* What was remembered of addresses holds no more: a new session, or a Checkpoint. */
void spipe_stack_ids_forget(struct spipe_stack_ids *ids);

/* The same when there is another code map: it may have another image at the same address. */
void spipe_stack_ids_follow_map(struct spipe_stack_ids *ids);

/* The id of a stack, leaf first; `end` says how its walk ended. Not 0. There must be room, see
 * spipe_intern_is_full(). */
uint32_t spipe_stack_ids_get(struct spipe_session *session, const uint64_t *address, uint32_t depth,
                             enum spipe_walk_end end);

/* The id of a stack that was seen at another time, below a stand-in that says so; `depth` may be 0. */
uint32_t spipe_stack_ids_get_not_seen(struct spipe_session *session, const uint64_t *address, uint32_t depth);

/* The id of the agent's own library, which no stack names. 0 when it is not to be found. */
uint32_t spipe_stack_ids_own_image(struct spipe_session *session);

/* True when as many definitions wait as fit a message. */
bool spipe_stack_ids_is_full(const struct spipe_session *session);

/* Puts the frames and stacks that are new into the outbox. */
void spipe_stack_ids_put(struct spipe_session *session);

/* Tells the host of images that were unloaded. */
void spipe_stack_ids_announce_gone_images(struct spipe_session *session);

/* Tells it again, behind a Checkpoint, of those that it knew and that are still there, as far as there is room. */
void spipe_stack_ids_announce_images_again(struct spipe_session *session);

#endif
