/* SPDX-License-Identifier: MIT */
/*
 * The time that passes, whatever anybody sets the clock to.
 */
#ifndef SPIPE_TOOL_CLOCK_H
#define SPIPE_TOOL_CLOCK_H

#include <stdint.h>

uint64_t spipe_clock_now_ns(void);

#endif
