/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include "clock.h"
#include "control.h"
#include "files.h"
#include "greeting.h"
#include "handler.h"
#include "log.h"
#include "next_symbol.h"
#include "pages.h"
#include "past.h"
#include "protocol/status.h"
#include "protocol/system_linux.h"
#include "slice.h"
#include "slot.h"
#include "threads.h"
#include "wrappers.h"

#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#define OWN_PREFIX "STACKPIPE_"
#define ID_DIGITS 32u
#define PRELOAD "LD_PRELOAD="
#define FSGSBASE_BIT 2u         /* in AT_HWCAP2; see the kernel's Documentation/arch/x86/x86_64/fsgs.rst */

/* What we map, though hardly touch, is about 100 MiB and the session's buffer: little of a limit above this. */
#define LEAST_MEMORY (UINT64_C(1) << 30)
#define HIDE_NS UINT64_C(200000000)

extern char **environ;

/* The entries that were taken out of the environment, for an exec. */
static char *kept_entry[32];
static size_t kept_count;

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void copy_value(char *to, size_t size, const char *value)
{
    struct spipe_text text;
    spipe_text_init(&text, to, size);
    spipe_text_add(&text, value);
}

static void read_variable(const char *entry)
{
    struct spipe_environment *environment = &spipe_control.environment;
    const char *name = entry + sizeof OWN_PREFIX - 1;
    const char *value = strchr(entry, '=');
    if (value == NULL)
        return;
    value++;
    if (begins_with(name, "ENDPOINT="))
        copy_value(environment->endpoint, sizeof environment->endpoint, value);
    else if (begins_with(name, "TOKEN="))
        copy_value(environment->token, sizeof environment->token, value);
    else if (begins_with(name, "LOG="))
        copy_value(environment->log_path, sizeof environment->log_path, value);
    else if (begins_with(name, "CONFIG="))
        copy_value(environment->config, sizeof environment->config, value);
    else if (begins_with(name, "MECHANISM="))
        copy_value(environment->mechanism, sizeof environment->mechanism, value);
    else if (begins_with(name, "START="))
        environment->wait = strcmp(value, "wait") == 0;
}

static unsigned hex_digit(char digit)
{
    return digit >= 'a' ? (unsigned)(digit - 'a') + 10u : (unsigned)(digit - '0');
}

/* Takes 32 hexadecimal digits and the colon behind them. */
static bool take_id(const char **at, uint8_t *id)
{
    const char *text = *at;
    if (strspn(text, "0123456789abcdef") != ID_DIGITS || text[ID_DIGITS] != ':')
        return false;
    for (unsigned i = 0; i < ID_DIGITS / 2; i++)
        id[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    *at += ID_DIGITS + 1;
    return true;
}

/* STACKPIPE_PROCESS=<process id>:<last session's id>:<its number>: an earlier program of this process, before its exec,
 * had sessions. */
static void read_process(const char *value)
{
    uint8_t process_id[ID_DIGITS / 2];
    uint8_t session_id[ID_DIGITS / 2];
    uint64_t number;
    const char *end = value + strlen(value);
    if (!take_id(&value, process_id) || !take_id(&value, session_id) ||
        !spipe_text_take_number(&value, end, 10, &number) || number >= UINT32_MAX)
        return;
    spipe_greeting_continue(process_id, (uint32_t)number);
    spipe_past_continue(session_id);
}

/* Takes the agent's path out of LD_PRELOAD, in place; true when nothing else is left. Its entries are separated by
 * colons or blanks. */
static bool cut_preload(char *entry, const char *own_path)
{
    char *list = entry + sizeof PRELOAD - 1;
    size_t own_len = strlen(own_path);
    char *found = strstr(list, own_path);
    if (found == NULL || own_len == 0)
        return false;
    char *after = found + own_len;
    if (*after == ':' || *after == ' ')
        after++;
    else if (found > list)
        found--;
    memmove(found, after, strlen(after) + 1);
    return *list == '\0';
}

static bool is_own_preload(const char *entry, const char *own_path)
{
    return begins_with(entry, PRELOAD) && own_path[0] != '\0' && strstr(entry + sizeof PRELOAD - 1, own_path) != NULL;
}

static char *keep_entry(const char *entry)
{
    static char memory[16384];
    static size_t used;
    size_t len = strlen(entry) + 1;
    if (len > sizeof memory - used)
        return NULL;
    char *copy = memory + used;
    memcpy(copy, entry, len);
    used += len;
    return copy;
}

static void keep_for_exec(const char *entry)
{
    char *copy = kept_count < sizeof kept_entry / sizeof kept_entry[0] ? keep_entry(entry) : NULL;
    if (copy != NULL)
        kept_entry[kept_count++] = copy;
}

/* Reads our variables and takes them out of the program's environment, with our entry of LD_PRELOAD: children of the
 * program are not to carry the agent, and the program is to see the environment that it was meant to have. */
static void take_environment(const char *own_path)
{
    char **to = environ;
    for (char **from = environ; from != NULL && *from != NULL; from++) {
        char *entry = *from;
        if (begins_with(entry, OWN_PREFIX "PROCESS=")) {
            read_process(strchr(entry, '=') + 1);
            continue;
        }
        if (begins_with(entry, OWN_PREFIX)) {
            read_variable(entry);
            keep_for_exec(entry);
            continue;
        }
        if (begins_with(entry, "TMPDIR="))
            copy_value(spipe_control.environment.temporary_folder, sizeof spipe_control.environment.temporary_folder,
                       entry + 7);
        if (is_own_preload(entry, own_path)) {
            copy_value(spipe_control.environment.preload, sizeof spipe_control.environment.preload, own_path);
            if (cut_preload(entry, own_path))
                continue;
        }
        *to++ = entry;
    }
    if (to != NULL)
        *to = NULL;
}

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
    if (endpoint != NULL)
        copy_value(spipe_control.environment.endpoint, sizeof spipe_control.environment.endpoint, endpoint);
    return start();
}

/* In a set-uid program the environment is another user's: nothing of it is believed. */
static bool is_secure_mode(void)
{
    return getauxval(AT_SECURE) != 0 || spipe_system(SYS_getuid) != spipe_system(SYS_geteuid) ||
           spipe_system(SYS_getgid) != spipe_system(SYS_getegid);
}

__attribute__((constructor(101))) static void enter(void)
{
    spipe_wrappers_init();
    if (is_secure_mode())
        return;
    take_environment(spipe_next_symbol_own_path());
    (void)start();
}

__attribute__((destructor(101))) static void leave_last(void)
{
    leave();
}

/* ----------------------------------------------------------------------------------------------------------- exec */

static void add_id(struct spipe_text *text, const uint8_t *id)
{
    for (unsigned i = 0; i < ID_DIGITS / 2; i++) {
        spipe_text_add_hex(text, id[i] >> 4);
        spipe_text_add_hex(text, id[i] & 15u);
    }
    spipe_text_add(text, ":");
}

/* NULL when there was no session yet. */
static char *process_entry(void)
{
    static char entry[128];
    struct spipe_text text;
    const uint8_t *session_id = spipe_past_session_id();
    if (session_id == NULL)
        return NULL;
    spipe_text_init(&text, entry, sizeof entry);
    spipe_text_add(&text, OWN_PREFIX "PROCESS=");
    add_id(&text, spipe_greeting_process_id());
    add_id(&text, session_id);
    spipe_text_add_number(&text, spipe_greeting_session_number());
    return entry;
}

static char *preload_entry(char *const *environment)
{
    const char *others = "";
    for (; *environment != NULL; environment++) {
        if (begins_with(*environment, PRELOAD))
            others = *environment + sizeof PRELOAD - 1;
    }
    size_t size = sizeof PRELOAD + strlen(spipe_control.environment.preload) + 1 + strlen(others) + 1;
    char *entry = spipe_pages_new(size);
    if (entry == NULL)
        return NULL;
    struct spipe_text text;
    spipe_text_init(&text, entry, size);
    spipe_text_add(&text, PRELOAD);
    spipe_text_add(&text, spipe_control.environment.preload);
    if (others[0] != '\0') {
        spipe_text_add(&text, ":");
        spipe_text_add(&text, others);
    }
    return entry;
}

char *const *spipe_entry_exec_environment(char *const *environment)
{
    size_t count = 0;
    if (environment == NULL || spipe_control.environment.preload[0] == '\0')
        return environment;
    while (environment[count] != NULL)
        count++;
    char **extended = spipe_pages_new((count + kept_count + 3) * sizeof *extended);
    char *preload = preload_entry(environment);
    if (extended == NULL || preload == NULL)
        return environment;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!begins_with(environment[i], PRELOAD))
            extended[used++] = environment[i];
    }
    extended[used++] = preload;
    for (size_t i = 0; i < kept_count; i++)
        extended[used++] = kept_entry[i];
    extended[used++] = process_entry();
    return extended;
}

void spipe_entry_restart(void)
{
    (void)spipe_control_start_pump();
}
