/* SPDX-License-Identifier: MIT */
/* Other libcs than the one that the agent was built with. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <stdio.h>
#include <unistd.h>

/* Stacks are followed up to the assembly that musl starts threads with, which has no unwind information. */
static void survive_system_with_musl(void **state)
{
    char path[512];
    (void)state;
    target_path("survive-workers-musl", path, sizeof path);
    if (access(path, X_OK) < 0)
        survival_skip("musl-gcc is not installed");
    struct promise_pair pair = survival_check((struct target){.argument = ARGUMENTS(path, "work", "4", "2000", "0")});
    struct capture_sums sums = capture_session_sums(pair.session);
    uint64_t followed = pair.session->rooted_weight + pair.session->end_weight[SPIPE_STAND_IN_NO_TABLE];
    assert_true(sums.sampled_threads >= 4);
    assert_true(followed * 100 >= pair.session->weight * 99);
    promise_done(&pair);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_system_with_musl),
};

SURVIVAL_MAIN(tests)
