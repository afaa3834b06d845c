/* SPDX-License-Identifier: MIT */
#include "control.h"

#include "clock.h"
#include "protocol/system_linux.h"
#include "pump.h"

/* The pump itself waits for its host no longer than 200 ms; the rest is for a machine on which it does not get to
 * run. */
#define LEAVE_MS 1000u
/* The pump takes as long as ever to leave, but first has to look, on a machine that may be busy. */
#define FILTERED_LEAVE_MS 500u
#define SETTLE_MS 1000u

struct spipe_control spipe_control;

bool spipe_control_is_own_process(void)
{
    return spipe_control.process_id != 0 && atomic_load(&spipe_control.is_filtered) == 0 &&
           spipe_system(SYS_getpid) == spipe_control.process_id;
}

void spipe_control_request(uint32_t request)
{
    if ((atomic_fetch_or(&spipe_control.requests, request) & request) == 0)
        spipe_futex_wake(&spipe_control.requests);
}

bool spipe_control_wait(uint32_t request, uint32_t timeout_ms)
{
    uint64_t end_ns = spipe_clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
    for (;;) {
        uint32_t requests = atomic_load(&spipe_control.requests);
        uint64_t now_ns = spipe_clock_monotonic_ns();
        if ((requests & request) == 0)
            return true;
        if (now_ns >= end_ns || atomic_load(&spipe_control.pump.tid) == 0)
            return false;
        spipe_futex_wait(&spipe_control.requests, requests, end_ns - now_ns);
    }
}

void spipe_control_done(uint32_t requests)
{
    if ((atomic_fetch_and(&spipe_control.requests, ~requests) & requests) != 0)
        spipe_futex_wake(&spipe_control.requests);
}

void spipe_control_leave(enum spipe_goodbye_reason reason, const char *text)
{
    if (atomic_load(&spipe_control.pump.tid) == 0)
        return;
    spipe_control.leave_text = text;
    atomic_store(&spipe_control.leave_reason, reason);
    spipe_control_request(SPIPE_REQUEST_LEAVE);
    (void)spipe_thread_join(&spipe_control.pump, LEAVE_MS);
}

void spipe_control_leave_without_calls(void)
{
    if (atomic_load(&spipe_control.is_filtered) == 0 || atomic_load(&spipe_control.pump.tid) == 0)
        return;
    uint64_t end_ns = spipe_clock_handler_ns() + FILTERED_LEAVE_MS * UINT64_C(1000000);
    spipe_control.leave_text = "";
    atomic_store(&spipe_control.leave_reason, SPIPE_GOODBYE_TARGET_EXITS);
    atomic_fetch_or(&spipe_control.requests, SPIPE_REQUEST_LEAVE);
    while (atomic_load(&spipe_control.pump.tid) != 0 && spipe_clock_handler_ns() < end_ns)
        ;
}

bool spipe_control_start_pump(void)
{
    atomic_store(&spipe_control.requests, 0);
    atomic_store(&spipe_control.has_settled, 0);
    atomic_store(&spipe_control.has_hidden, 0);
    if (!spipe_thread_start(&spipe_control.pump, spipe_pump_run, NULL, "stackpipe"))
        return false;
    if (spipe_control.environment.wait && !spipe_control.is_forked) {
        uint64_t end_ns = spipe_clock_monotonic_ns() + (uint64_t)SETTLE_MS * 1000000u;
        for (uint64_t now_ns; (now_ns = spipe_clock_monotonic_ns()) < end_ns;) {
            if (atomic_load(&spipe_control.has_settled) != 0)
                break;
            spipe_futex_wait(&spipe_control.has_settled, 0, end_ns - now_ns);
        }
    }
    return true;
}
