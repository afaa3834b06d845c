/* SPDX-License-Identifier: MIT */
/* For tests: a library whose constructor, called by the loader before the program starts, keeps a copy of its stack. */
#ifndef SPIPE_TESTS_UNWIND_EARLY_H
#define SPIPE_TESTS_UNWIND_EARLY_H

#include "agent/unwind.h"

#define UNWIND_EARLY_EXPORT __attribute__((visibility("default")))

struct unwind_early {
    struct spipe_registers registers;
    struct spipe_stack_view view;       /* of `bytes`; empty when there was no room */
    unsigned char bytes[64 * 1024];
};

UNWIND_EARLY_EXPORT const struct unwind_early *unwind_early_get(void);

#endif
