/* SPDX-License-Identifier: MIT */
/* The member "wall" of a summary's JSON. */
#ifndef SPIPE_HOST_WALL_SUMMARY_JSON_H
#define SPIPE_HOST_WALL_SUMMARY_JSON_H

#include "json.h"
#include "wall_summary.h"

void spipe_wall_summary_write_json(const struct spipe_wall_summary *wall, struct spipe_json *json);

#endif
