/* SPDX-License-Identifier: MIT */
/* A host's wishes made into settings: every default filled in, every number clamped, and what could not be honoured
 * said. */
#ifndef SPIPE_AGENT_SETTINGS_H
#define SPIPE_AGENT_SETTINGS_H

#include "files.h"
#include "protocol/record.h"

#define SPIPE_SETTINGS_UNMET_MAX 16u

#define SPIPE_PERIOD_DEFAULT_US 10000u
#define SPIPE_PERIOD_MIN_US 50u
#define SPIPE_PERIOD_MAX_US 4000000u
/* Of the wall clock; a period of 0 is none. */
#define SPIPE_WALL_PERIOD_MIN_US 1000u
#define SPIPE_WALL_PERIOD_MAX_US 4000000u
#define SPIPE_DEPTH_DEFAULT 1024u
#define SPIPE_DEPTH_MAX 2048u
#define SPIPE_FLUSH_DEFAULT_MS 40u
#define SPIPE_FLUSH_MIN_MS 5u
#define SPIPE_FLUSH_MAX_MS 1000u
#define SPIPE_BUFFER_DEFAULT_KIB 4096u
#define SPIPE_BUFFER_MIN_KIB 1024u
#define SPIPE_BUFFER_MAX_KIB (256u * 1024u)
#define SPIPE_BUDGET_DEFAULT_PPM 10000u
#define SPIPE_BUDGET_MIN_PPM 100u
#define SPIPE_BUDGET_NONE_PPM 1000000u      /* no limit */

struct spipe_settings {
    struct spipe_configuration applied;     /* token empty */
    struct spipe_unmet unmet[SPIPE_SETTINGS_UNMET_MAX];
    size_t unmet_count;
};

/* Fills in `settings` from what was asked. `tick_us` is the kernel's tick. */
void spipe_settings_apply(struct spipe_settings *settings, const struct spipe_configuration *asked, uint32_t tick_us);

/* Says that a wish was not met, or not quite; the text is static. */
void spipe_settings_add_unmet(struct spipe_settings *settings, uint32_t field_number, const char *text);

/* 8 bytes that are equal for equal settings that matter when profiles are compared (FNV-1a of periods, depth and
 * mechanism). */
void spipe_settings_hash(const struct spipe_settings *settings, const char *mechanism, uint8_t *ret_hash);

/* The text dialect's and STACKPIPE_CONFIG's form: words `name=number`, parted by blanks, commas or semicolons, or the
 * members of a JSON object of the same names (rate, period_us, depth, flush_ms, stop_after_ms, buffer_kib, budget_ppm).
 * Fractions are cut. Words that are not known, or have no such number, are left out, and their names added to `ignored`, parted
 * by blanks. */
void spipe_settings_parse_text(const char *text, size_t len, struct spipe_configuration *ret_asked,
                               struct spipe_text *ignored);

#endif
