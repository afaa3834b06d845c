/* SPDX-License-Identifier: MIT */
/*
 * Small profiles for tests, put together record by record. Every call fails the test when the store refuses the record.
 */
#ifndef SPIPE_TESTS_PROFILE_KIT_H
#define SPIPE_TESTS_PROFILE_KIT_H

#include "viewer-stub/host/store.h"

/* One sample stands for so much CPU time. */
#define PROFILE_KIT_PERIOD_NS 10000000u

struct profile_kit {
    struct spipe_store *store;
    uint32_t strings; /* how many of each have been defined */
    uint32_t methods;
    uint32_t images;
    uint32_t frames;
    uint32_t stacks;
    uint32_t threads;
    uint64_t samples;
};

/* A store that has begun its first session, of the program /usr/bin/demo. */
void profile_kit_init(struct profile_kit *kit);
void profile_kit_done(struct profile_kit *kit);

/* Each defines one thing and returns its id on the wire. Three kinds of frames: a function by its name alone, which is
 * a managed method; a place in an image; a stand-in. The parent of an outermost stack node is 0. */
uint32_t profile_kit_thread(struct profile_kit *kit, uint32_t tid, const char *name);
uint32_t profile_kit_image(struct profile_kit *kit, const char *path, struct spipe_bytes build_id,
                           uint64_t address_in_file);
uint32_t profile_kit_function(struct profile_kit *kit, const char *name, const char *file, uint32_t line);
uint32_t profile_kit_place(struct profile_kit *kit, uint32_t image_id, uint32_t offset);
uint32_t profile_kit_stand_in(struct profile_kit *kit, enum spipe_stand_in stand_in);
uint32_t profile_kit_stack(struct profile_kit *kit, uint32_t parent_id, uint32_t frame_id);

/* `weight` periods of a thread at a time, in microseconds. Stack 0: none could be taken. */
void profile_kit_sample(struct profile_kit *kit, uint32_t thread_id, uint32_t stack_id, uint32_t weight,
                        uint64_t time_us);

/* From here on there is a wall clock too, of 20 ms; and its samples. */
void profile_kit_begin_wall(struct profile_kit *kit);
void profile_kit_wall_sample(struct profile_kit *kit, uint32_t thread_id, uint32_t stack_id, uint32_t weight,
                             enum spipe_state state, uint64_t time_us);

/* A ledger in which each sample was sent and `lost` more found the ring full, for the first thread, and the end. */
void profile_kit_end(struct profile_kit *kit, uint64_t lost);

#endif
