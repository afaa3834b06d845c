/* SPDX-License-Identifier: MIT */
#include "clock_wish.h"

#include "complain.h"

#include <string.h>

int spipe_clock_wish_read(const struct spipe_options *options, const struct spipe_store *store,
                          enum spipe_source_kind *ret_kind)
{
    bool has_wall = spipe_store_has_kind(store, SPIPE_SOURCE_WALL);
    const char *clock = spipe_options_text(options, "clock", has_wall ? "wall" : "cpu");
    bool is_wall = strcmp(clock, "wall") == 0;
    if (!is_wall && strcmp(clock, "cpu") != 0) {
        return spipe_options_complain(options->verb, "--clock: '%s' is neither cpu nor wall", clock);
    }
    if (is_wall && !has_wall) {
        spipe_complain("%s: the capture has no wall clock; record --clock wall makes one that has", options->verb->name);
        return SPIPE_EXIT_FAILED;
    }
    *ret_kind = is_wall ? SPIPE_SOURCE_WALL : SPIPE_SOURCE_CPU;
    return 0;
}
