/* SPDX-License-Identifier: MIT */
/* What must hold for every unwind table that was compiled from anything, and a walk by it. For fuzzers. */
#ifndef SPIPE_TESTS_FUZZ_UNWIND_KIT_H
#define SPIPE_TESTS_FUZZ_UNWIND_KIT_H

#include "agent/eh_frame.h"

#include <stdbool.h>
#include <stddef.h>

void fuzz_require(bool holds);

/* Compiles the image, checks the table, and walks a stack made of `data` by it. */
void fuzz_compile_and_walk(const struct spipe_eh_frame_image *image, const unsigned char *data, size_t len);

#endif
