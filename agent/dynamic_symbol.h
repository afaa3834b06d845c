/* SPDX-License-Identifier: MIT */
/* Names of functions from an image's dynamic symbol table, for the text dialect. Pump only. */
#ifndef SPIPE_AGENT_DYNAMIC_SYMBOL_H
#define SPIPE_AGENT_DYNAMIC_SYMBOL_H

#include "files.h"
#include "images.h"

/* Longer names are cut. */
#define SPIPE_FRAME_NAME_MAX 512u

/* Adds the name of the function that holds the runtime address. False, and nothing added, when no symbol covers it.
 * Reads through the whole table: see frame_names.h. */
bool spipe_dynamic_symbol_find(const struct spipe_loaded_image *image, uint64_t address, struct spipe_text *name);

#endif
