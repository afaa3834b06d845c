/* SPDX-License-Identifier: MIT */
/*
 * The parts of the program with known shares that live in other files and libraries.
 */
#ifndef SPIPE_TESTS_TARGETS_SHARES_H
#define SPIPE_TESTS_TARGETS_SHARES_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In a library that is linked: next to nothing, so that calling it is most of the work. */
uint32_t shares_far_away(uint32_t seed);

/* In C++: throws that often through a few frames with destructors, and catches. */
uint32_t shares_throw_and_catch(int times);

/* In a plugin that is loaded and unloaded: works for that much CPU time of the calling thread. */
uint32_t plugin_work(uint64_t cpu_ns);

#ifdef __cplusplus
}
#endif

#endif
