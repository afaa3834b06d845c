/* SPDX-License-Identifier: MIT */
/*
 * The binaries loaded in the process, their unwind tables, and the map of code that handlers walk with.
 *
 * The loader is never called: what is loaded is read from /proc/self/maps, and an image's headers and .eh_frame are
 * copied out of memory by a system call that cannot fault; the mappings are looked at again before a copy is trusted. A
 * table is compiled when a stack first needs it. Old maps and tables are freed when no handler can hold them any more.
 * Pump only, except where said.
 */
#ifndef SPIPE_AGENT_IMAGES_H
#define SPIPE_AGENT_IMAGES_H

#include "code_map.h"
#include "protocol/record.h"

#include <stdbool.h>

#define SPIPE_IMAGES_MAX 4096u
#define SPIPE_BUILD_ID_MAX 64u

struct spipe_loaded_image {
    uint32_t image_id;                  /* in this session; 0: not announced yet */
    uint64_t start;                     /* where offset 0 is */
    uint64_t end;
    uint64_t address_in_file;
    uint64_t device;
    uint64_t inode;
    const char *path;
    uint8_t build_id[SPIPE_BUILD_ID_MAX];
    uint32_t build_id_len;
    enum spipe_unwind unwind;
    uint64_t eh_frame_hdr;              /* runtime address, 0: none */
    uint64_t eh_frame_hdr_len;
    uint64_t code_file_offset;          /* of the executable segment, see elf_image.h */
    uint64_t code_len;
    uint64_t code_address;
    struct spipe_unwind_table *table;
    bool table_was_tried;
    bool is_present;                    /* in the last scan */
    bool is_own;                        /* the agent's own library: its frames are not shown */
    bool was_gone;                      /* unloaded, and the host not told yet */
};

/* Takes memory and makes the first scan, which finds no image where /proc is not to be had. False when there is no
 * memory. */
bool spipe_images_init(void);

/* In a forked child, before spipe_images_init(): none of that memory is there. */
void spipe_images_fork(void);

/* Reads the mappings again and publishes a new code map when anything executable has changed. Returns true when it
 * has. */
bool spipe_images_scan(void);

/* Compiles the table of the image that holds `address`, if that was not tried before, and publishes the map. False
 * when nothing changed by that. */
bool spipe_images_build_table(uint64_t address);

/* Compiles the tables of images whose header is at most `header_max` bytes long, before a stack needs them, until
 * `stop` says true. */
void spipe_images_build_small(uint64_t header_max, bool (*stop)(void));

/* The map as published. */
const struct spipe_code_map *spipe_images_code_map(void);

/* The image of a code range, or NULL for code without a file. */
struct spipe_loaded_image *spipe_images_of_range(const struct spipe_code_range *range);

/* All images ever seen, in order; those unloaded have is_present false. */
uint32_t spipe_images_count(void);
struct spipe_loaded_image *spipe_images_get(uint32_t index);

/* Finds the mapping that holds an address of a thread's stack. False when there is none. */
bool spipe_images_find_stack(uint64_t address, uint64_t *ret_low, uint64_t *ret_high);

/* Frees maps and tables that no handler can hold any more. Called once a round. */
void spipe_images_retire(void);

/* Forgets which images the host was told of: at the start of a session and at a Checkpoint. */
void spipe_images_forget_ids(void);

#endif
