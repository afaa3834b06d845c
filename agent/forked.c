/* SPDX-License-Identifier: MIT */
#include "forked.h"

#include "clock.h"
#include "copied_stack.h"
#include "control.h"
#include "frame_names.h"
#include "images.h"
#include "log.h"
#include "marks.h"
#include "pages.h"
#include "sampler.h"
#include "slice.h"
#include "slot.h"

#define NS_PER_MS UINT64_C(1000000)
/* What there is between a fork and an exec takes less CPU time than this, and seldom lasts as long as that. */
#define STAY_CPU_NS NS_PER_MS
#define STAY_NS     (20 * NS_PER_MS)
#define LOOK_NS     NS_PER_MS

static bool stays(bool (*is_over)(void))
{
    uint64_t end_ns = spipe_clock_monotonic_ns() + STAY_NS;
    while (!is_over()) {
        if (spipe_clock_thread_cpu_ns(spipe_control.process_id) >= STAY_CPU_NS || spipe_clock_monotonic_ns() >= end_ns)
            return true;
        /* Nothing that could be asked for is there yet. */
        spipe_control_done(~(uint32_t)SPIPE_REQUEST_LEAVE);
        spipe_futex_wait(&spipe_control.requests, 0, LOOK_NS);
    }
    return false;
}

/* The parent's memory is not there, and what was in use of it is not in use here. */
static bool take_memory(void)
{
    spipe_slice_pool = spipe_pages_new(sizeof(struct spipe_slice) * SPIPE_SLICE_COUNT);
    for (uint16_t i = 0; i < SPIPE_SLICE_COUNT; i++)
        spipe_slice_release(i);
    return spipe_slice_pool != NULL && spipe_slot_pool_init();
}

bool spipe_forked_begin(bool (*is_over)(void))
{
    if (!stays(is_over))
        return false;
    spipe_sampler_fork();
    spipe_images_fork();
    spipe_copied_stack_fork();
    spipe_frame_names_fork();
    spipe_marks_fork();
    if (take_memory())
        return true;
    spipe_log("no memory", NULL);
    return false;
}
