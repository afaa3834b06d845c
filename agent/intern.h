/* SPDX-License-Identifier: MIT */
/*
 * Numbers for code places and stacks: the same place, or the same stack, gets the same id for as long as the tables
 * live.
 *
 * A frame is (image, offset); a stack node is (caller's node, frame). Ids are dense, from 1, and restart with
 * spipe_intern_reset(). New ones are handed to the encoder once, in order. Memory is taken once. One thread.
 */
#ifndef SPIPE_AGENT_INTERN_H
#define SPIPE_AGENT_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When either is reached the tables are full, and a Checkpoint is due. */
#define SPIPE_INTERN_NODES_MAX (128u * 1024u)
#define SPIPE_INTERN_FRAMES_MAX (128u * 1024u)

struct spipe_intern;

/* NULL when there is no memory. */
struct spipe_intern *spipe_intern_new(void);
void spipe_intern_free(struct spipe_intern *intern);

/* Forgets everything; ids restart at 1. */
void spipe_intern_reset(struct spipe_intern *intern);

/* True when `depth` more frames and nodes may not fit: then reset first. */
bool spipe_intern_is_full(const struct spipe_intern *intern, uint32_t depth);

/* The id of a place, or of a stack. There must be room, see spipe_intern_is_full(). */
uint32_t spipe_intern_frame(struct spipe_intern *intern, uint32_t image_id, uint32_t offset);
uint32_t spipe_intern_node(struct spipe_intern *intern, uint32_t parent_id, uint32_t frame_id);

/* How many were made since they were last taken. */
uint32_t spipe_intern_new_frames(const struct spipe_intern *intern);
uint32_t spipe_intern_new_nodes(const struct spipe_intern *intern);

/* New frames as columns, at most `max`: returns how many, the first one's id and where the columns are (valid until
 * the reset). */
uint32_t spipe_intern_take_frames(struct spipe_intern *intern, uint32_t max, uint32_t *ret_first_id,
                                  const uint32_t **ret_image_id, const uint32_t **ret_offset);

/* New nodes: fills `parent_back` (room for `max`). */
uint32_t spipe_intern_take_nodes(struct spipe_intern *intern, uint32_t max, uint32_t *ret_first_id,
                                 uint32_t *parent_back, const uint32_t **ret_frame_id);

#endif
