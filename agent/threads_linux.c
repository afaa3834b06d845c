/* SPDX-License-Identifier: MIT */
#include "threads.h"

#include "clock.h"
#include "control.h"
#include "files.h"
#include "handler.h"
#include "ledger.h"
#include "perf_drain.h"
#include "protocol/system_linux.h"
#include "signals.h"
#include "wall.h"
#include "weave.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern char **environ;

#define STAT_SIZE       1024u
#define THREADS_FIELD   20u
#define EXIT_CODE_FIELD 52u
/* For a stack without limit: nothing else is mapped that near below it. */
#define UNLIMITED_STACK (UINT64_C(1) << 30)

static struct {
    uint64_t stack_low;
    uint64_t stack_high;
} main_thread;

void spipe_threads_note_main(void)
{
    struct rlimit limit;
    uint64_t size = UNLIMITED_STACK;
    if (spipe_system(SYS_getrlimit, RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < UNLIMITED_STACK)
        size = limit.rlim_cur;
    /* The kernel puts the arrays of arguments and environment right above the first frame, then their texts, and last
     * the program's name. A program that has moved its environment leaves us the latter as the end. */
    uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    uint64_t last = getauxval(AT_EXECFN) & ~UINT64_C(7);
    uint64_t arrays = (uint64_t)(uintptr_t)environ;
    if (last == 0)
        return;
    uint64_t high = arrays > here && arrays < last ? arrays : last;
    main_thread.stack_high = high;
    main_thread.stack_low = high - size;
}

void spipe_threads_note_forked(uint64_t stack_low, uint64_t stack_high)
{
    main_thread.stack_low = stack_low;
    main_thread.stack_high = stack_high;
}

static void task_path(struct spipe_text *path, int tid, const char *file)
{
    spipe_text_add(path, "/proc/self/task/");
    spipe_text_add_number(path, (uint64_t)tid);
    spipe_text_add(path, file);
}

static bool read_name(struct spipe_slot *slot)
{
    char memory[64];
    char name[32];
    struct spipe_text path;
    spipe_text_init(&path, memory, sizeof memory);
    task_path(&path, slot->tid, "/comm");
    long len = spipe_files_read(memory, name, sizeof name);
    if (len <= 0)
        return false;
    if (name[len - 1] == '\n')
        name[--len] = '\0';
    if (strcmp(name, slot->name) == 0)
        return false;
    memset(slot->name, 0, sizeof slot->name);
    memcpy(slot->name, name, (size_t)len < sizeof slot->name ? (size_t)len : sizeof slot->name - 1);
    return true;
}

/* The fourteenth field of /proc/self/task/TID/stat; the second, the name, may itself hold blanks and brackets. */
bool spipe_threads_user_ticks(int tid, uint64_t *ret_ticks)
{
    char memory[64];
    char stat[512];
    struct spipe_text path;
    spipe_text_init(&path, memory, sizeof memory);
    task_path(&path, tid, "/stat");
    long len = spipe_files_read(memory, stat, sizeof stat);
    const char *at = len > 0 ? strrchr(stat, ')') : NULL;
    for (int field = 2; field < 14 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL && (at++, spipe_text_take_number(&at, stat + len, 10, ret_ticks));
}

/* The mask stands in /proc/self/task/TID/status as "SigBlk:\t" and 16 digits. */
static bool reads_as_blocked(const struct spipe_slot *slot, int signal_number)
{
    static const char key[] = "\nSigBlk:\t";
    char memory[64];
    char status[4096];
    struct spipe_text path;
    spipe_text_init(&path, memory, sizeof memory);
    task_path(&path, slot->tid, "/status");
    if (spipe_files_read(memory, status, sizeof status) <= 0)
        return false;
    const char *found = strstr(status, key);
    uint64_t mask;
    if (found == NULL)
        return false;
    found += sizeof key - 1;
    return spipe_text_take_number(&found, status + sizeof status, 16, &mask) && (mask >> (signal_number - 1) & 1) != 0;
}

/* ------------------------------------------------------------------------------------------------------------- scan */

static struct spipe_slot *find_slot(int tid)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (slot->tid == tid && atomic_load(&slot->state) == SPIPE_SLOT_LIVE)
            return slot;
    }
    return NULL;
}

void spipe_threads_find_own_stack(uint64_t *ret_low, uint64_t *ret_high)
{
    const struct spipe_slot *slot = find_slot((int)spipe_system(SYS_gettid));
    *ret_low = slot == NULL ? 0 : atomic_load(&slot->stack_low);
    *ret_high = slot == NULL ? 0 : atomic_load(&slot->stack_high);
}

/* A claimed slot is that of a thread which does not run yet, or whose first act is under way: it must not get a
 * second one. */
bool spipe_threads_any_claimed(void)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        if (atomic_load(&spipe_slot_get(i)->state) == SPIPE_SLOT_CLAIMED)
            return true;
    }
    return false;
}

static struct spipe_slot *adopt(int tid)
{
    struct spipe_slot *slot = spipe_slot_claim();
    if (slot == NULL)
        return NULL;
    slot->tid = tid;
    slot->seen = true;
    slot->cpu_start_ns = spipe_clock_thread_cpu_ns(tid);
    slot->cpu_ns = slot->cpu_start_ns;
    slot->cpu_accounted_ns = slot->cpu_start_ns;
    if (tid == (int)spipe_system(SYS_getpid)) {
        atomic_store(&slot->stack_low, main_thread.stack_low);
        atomic_store(&slot->stack_high, main_thread.stack_high);
    }
    (void)read_name(slot);
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    if (spipe_sampler_is_on())
        spipe_sampler_arm(slot, SPIPE_ARMED_BY_PUMP);
    return slot;
}

struct spipe_slot *spipe_threads_adopt(int tid)
{
    return spipe_clock_thread_cpu_ns(tid) == 0 ? NULL : adopt(tid);
}

/* The kernel's struct linux_dirent64. */
struct directory_entry {
    uint64_t inode;
    int64_t offset;
    uint16_t len;
    uint8_t type;
    char name[];
};

/* In a namespace of pids whose /proc is another one's, threads have other numbers there than they know themselves. */
static bool is_foreign_proc(void)
{
    char link[16];
    const char *at = link;
    uint64_t pid = 0;
    long len = spipe_system(SYS_readlinkat, AT_FDCWD, "/proc/self", link, sizeof link);
    return len > 0 && spipe_text_take_number(&at, link + len, 10, &pid) && (long)pid != spipe_system(SYS_getpid);
}

/* The innermost number, which is the last in the line "NSpid:"; 0 when the thread is gone. */
static int read_own_number(int tid)
{
    static const char key[] = "\nNSpid:";
    char memory[64];
    char status[4096];
    struct spipe_text path;
    uint64_t number = 0;
    spipe_text_init(&path, memory, sizeof memory);
    task_path(&path, tid, "/status");
    long len = spipe_files_read(memory, status, sizeof status);
    const char *at = len > 0 ? strstr(status, key) : NULL;
    if (at == NULL)
        return 0;
    at += sizeof key - 1;
    while (*at == '\t') {
        at++;
        if (!spipe_text_take_number(&at, status + len, 10, &number))
            return 0;
    }
    return (int)number;
}

static void visit_entry(const struct directory_entry *entry, bool is_foreign, void (*visit)(void *user, int tid),
                        void *user)
{
    const char *name = entry->name;
    uint64_t number;
    if (!spipe_text_take_number(&name, name + 12, 10, &number))
        return;
    int tid = is_foreign ? read_own_number((int)number) : (int)number;
    if (tid != 0)
        visit(user, tid);
}

static bool visit_tasks(void (*visit)(void *user, int tid), void *user)
{
    _Alignas(8) char entries[8192];
    long folder = spipe_system(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (folder < 0)
        return false;
    long len;
    bool is_foreign = is_foreign_proc();
    while ((len = spipe_system(SYS_getdents64, folder, entries, sizeof entries)) > 0) {
        for (long at = 0; at < len;) {
            const struct directory_entry *entry = (const struct directory_entry *)(const void *)(entries + at);
            visit_entry(entry, is_foreign, visit, user);
            at += entry->len;
        }
    }
    (void)spipe_system(SYS_close, folder);
    return true;
}

struct scan {
    int agent_tid;
    bool may_adopt;
    uint32_t others;
};

static bool is_agent_tid(int tid, int agent_tid)
{
    return tid == agent_tid || tid == spipe_sampler_own_tid();
}

static void visit_task(void *user, int tid)
{
    struct scan *scan = user;
    if (is_agent_tid(tid, scan->agent_tid))
        return;
    scan->others++;
    struct spipe_slot *slot = find_slot(tid);
    if (slot != NULL)
        slot->seen = true;
    else if (scan->may_adopt)
        (void)adopt(tid);
}

void spipe_threads_scan(struct spipe_session *session, int agent_tid)
{
    struct scan scan = {agent_tid, !spipe_threads_any_claimed(), 0};
    (void)session;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        /* One that becomes live during the scan is not missed by it. */
        slot->seen = atomic_load(&slot->state) != SPIPE_SLOT_LIVE;
    }
    if (!visit_tasks(visit_task, &scan))
        return;
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        uint32_t live = SPIPE_SLOT_LIVE;
        if (!slot->seen && atomic_compare_exchange_strong(&slot->state, &live, SPIPE_SLOT_ENDED))
            slot->gone_ns = spipe_clock_monotonic_ns();
    }
}

/* Fields behind the name, which may itself hold blanks and brackets; see proc(5). NULL when there are none. */
static const char *read_stat(int tid, char *stat, size_t size)
{
    char memory[64];
    struct spipe_text path;
    spipe_text_init(&path, memory, sizeof memory);
    task_path(&path, tid, "/stat");
    return spipe_files_read(memory, stat, size) > 0 ? strrchr(stat, ')') : NULL;
}

/* A main thread that has ended stays in the list until the process ends. */
static bool has_ended(int tid)
{
    char stat[STAT_SIZE];
    const char *state = read_stat(tid, stat, sizeof stat);
    return state != NULL && (state[2] == 'Z' || state[2] == 'X');
}

/* A number among the fields; 0 when it is not there. */
static uint64_t take_field(const char *at, unsigned wanted)
{
    uint64_t number = 0;
    for (unsigned field = 2; field < wanted && at != NULL; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL || (at++, !spipe_text_take_number(&at, at + strlen(at), 10, &number)))
        return 0;
    return number;
}

static void count_task(void *user, int tid)
{
    struct scan *scan = user;
    if (!is_agent_tid(tid, scan->agent_tid) && !has_ended(tid))
        scan->others++;
}

struct list {
    int32_t *tid;
    uint32_t max;
    uint32_t count;
};

static void list_task(void *user, int tid)
{
    struct list *list = user;
    if (list->count < list->max && !is_agent_tid(tid, (int)atomic_load(&spipe_control.pump.tid)))
        list->tid[list->count++] = tid;
}

uint32_t spipe_threads_list(int32_t *tid, uint32_t max)
{
    struct list list = {tid, max, 0};
    (void)visit_tasks(list_task, &list);
    return list.count;
}

bool spipe_threads_none_left(int agent_tid)
{
    struct scan scan = {agent_tid, false, 0};
    return visit_tasks(count_task, &scan) && scan.others == 0;
}

void spipe_threads_end_process(void)
{
    char stat[STAT_SIZE];
    const char *fields = read_stat((int)spipe_system(SYS_getpid), stat, sizeof stat);
    /* The kernel's count holds the main thread, which has ended, and this one. */
    if (fields == NULL || fields[2] != 'Z' || take_field(fields, THREADS_FIELD) != 2)
        return;
    (void)spipe_system(SYS_exit_group, take_field(fields, EXIT_CODE_FIELD) >> 8 & 0xff);
}

/* ------------------------------------------------------------------------------------------------------------- tend */

static void put_gone(struct spipe_session *session, uint32_t thread_id)
{
    if (thread_id == 0 || session->is_text)
        return;
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {NULL, 0, &thread_id, 1}};
    spipe_session_put(session, &record);
}

/* Most threads that live for a short time only get their name after they were first seen. */
static void take_final_name(struct spipe_session *session, struct spipe_slot *slot)
{
    if (slot->final_name[0] == '\0' || strncmp(slot->name, slot->final_name, sizeof slot->name) == 0)
        return;
    memcpy(slot->name, slot->final_name, sizeof slot->name);
    if (slot->thread_id != 0 && !session->is_text)
        spipe_weave_announce_thread(session, slot);
}

static bool may_release(struct spipe_session *session, struct spipe_slot *slot)
{
    return atomic_load(&slot->state) == SPIPE_SLOT_ENDED && spipe_ring_peek(&slot->ring) == NULL &&
           slot->gone_ns <= spipe_perf_drain_reached_ns() && atomic_load(&slot->epoch) % 2 == 0 && spipe_outbox_room(session->outbox) >= SPIPE_OUTBOX_RESERVE / 2;
}

void spipe_threads_tend(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (may_release(session, slot)) {
            spipe_sampler_disarm(slot);
            take_final_name(session, slot);
            spipe_ledger_end_slot(session, slot);
            put_gone(session, slot->thread_id);
            spipe_wall_release(slot);
            spipe_slot_release(slot);
        } else if (atomic_load(&slot->state) == SPIPE_SLOT_LIVE) {
            if (slot->name[0] == '\0' && read_name(slot) && slot->thread_id != 0)
                spipe_weave_announce_thread(session, slot);
            if (spipe_sampler_is_missing(slot))
                spipe_sampler_arm(slot, SPIPE_ARMED_BY_PUMP);
        }
    }
}

/* A thread that works and gives no samples may have our signal blocked: then it gets no timer, and what it works is
 * counted. */
static void look_for_block(struct spipe_session *session, struct spipe_slot *slot)
{
    bool is_suspect = slot->cpu_ns - slot->reported_cpu_ns > 2 * session->period_ns &&
                      atomic_load(&slot->attempted) == slot->reported;
    if (!spipe_sampler_uses_signal() || (!is_suspect && !slot->blocks_signal))
        return;
    bool is_blocked = reads_as_blocked(slot, spipe_signals_current());
    if (is_blocked == slot->blocks_signal)
        return;
    slot->blocks_signal = is_blocked;
    spipe_sampler_arm(slot, SPIPE_ARMED_BY_PUMP);
    if (is_blocked)
        slot->cpu_accounted_ns = slot->reported_cpu_ns;
}

void spipe_threads_refresh(struct spipe_session *session)
{
    for (uint32_t i = 0; i < spipe_slot_used(); i++) {
        struct spipe_slot *slot = spipe_slot_get(i);
        if (atomic_load(&slot->state) != SPIPE_SLOT_LIVE)
            continue;
        spipe_ledger_look(session, slot);
        look_for_block(session, slot);
        if (slot->thread_id != 0 && slot->cpu_ns != slot->reported_cpu_ns && read_name(slot) && !session->is_text)
            spipe_weave_announce_thread(session, slot);
    }
}

/* -------------------------------------------------------------------------------------------- the program's threads */

/* A thread's stack ends below libc's thread descriptor, which the thread pointer points to, in the same mapping. */
static void note_own_stack(struct spipe_slot *slot)
{
    uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    uint64_t high = (uint64_t)(uintptr_t)__builtin_thread_pointer() & ~UINT64_C(7);
    if (high <= here || high - here > slot->stack_size)
        return;     /* not where both libcs put it: the pump will look at the mappings */
    atomic_store(&slot->stack_low, here - slot->stack_size);
    atomic_store(&slot->stack_high, high);
}

void spipe_threads_enter(struct spipe_slot *slot)
{
    slot->tid = (int32_t)spipe_system(SYS_gettid);
    note_own_stack(slot);
    atomic_store(&slot->begin_ns, spipe_clock_monotonic_ns());
    atomic_store(&slot->state, SPIPE_SLOT_LIVE);
    spipe_sampler_arm(slot, SPIPE_ARMED_BY_THREAD);
}

void spipe_threads_leave(struct spipe_slot *slot)
{
    uint32_t live = SPIPE_SLOT_LIVE;
    atomic_store(&slot->final_cpu_ns, spipe_clock_thread_cpu_ns(slot->tid));
    atomic_store(&slot->end_ns, spipe_clock_monotonic_ns());
    /* From here on the handler leaves the ring alone, so this thread may write to it itself. */
    if (!atomic_compare_exchange_strong(&slot->state, &live, SPIPE_SLOT_ENDING))
        return;
    (void)spipe_system(SYS_prctl, PR_GET_NAME, slot->final_name);
    uint32_t missing = spipe_sampler_thread_ends(slot);
    if (missing > 0)
        spipe_handler_take_last(slot, missing);
    atomic_store(&slot->state, SPIPE_SLOT_ENDED);
}
