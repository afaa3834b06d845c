/* SPDX-License-Identifier: MIT */
/* Compiles the unwind table of one loaded image from a copy of its .eh_frame. Pump only. */
#ifndef SPIPE_AGENT_IMAGE_TABLE_H
#define SPIPE_AGENT_IMAGE_TABLE_H

#include "images.h"
#include "unwind_table.h"

/* Returns how much of the image the table covers; SPIPE_UNWIND_NONE, without a table, when there is nothing to
 * compile or it is damaged. The caller frees the table with spipe_unwind_table_free(). */
enum spipe_unwind spipe_image_table_build(const struct spipe_loaded_image *image, const struct spipe_code_map *map,
                                          struct spipe_unwind_table **ret_table);

#endif
