/* SPDX-License-Identifier: MIT */
#include "greeting.h"

#include "clock.h"
#include "files.h"
#include "pages.h"
#include "protocol/system_linux.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#define PATH_SIZE 4096u
#define ARGUMENTS_SIZE (32u * 1024u)
#define ARGUMENTS_MAX 1024u
/* What /proc counts process start times in. */
#define TICKS_PER_SECOND 100u
/* The field of /proc/self/stat that holds the start time; see proc(5). */
#define START_TIME_FIELD 22

static struct {
    char executable[PATH_SIZE];
    char cpu_model[128];
    uint8_t process_id[16];
    uint8_t parent_id[16];
    bool has_process_id;
    bool has_parent;
    uint32_t session_number;
    uint64_t start_time_us;
    uint32_t cpu_count;
} facts;

static const char *const capabilities[] = {"wall"};

static void read_executable(void)
{
    long len = spipe_system(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", facts.executable, sizeof facts.executable - 1);
    facts.executable[len > 0 ? len : 0] = '\0';
}

static void read_cpu_model(void)
{
    static const char key[] = "model name\t: ";
    char text[1024];
    if (spipe_files_read("/proc/cpuinfo", text, sizeof text) <= 0)
        return;
    const char *found = strstr(text, key);
    if (found == NULL)
        return;
    found += sizeof key - 1;
    const char *end = strchr(found, '\n');
    struct spipe_text model;
    spipe_text_init(&model, facts.cpu_model, sizeof facts.cpu_model);
    spipe_text_add_bytes(&model, found, end == NULL ? strlen(found) : (size_t)(end - found));
}

static void read_cpu_count(void)
{
    uint64_t mask[128];
    long len = spipe_system(SYS_sched_getaffinity, 0, sizeof mask, mask);
    facts.cpu_count = 0;
    for (long i = 0; i < len / 8; i++)
        facts.cpu_count += (uint32_t)__builtin_popcountll(mask[i]);
}

/* The fields follow the command's name, which may itself hold blanks and brackets. */
static void read_start_time(void)
{
    char text[1024];
    long len = spipe_files_read("/proc/self/stat", text, sizeof text);
    const char *at = len > 0 ? strrchr(text, ')') : NULL;
    if (at == NULL)
        return;
    for (int field = 2; field < START_TIME_FIELD && at != NULL; field++)
        at = strchr(at + 1, ' ');
    uint64_t ticks;
    if (at == NULL || (at++, !spipe_text_take_number(&at, text + len, 10, &ticks)))
        return;
    struct timespec since_boot = {0, 0};
    (void)spipe_system(SYS_clock_gettime, CLOCK_BOOTTIME, &since_boot);
    uint64_t boot_us = spipe_clock_real_ns() / 1000u -
                       ((uint64_t)since_boot.tv_sec * 1000000u + (uint64_t)since_boot.tv_nsec / 1000u);
    facts.start_time_us = boot_us + ticks * (1000000u / TICKS_PER_SECOND);
}

void spipe_greeting_init(void)
{
    read_executable();
    read_cpu_model();
    read_cpu_count();
    read_start_time();
}

void spipe_greeting_begin(struct spipe_session *session)
{
    (void)spipe_system(SYS_getrandom, session->session_id, sizeof session->session_id, 0);
    session->session_number = ++facts.session_number;
    session->origin_ns = spipe_clock_monotonic_ns();
    session->origin_unix_us = spipe_clock_real_ns() / 1000u;
}

/* Splits the NUL-separated arguments in place. */
static size_t read_arguments(char *text, const char **argument)
{
    size_t count = 0;
    long len = spipe_files_read("/proc/self/cmdline", text, ARGUMENTS_SIZE);
    for (long at = 0; at < len && count < ARGUMENTS_MAX; at += (long)strlen(text + at) + 1)
        argument[count++] = text + at;
    return count;
}

void spipe_greeting_put_hello(struct spipe_session *session)
{
    struct {
        const char *argument[ARGUMENTS_MAX];
        char text[ARGUMENTS_SIZE];
    } *arguments = NULL;
    struct spipe_hello hello = {
        .protocol_minor = SPIPE_PROTOCOL_MINOR,
        .agent_version = SPIPE_VERSION,
        .session_id = {session->session_id, sizeof session->session_id},
        .process_id = {facts.process_id, sizeof facts.process_id},
        .session_number = session->session_number,
        .pid = (uint32_t)spipe_system(SYS_getpid),
        .parent_pid = (uint32_t)spipe_system(SYS_getppid),
        .start_time_us = facts.start_time_us,
        .executable = facts.executable,
        .operating_system = "linux",
        .architecture = "x86_64",
        .cpu_model = facts.cpu_model,
        .cpu_count = facts.cpu_count,
        .kernel_tick_hz = (uint32_t)(1000000000u / spipe_clock_tick_ns()),
        .origin_ns = session->origin_ns,
        .origin_unix_us = session->origin_unix_us,
        .parent_process_id = {facts.parent_id, facts.has_parent ? sizeof facts.parent_id : 0},
        .previous_session_id = {session->previous.session_id,
                                session->previous.has_session ? SPIPE_SESSION_ID_LEN : 0},
    };
    hello.capability = capabilities;
    hello.capability_count = sizeof capabilities / sizeof capabilities[0];
    if (session->settings.applied.send_arguments && (arguments = spipe_pages_new(sizeof *arguments)) != NULL) {
        hello.argument = arguments->argument;
        hello.argument_count = read_arguments(arguments->text, arguments->argument);
    }
    struct spipe_record record = {.kind = SPIPE_RECORD_HELLO, .hello = hello};
    spipe_session_put(session, &record);
    spipe_pages_free(arguments, sizeof *arguments);
}

/* The session's sources; room for two. */
static size_t list_sources(const struct spipe_session *session, struct spipe_source *source)
{
    size_t count = 0;
    bool is_timer = session->mechanism == SPIPE_MECHANISM_THREAD_CPU_TIMER;
    if (session->mechanism != SPIPE_MECHANISM_NONE)
        source[count++] = (struct spipe_source){
            SPIPE_SOURCE_ID_CPU,          SPIPE_SOURCE_CPU,
            SPIPE_UNIT_NANOSECONDS,       (uint32_t)session->period_ns,
            spipe_sampler_mechanism_name(session->mechanism), is_timer};
    if (session->wall_period_ns != 0)
        source[count++] = (struct spipe_source){SPIPE_SOURCE_ID_WALL,   SPIPE_SOURCE_WALL,
                                                SPIPE_UNIT_NANOSECONDS, (uint32_t)session->wall_period_ns,
                                                "thread-state",         false};
    return count;
}

void spipe_greeting_put_applied(struct spipe_session *session)
{
    uint8_t hash[8];
    struct spipe_source source[2];
    const char *mechanism = spipe_sampler_mechanism_name(session->mechanism);
    spipe_settings_hash(&session->settings, mechanism, hash);
    struct spipe_applied applied = {
        .configuration = session->settings.applied,
        .time_quantum_ns = SPIPE_TIME_QUANTUM_NS,
        .configuration_hash = {hash, sizeof hash},
        .source = source,
        .source_count = list_sources(session, source),
        .unmet = session->settings.unmet,
        .unmet_count = session->settings.unmet_count,
        .time = spipe_session_time(session, spipe_clock_monotonic_ns()),
    };
    struct spipe_record record = {.kind = SPIPE_RECORD_APPLIED, .applied = applied};
    spipe_session_put(session, &record);
}

const char *spipe_greeting_executable(void)
{
    return facts.executable;
}

const uint8_t *spipe_greeting_process_id(void)
{
    return facts.process_id;
}

uint32_t spipe_greeting_session_number(void)
{
    return facts.session_number;
}

const uint8_t *spipe_greeting_id_for_children(void)
{
    return facts.session_number > 0 ? facts.process_id : spipe_greeting_parent_id();
}

const uint8_t *spipe_greeting_parent_id(void)
{
    return facts.has_parent ? facts.parent_id : NULL;
}

void spipe_greeting_continue(const uint8_t *process_id, uint32_t session_number)
{
    memcpy(facts.process_id, process_id, sizeof facts.process_id);
    facts.has_process_id = true;
    facts.session_number = session_number;
}

void spipe_greeting_descend(const uint8_t *parent_id)
{
    memcpy(facts.parent_id, parent_id, sizeof facts.parent_id);
    facts.has_parent = true;
}

void spipe_greeting_name_process(void)
{
    if (facts.has_process_id)
        return;
    (void)spipe_system(SYS_getrandom, facts.process_id, sizeof facts.process_id, 0);
    facts.has_process_id = true;
}

void spipe_greeting_fork(void)
{
    if (facts.session_number > 0)
        spipe_greeting_descend(facts.process_id);
    facts.session_number = 0;
    facts.has_process_id = false;
    spipe_greeting_name_process();
}
