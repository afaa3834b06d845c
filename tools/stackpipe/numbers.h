/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people write them on a command line. Each function takes the whole text or nothing: no signs, no spaces,
 * no exponents. They return 0, SPIPE_E_FORMAT for what is no such number, or SPIPE_E_LIMIT for one that is too large.
 */
#ifndef SPIPE_TOOL_NUMBERS_H
#define SPIPE_TOOL_NUMBERS_H

#include <stdint.h>

/* "12". */
int spipe_number_parse_count(const char *text, uint64_t *ret_count);

/* "2", "0.25": a decimal fraction. */
int spipe_number_parse_real(const char *text, double *ret_real);

/* "4096", "64K", "4M", "1G" (also KiB, MiB, GiB and kB-like spellings with a B at the end), in powers of 1024, to
 * bytes. */
int spipe_number_parse_size(const char *text, uint64_t *ret_bytes);

/* "0.5" seconds to nanoseconds. */
int spipe_number_parse_seconds(const char *text, uint64_t *ret_ns);

#endif
