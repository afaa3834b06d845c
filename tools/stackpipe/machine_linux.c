/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include "agent_file.h"
#include "private_folder.h"

#include "protocol/pipe.h"
#include "protocol/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_LEN 512

/* The first line of a file, without its newline. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool found = fgets(line, size, file) != NULL;
    fclose(file);
    if (found) {
        line[strcspn(line, "\n")] = '\0';
    }
    return found;
}

static void copy_variable(const char *name, char *text)
{
    const char *value = getenv(name);
    snprintf(text, SPIPE_MACHINE_TEXT_MAX, "%s", value != NULL ? value : "");
}

/* ---------------------------------------------------------------------------------------------------------------- the
 * agent */

static void run_with_agent(const char *agent, int error_fd)
{
    int null_fd = open("/dev/null", O_RDWR);
    if (null_fd < 0 || dup2(null_fd, STDOUT_FILENO) < 0 || dup2(error_fd, STDERR_FILENO) < 0 ||
        setenv("LD_PRELOAD", agent, 1) != 0) {
        _exit(1);
    }
    unsetenv("STACKPIPE_ENDPOINT");
    execl("/bin/true", "true", (char *)NULL);
    execl("/usr/bin/true", "true", (char *)NULL);
    _exit(1);
}

/* Starts a program with the agent. The loader complains on standard error about a library that it cannot take. */
static void try_agent(struct spipe_machine *machine)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        run_with_agent(machine->agent_path, ends[1]);
    }
    close(ends[1]);
    ssize_t len = pid > 0 ? read(ends[0], machine->agent_text, sizeof machine->agent_text - 1) : -1;
    close(ends[0]);
    machine->agent_text[len > 0 ? len : 0] = '\0';
    machine->agent_text[strcspn(machine->agent_text, "\n")] = '\0';
    int status = 1;
    if (pid > 0) {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
    }
    machine->agent_loads = status == 0 && machine->agent_text[0] == '\0';
}

static void read_agent(struct spipe_machine *machine)
{
    machine->agent_found = spipe_agent_file_find(machine->agent_path) == 0;
    if (machine->agent_found) {
        try_agent(machine);
    }
}

/* --------------------------------------------------------------------------------------------------------------- the
 * kernel */

static void read_kernel(struct spipe_machine *machine)
{
    struct utsname names;
    if (uname(&names) == 0) {
        snprintf(machine->kernel_release, sizeof machine->kernel_release, "%s %s", names.sysname, names.release);
    }
    /* The coarse clock moves with the tick. */
    struct timespec resolution;
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0) {
        machine->tick_hz = (unsigned)((1000000000L + resolution.tv_nsec / 2) / resolution.tv_nsec);
    }
    if (!read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", machine->clocksource,
                   sizeof machine->clocksource)) {
        machine->clocksource[0] = '\0';
    }
    machine->has_close_range = syscall(SYS_close_range, UINT_MAX, UINT_MAX, 0) == 0;
    machine->has_maps = access("/proc/self/maps", R_OK) == 0;
}

static bool can_open_perf_event(void)
{
    struct perf_event_attr attributes = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof attributes,
        .config = PERF_COUNT_SW_CPU_CLOCK,
        .sample_period = 1000000,
        .disabled = 1,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    long fd = syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    close((int)fd);
    return true;
}

/* A timer on this thread's CPU clock that would signal this thread, made and taken away again. */
static bool can_make_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    timer_t timer;
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) {
        return false;
    }
    timer_delete(timer);
    return true;
}

static bool can_read_itself(void)
{
    char from = 'x';
    char to = 0;
    struct iovec local = {&to, 1};
    struct iovec remote = {&from, 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 && to == from;
}

static void read_mechanisms(struct spipe_machine *machine)
{
    char line[LINE_MAX_LEN];
    machine->perf_paranoid = SPIPE_MACHINE_UNKNOWN;
    if (read_line("/proc/sys/kernel/perf_event_paranoid", line, sizeof line)) {
        machine->perf_paranoid = atoi(line);
    }
    machine->perf_works = can_open_perf_event();
    machine->timers_work = can_make_timer();
    machine->can_read_itself = can_read_itself();
}

/* --------------------------------------------------------------------------------------------------------------- the
 * limits */

static void read_status(struct spipe_machine *machine)
{
    struct rlimit limit;
    machine->signals_max = UINT64_MAX;
    if (getrlimit(RLIMIT_SIGPENDING, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        machine->signals_max = limit.rlim_cur;
    }
    FILE *file = fopen("/proc/self/status", "re");
    char line[LINE_MAX_LEN];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "SigQ: %" SCNu64, &machine->signals_used);
        (void)sscanf(line, "Seccomp: %d", &machine->seccomp_mode);
    }
    if (file != NULL) {
        fclose(file);
    }
}

unsigned spipe_machine_filter_count(void)
{
    unsigned mode = 0;
    unsigned count = 0;
    bool is_told = false;
    FILE *file = fopen("/proc/self/status", "re");
    char line[LINE_MAX_LEN];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "Seccomp: %u", &mode);
        is_told = is_told || sscanf(line, "Seccomp_filters: %u", &count) == 1;
    }
    if (file != NULL) {
        fclose(file);
    }
    return is_told ? count : mode != 0;
}

/* Listens at a socket as `record` would. */
static void try_socket(struct spipe_machine *machine)
{
    struct spipe_private_folder folder;
    if (spipe_private_folder_open(&folder) != 0) {
        snprintf(machine->socket_text, sizeof machine->socket_text,
                 "no folder could be made in $XDG_RUNTIME_DIR, $TMPDIR or /tmp");
        return;
    }
    struct spipe_endpoint endpoint = {.kind = SPIPE_ENDPOINT_SOCKET};
    struct spipe_listener listener;
    snprintf(endpoint.path, sizeof endpoint.path, "%s/%0*d", folder.path, SPIPE_SECRET_TEXT_LEN, 0);
    int status = spipe_listener_open(&endpoint, &listener);
    machine->socket_works = status == 0;
    if (status == 0) {
        spipe_listener_close(&listener);
        *strrchr(folder.path, '/') = '\0';
        snprintf(machine->socket_text, sizeof machine->socket_text, "%s", folder.path);
        folder.path[strlen(folder.path)] = '/';
    } else {
        snprintf(machine->socket_text, sizeof machine->socket_text, "%s: %s", folder.path,
                 spipe_status_message(status));
    }
    spipe_private_folder_close(&folder);
}

static void read_disk(struct spipe_machine *machine)
{
    struct statvfs system;
    machine->disk_free = UINT64_MAX;
    if (statvfs(".", &system) == 0) {
        machine->disk_free = (uint64_t)system.f_bavail * system.f_frsize;
    }
}

/* ----------------------------------------------------------------------------------------------------------- the
 * processors */

static void read_processors(struct spipe_machine *machine)
{
    cpu_set_t set;
    machine->cpu_count = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 0;
    char line[LINE_MAX_LEN];
    uint64_t time[8] = {0};
    if (!read_line("/proc/stat", line, sizeof line) ||
        sscanf(line, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &time[0], &time[1], &time[2], &time[3], &time[4], &time[5], &time[6], &time[7]) != 8) {
        return;
    }
    /* User, nice, system, idle, waiting, interrupts, soft interrupts, steal. */
    uint64_t all = 0;
    for (size_t i = 0; i < 8; i++) {
        all += time[i];
    }
    machine->steal_percent = all > 0 ? 100.0 * (double)time[7] / (double)all : 0;
}

/* --------------------------------------------------------------------------------------------------------------------
 * names */

/* The path of the debug file that belongs to a build id. */
static bool has_debug_file(const unsigned char *build_id, size_t len)
{
    char path[PATH_MAX] = "/usr/lib/debug/.build-id/";
    size_t at = strlen(path);
    for (size_t i = 0; i < len && at + 16 < sizeof path; i++) {
        at += (size_t)snprintf(path + at, sizeof path - at, i == 0 ? "%02x/" : "%02x", build_id[i]);
    }
    snprintf(path + at, sizeof path - at, ".debug");
    return access(path, R_OK) == 0;
}

static size_t round_up_4(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

/* Looks through one segment of notes, which lies in our own memory, for the build id. */
static void look_for_build_id(struct spipe_machine *machine, const unsigned char *notes, size_t len)
{
    while (len >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        memcpy(&note, notes, sizeof note);
        size_t name = round_up_4(note.n_namesz);
        size_t size = sizeof note + name + round_up_4(note.n_descsz);
        if (size > len) {
            return;
        }
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + sizeof note, "GNU", 4) == 0 &&
            note.n_descsz > 1) {
            machine->libc_has_debug_file = has_debug_file(notes + sizeof note + name, note.n_descsz);
            return;
        }
        notes += size;
        len -= size;
    }
}

static int look_at_library(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    struct spipe_machine *machine = user;
    if (info->dlpi_name == NULL || strstr(info->dlpi_name, "/libc.so") == NULL) {
        return 0;
    }
    machine->libc_known = true;
    snprintf(machine->libc_path, sizeof machine->libc_path, "%s", info->dlpi_name);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_NOTE) {
            look_for_build_id(machine, (const unsigned char *)(info->dlpi_addr + header->p_vaddr), header->p_memsz);
        }
    }
    return 1;
}

void spipe_machine_read(struct spipe_machine *ret_machine)
{
    *ret_machine = (struct spipe_machine){0};
    read_agent(ret_machine);
    read_kernel(ret_machine);
    read_mechanisms(ret_machine);
    read_status(ret_machine);
    try_socket(ret_machine);
    read_disk(ret_machine);
    read_processors(ret_machine);
    dl_iterate_phdr(look_at_library, ret_machine);
    copy_variable("DEBUGINFOD_URLS", ret_machine->debuginfod_urls);
    copy_variable("LD_PRELOAD", ret_machine->preload);
}
