/* SPDX-License-Identifier: MIT */
/*
 * This thread's own stack at one moment: as an agent's audit would carry it, and as libgcc walks it, which programs throw
 * exceptions by; with the images that it runs through.
 */
#ifndef SPIPE_TESTS_OWN_STACK_H
#define SPIPE_TESTS_OWN_STACK_H

#include "protocol/record.h"

#define OWN_STACK_FRAMES 64u
#define OWN_STACK_IMAGES 128u
#define OWN_STACK_BYTES (256u * 1024u)

struct own_stack_image {
    char path[512];
    uint8_t build_id[64];
    size_t build_id_len;
    uint64_t load_address;
    uint64_t size;
    uint64_t address_in_file;
};

struct own_stack {
    struct own_stack_image image[OWN_STACK_IMAGES];
    size_t image_count;
    uint64_t address[OWN_STACK_FRAMES];     /* innermost first, callers minus one */
    size_t frame_count;
    uint64_t registers[SPIPE_AUDIT_REGISTERS];
    uint64_t stack_address;
    uint64_t stack[OWN_STACK_BYTES / 8];
    size_t stack_len;
    struct spipe_audit audit;               /* of all that, for thread 1 and stack id 1 */
};

/* Takes it a few functions deep. Ends the program when that cannot be. */
void own_stack_take(struct own_stack *own);

/* The image that holds the address; ends the program when none does. */
const struct own_stack_image *own_stack_find_image(const struct own_stack *own, uint64_t address);

#endif
