/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include "clock.h"
#include "control.h"
#include "environment.h"
#include "files.h"
#include "filter.h"
#include "fork.h"
#include "greeting.h"
#include "handler.h"
#include "log.h"
#include "next_symbol.h"
#include "pages.h"
#include "protocol/status.h"
#include "protocol/system_linux.h"
#include "slice.h"
#include "slot.h"
#include "threads.h"
#include "wrappers.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#define FSGSBASE_BIT 2u         /* in AT_HWCAP2; see the kernel's Documentation/arch/x86/x86_64/fsgs.rst */

/* What we map, though hardly touch, is about 100 MiB and the session's buffer: little of a limit above this. */
#define LEAST_MEMORY (UINT64_C(1) << 30)
#define HIDE_NS UINT64_C(200000000)
/* On a machine that is busy the pump's thread may be late to end. */
#define END_MS 5000u

static bool take_memory(void)
{
    static bool is_taken;
    if (is_taken)
        return true;
    spipe_slice_pool = spipe_pages_new(sizeof(struct spipe_slice) * SPIPE_SLICE_COUNT);
    is_taken = spipe_slice_pool != NULL && spipe_slot_pool_init();
    return is_taken;
}

/* Descriptors that were handed to us by an fd: endpoint are not the program's: once the pump has a table of its own,
 * they go from the program's. */
static void close_inherited(void)
{
    struct spipe_endpoint endpoint;
    if (spipe_endpoint_parse(spipe_control.environment.endpoint, NULL, &endpoint, NULL) < 0 ||
        endpoint.kind != SPIPE_ENDPOINT_DESCRIPTORS)
        return;
    spipe_futex_wait(&spipe_control.has_hidden, 0, HIDE_NS);
    if (atomic_load(&spipe_control.has_hidden) != 1)
        return;     /* the pump shares the program's table, or is late: closing would cut its pipe */
    if (endpoint.read_handle >= 0)
        (void)spipe_system(SYS_close, endpoint.read_handle);
    if (endpoint.write_handle >= 0 && endpoint.write_handle != endpoint.read_handle)
        (void)spipe_system(SYS_close, endpoint.write_handle);
}

static void leave(void)
{
    if (spipe_control_is_own_process())
        spipe_control_leave(SPIPE_GOODBYE_TARGET_EXITS, "");
}

static void leave_quickly(void *unused)
{
    (void)unused;
    leave();
}

/* quick_exit() runs no destructors, and ends in the _exit() of libc's own. */
static void note_quick_exit(void)
{
    int (*at_quick_exit)(void (*)(void *), void *);
    void *address = spipe_next_symbol("__cxa_at_quick_exit");
    memcpy(&at_quick_exit, &address, sizeof address);
    if (at_quick_exit != NULL)
        (void)at_quick_exit(leave_quickly, NULL);
}

static bool is_tight(int resource)
{
    struct rlimit limit;
    return spipe_system(SYS_getrlimit, resource, &limit) == 0 && limit.rlim_cur < LEAST_MEMORY;
}

static int start(void)
{
    if (spipe_control.environment.endpoint[0] == '\0')
        return SPIPE_E_NOT_FOUND;
    if (spipe_control.process_id != 0)
        return spipe_control_is_own_process() ? SPIPE_E_BUSY : SPIPE_E_UNSUPPORTED;
    if (spipe_filter_is_strange())
        return SPIPE_E_UNSUPPORTED;     /* and not even a line in the log, which takes calls too */
    if (is_tight(RLIMIT_AS) || is_tight(RLIMIT_DATA)) {
        spipe_log("the program's memory is limited to less than 1 GiB, and it is to have all of it", NULL);
        return SPIPE_E_NO_MEMORY;
    }
    spipe_clock_init();
    if (!take_memory()) {
        spipe_log("no memory", NULL);
        return SPIPE_E_NO_MEMORY;
    }
    atomic_store(&spipe_handler_shared.has_fsbase, (getauxval(AT_HWCAP2) & FSGSBASE_BIT) != 0);
    spipe_threads_note_main();
    spipe_control.process_id = (int)spipe_system(SYS_getpid);
    spipe_greeting_name_process();
    spipe_fork_init();
    if (!spipe_control_start_pump()) {
        spipe_log("the system refused a thread", NULL);
        return SPIPE_E_SYSTEM;
    }
    close_inherited();
    note_quick_exit();
    return 0;
}

int spipe_entry_start(const char *endpoint)
{
    struct spipe_text text;
    if (endpoint != NULL) {
        spipe_text_init(&text, spipe_control.environment.endpoint, sizeof spipe_control.environment.endpoint);
        spipe_text_add(&text, endpoint);
    }
    return start();
}

/* In a set-uid program the environment is another user's: nothing of it is believed. */
static bool is_secure_mode(void)
{
    return getauxval(AT_SECURE) != 0 || getauxval(AT_UID) != getauxval(AT_EUID) ||
           getauxval(AT_GID) != getauxval(AT_EGID);
}

__attribute__((constructor(101))) static void enter(void)
{
    spipe_wrappers_init();
    if (is_secure_mode())
        return;
    spipe_environment_take(spipe_next_symbol_own_path());
    (void)start();
}

__attribute__((destructor(101))) static void leave_last(void)
{
    leave();
    spipe_control_leave_without_calls();
}

void spipe_entry_come_back(bool has_left)
{
    int saved = errno;
    if (has_left) {
        (void)spipe_thread_join(&spipe_control.pump, END_MS);
        (void)spipe_control_start_pump();
    }
    errno = saved;
}
