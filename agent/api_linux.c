/* SPDX-License-Identifier: MIT */
/* The functions of stackpipe.h. */
#include "stackpipe.h"

#include "control.h"
#include "entry.h"
#include "marks.h"
#include "protocol/system_linux.h"

#include <sys/prctl.h>

#define EXPORT __attribute__((visibility("default")))

static bool is_active(void)
{
    return atomic_load(&spipe_control.is_active) != 0 && spipe_control_is_own_process();
}

EXPORT int spipe_agent_start(const char *endpoint)
{
    return spipe_entry_start(endpoint);
}

EXPORT void spipe_agent_stop(void)
{
    if (spipe_control_is_own_process())
        spipe_control_leave(SPIPE_GOODBYE_TOLD_TO_STOP, "by the program");
}

EXPORT void spipe_agent_mark(const char *name)
{
    if (is_active())
        (void)spipe_marks_push(name, SPIPE_PHASE_INSTANT, 0);
}

EXPORT void spipe_agent_count(const char *name, int32_t value)
{
    if (is_active())
        (void)spipe_marks_push(name, SPIPE_PHASE_COUNT, value);
}

EXPORT void spipe_agent_thread_name(const char *name)
{
    (void)spipe_system(SYS_prctl, PR_SET_NAME, name);
}
