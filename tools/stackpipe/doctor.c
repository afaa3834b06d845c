/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include "plain_text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The agent uses at most an eighth of the user's pending signals, one for each thread that it has a timer for. */
#define SIGNALS_SHARE      8
#define THREADS_FEW        64
#define DISK_LITTLE        (UINT64_C(64) << 20)
#define STEAL_MUCH_PERCENT 5.0

static void add(struct spipe_doctor *doctor, enum spipe_finding_level level, const char *name, const char *remedy,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

static void add(struct spipe_doctor *doctor, enum spipe_finding_level level, const char *name, const char *remedy,
                const char *format, ...)
{
    assert(doctor->count < SPIPE_DOCTOR_FINDINGS_MAX);
    struct spipe_finding *finding = &doctor->finding[doctor->count++];
    finding->level = level;
    finding->name = name;
    finding->remedy = remedy;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
}

static void judge_agent(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (!machine->agent_found) {
        add(doctor, SPIPE_FINDING_PROBLEM, "agent", "install the library there, or let STACKPIPE_AGENT hold its path",
            "the agent's library is not at %s", machine->agent_path);
    } else if (!machine->agent_loads) {
        add(doctor, SPIPE_FINDING_PROBLEM, "agent", "build the agent for this system's processor and C library",
            "%s cannot be loaded: %s", machine->agent_path,
            machine->agent_text[0] != '\0' ? machine->agent_text : "a program with it fails");
    } else {
        add(doctor, SPIPE_FINDING_OK, "agent", "", "%s loads", machine->agent_path);
    }
}

static void judge_kernel(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (!machine->has_maps) {
        add(doctor, SPIPE_FINDING_PROBLEM, "proc", "mount /proc where programs are profiled",
            "/proc/self/maps cannot be read");
    } else if (!machine->can_read_itself) {
        add(doctor, SPIPE_FINDING_NOTE, "proc", "allow process_vm_readv in the container's system call filter",
            "a process may not copy its own memory with process_vm_readv, so that stacks may not be followed");
    } else {
        add(doctor, SPIPE_FINDING_OK, "proc", "", "a process can see its own maps and memory");
    }
    if (machine->has_close_range) {
        add(doctor, SPIPE_FINDING_OK, "close_range", "", "%s can hide the agent's descriptors from the program",
            machine->kernel_release);
    } else {
        add(doctor, SPIPE_FINDING_NOTE, "close_range",
            "use Linux 5.9 or later, and allow close_range in the container's system call filter",
            "%s has no close_range, so that the program can see the agent's descriptors", machine->kernel_release);
    }
}

static bool is_fast_clock(const char *name)
{
    static const char *const fast[] = {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"};
    for (size_t i = 0; i < sizeof fast / sizeof fast[0]; i++) {
        if (strcmp(name, fast[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void judge_clocks(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (machine->clocksource[0] == '\0') {
        add(doctor, SPIPE_FINDING_NOTE, "clock", "", "the system does not tell its clock source");
    } else if (is_fast_clock(machine->clocksource)) {
        add(doctor, SPIPE_FINDING_OK, "clock", "", "clock source %s is read without a system call",
            machine->clocksource);
    } else {
        add(doctor, SPIPE_FINDING_NOTE, "clock",
            "choose tsc where the processor has a steady one (kernel parameter clocksource=tsc)",
            "clock source %s may need a system call for each sample's time", machine->clocksource);
    }
    if (machine->tick_hz == 0) {
        add(doctor, SPIPE_FINDING_NOTE, "tick", "", "the kernel's tick is not known");
    } else if (machine->tick_hz < 100) {
        add(doctor, SPIPE_FINDING_NOTE, "tick", "ask for more with --rate where perf events are allowed",
            "the kernel's tick is %u Hz, below the default rate", machine->tick_hz);
    } else {
        add(doctor, SPIPE_FINDING_OK, "tick", "", "the kernel's tick is %u Hz; CPU timers serve rates up to that",
            machine->tick_hz);
    }
}

static void judge_mechanisms(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (machine->timers_work) {
        add(doctor, SPIPE_FINDING_OK, "timers", "", "threads can have timers on their own CPU clock");
    } else {
        add(doctor, SPIPE_FINDING_PROBLEM, "timers", "allow timer_create in the container's system call filter",
            "timers on a thread's CPU clock cannot be made");
    }
    if (machine->perf_works) {
        add(doctor, SPIPE_FINDING_OK, "perf", "",
            "perf events of a program's own threads are allowed, which serve rates above the tick");
    } else if (machine->perf_paranoid == SPIPE_MACHINE_UNKNOWN) {
        add(doctor, SPIPE_FINDING_NOTE, "perf", "use a kernel with perf events for rates above the tick",
            "the kernel has no perf events");
    } else {
        add(doctor, SPIPE_FINDING_NOTE, "perf",
            "sysctl kernel.perf_event_paranoid=2, or allow perf_event_open in the container's system call filter",
            "perf events are not allowed (perf_event_paranoid is %d), so that rates above the tick are less exact",
            machine->perf_paranoid);
    }
}

static void judge_signals(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    static const char remedy[] = "raise the limit: ulimit -i";
    if (machine->signals_max == UINT64_MAX) {
        add(doctor, SPIPE_FINDING_OK, "signals", "", "pending signals are not limited");
        return;
    }
    uint64_t threads = machine->signals_max / SIGNALS_SHARE;
    uint64_t left = machine->signals_max > machine->signals_used ? machine->signals_max - machine->signals_used : 0;
    threads = threads < left ? threads : left;
    if (threads == 0) {
        add(doctor, SPIPE_FINDING_PROBLEM, "signals", remedy,
            "the limit of %" PRIu64 " pending signals leaves none for timers (%" PRIu64 " are used)",
            machine->signals_max, machine->signals_used);
    } else if (threads < THREADS_FEW) {
        add(doctor, SPIPE_FINDING_NOTE, "signals", remedy,
            "the limit of %" PRIu64 " pending signals gives timers to %" PRIu64 " busy threads at once",
            machine->signals_max, threads);
    } else {
        add(doctor, SPIPE_FINDING_OK, "signals", "",
            "the limit of %" PRIu64 " pending signals gives timers to %" PRIu64 " busy threads at once",
            machine->signals_max, threads);
    }
}

static void judge_seccomp(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (machine->seccomp_mode == 0) {
        add(doctor, SPIPE_FINDING_OK, "seccomp", "", "no system call filter is in force");
    } else {
        add(doctor, SPIPE_FINDING_NOTE, "seccomp",
            "if something above is refused, start the container with a wider filter",
            "a system call filter (mode %d) is in force here, as in most containers", machine->seccomp_mode);
    }
}

static void judge_surroundings(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    judge_seccomp(machine, doctor);
    if (machine->socket_works) {
        add(doctor, SPIPE_FINDING_OK, "socket", "", "sockets can be made in %s", machine->socket_text);
    } else {
        add(doctor, SPIPE_FINDING_PROBLEM, "socket", "let TMPDIR name a folder with a short path that you can write to",
            "sockets cannot be made: %s", machine->socket_text);
    }
    char size[SPIPE_PLAIN_NUMBER_MAX];
    if (machine->disk_free == UINT64_MAX) {
        add(doctor, SPIPE_FINDING_NOTE, "disk", "", "the free room in the current folder is not known");
    } else if (machine->disk_free < DISK_LITTLE) {
        add(doctor, SPIPE_FINDING_NOTE, "disk", "write captures elsewhere with -o",
            "the current folder has only %s left", spipe_plain_text_size(machine->disk_free, size));
    } else {
        add(doctor, SPIPE_FINDING_OK, "disk", "", "the current folder has %s left",
            spipe_plain_text_size(machine->disk_free, size));
    }
}

static void judge_processors(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (machine->steal_percent > STEAL_MUCH_PERCENT) {
        add(doctor, SPIPE_FINDING_NOTE, "processors", "compare runs on a quieter machine",
            "%u processors, and the hypervisor takes %.1f %% of their time", machine->cpu_count,
            machine->steal_percent);
    } else {
        add(doctor, SPIPE_FINDING_OK, "processors", "", "%u processor%s, %.1f %% of the time taken by a hypervisor",
            machine->cpu_count, machine->cpu_count == 1 ? "" : "s", machine->steal_percent);
    }
}

static void judge_names(const struct spipe_machine *machine, struct spipe_doctor *doctor)
{
    if (machine->libc_has_debug_file) {
        add(doctor, SPIPE_FINDING_OK, "symbols", "", "debug symbols of %s are installed", machine->libc_path);
    } else if (machine->libc_known) {
        add(doctor, SPIPE_FINDING_NOTE, "symbols", "install libc6-dbg, or set DEBUGINFOD_URLS",
            "debug symbols of %s are not installed, so that its inner functions have no names", machine->libc_path);
    }
    if (machine->debuginfod_urls[0] != '\0') {
        add(doctor, SPIPE_FINDING_OK, "debuginfod", "", "missing symbols are asked for at %s",
            machine->debuginfod_urls);
    } else {
        add(doctor, SPIPE_FINDING_OK, "debuginfod", "",
            "DEBUGINFOD_URLS is not set, so that no server is asked for symbols");
    }
    if (machine->preload[0] != '\0') {
        add(doctor, SPIPE_FINDING_NOTE, "preload", "unset LD_PRELOAD when another profiler is in it",
            "LD_PRELOAD holds %s already; two profilers in one program disturb each other", machine->preload);
    } else {
        add(doctor, SPIPE_FINDING_OK, "preload", "", "LD_PRELOAD is not set");
    }
}

void spipe_doctor_judge(const struct spipe_machine *machine, struct spipe_doctor *ret_doctor)
{
    ret_doctor->count = 0;
    judge_agent(machine, ret_doctor);
    judge_kernel(machine, ret_doctor);
    judge_clocks(machine, ret_doctor);
    judge_mechanisms(machine, ret_doctor);
    judge_signals(machine, ret_doctor);
    judge_surroundings(machine, ret_doctor);
    judge_processors(machine, ret_doctor);
    judge_names(machine, ret_doctor);
}

static const char *program_remedy(enum spipe_elf_verdict verdict)
{
    switch (verdict) {
    case SPIPE_ELF_STATIC: return "link it dynamically; what it starts is profiled with record --children follow";
    case SPIPE_ELF_PRIVILEGED: return "run a copy without those rights, as the user whom it is to run as";
    case SPIPE_ELF_OTHER_WIDTH:
    case SPIPE_ELF_OTHER_MACHINE:
    case SPIPE_ELF_MUSL: return "build it for this system's processor and C library";
    default: return "";
    }
}

void spipe_doctor_judge_program(struct spipe_doctor *doctor, const char *path, const struct spipe_elf_check *check)
{
    if (check->verdict == SPIPE_ELF_FINE) {
        add(doctor, SPIPE_FINDING_OK, "program", "", "%s can be profiled", path);
    } else {
        add(doctor, SPIPE_FINDING_PROBLEM, "program", program_remedy(check->verdict), "%s", check->text);
    }
}

const char *spipe_finding_level_name(enum spipe_finding_level level)
{
    static const char *const names[] = {"ok", "note", "problem"};
    return names[level];
}

bool spipe_doctor_has_problem(const struct spipe_doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        if (doctor->finding[i].level == SPIPE_FINDING_PROBLEM) {
            return true;
        }
    }
    return false;
}
