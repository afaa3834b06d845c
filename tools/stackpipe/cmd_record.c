/* SPDX-License-Identifier: MIT */
/*
 * record: hosts the pipe, starts the program with the agent, and keeps what comes until the program has ended.
 */
#include "agent_file.h"
#include "clock.h"
#include "complain.h"
#include "elf_check.h"
#include "environment.h"
#include "launch.h"
#include "machine.h"
#include "private_folder.h"
#include "progress.h"
#include "record_summary.h"
#include "record_wishes.h"
#include "recorder.h"
#include "recording.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long what has been sent may wait to be written to the file. */
#define FLUSH_INTERVAL_NS UINT64_C(500000000)
/* How long to read on after the program has ended, should something else hold its connection open. */
#define DRAIN_NS UINT64_C(2000000000)

/* All that one recording needs. */
struct run {
    struct spipe_record_wishes wishes;
    struct spipe_launch launch;
    struct spipe_recorder recorder;
    struct spipe_recording recording;
    struct spipe_private_folder folder;
    struct spipe_progress progress;
    char program[PATH_MAX];
    char agent[PATH_MAX];
    char token[SPIPE_SECRET_TEXT_MAX];
    char endpoint[SPIPE_ENDPOINT_TEXT_MAX];
    char log[SPIPE_PRIVATE_FOLDER_MAX + 16];
    bool has_own_log;  /* the user has not set STACKPIPE_LOG */
    bool told_failure; /* that the capture cannot be written */
    uint64_t start_ns;
    uint64_t flushed_ns;
};

/* ------------------------------------------------------------------------------------------------- what speaks against
 * it */

static int find_program(struct run *run)
{
    int status = spipe_program_find(run->wishes.argv[0], getenv("PATH"), run->program);
    if (status == SPIPE_E_NOT_FOUND) {
        spipe_complain("%s: not found", run->wishes.argv[0]);
        return SPIPE_EXIT_NOT_FOUND;
    }
    if (status != 0) {
        spipe_complain("%s: cannot be executed", run->program);
        return SPIPE_EXIT_CANNOT_RUN;
    }
    return 0;
}

/* Says why the program cannot be profiled, when that is known beforehand. */
static bool can_be_profiled(struct run *run)
{
    struct spipe_elf_check check;
    spipe_elf_check(run->program, getenv("PATH"), &check);
    bool passes_on = check.verdict == SPIPE_ELF_STATIC && run->wishes.configuration.follow_children;
    if (passes_on) {
        spipe_complain("not profiled itself, but what it starts: %s", check.text);
    } else if (check.verdict != SPIPE_ELF_FINE) {
        spipe_complain("not profiled: %s", check.text);
        return false;
    }
    if (spipe_agent_file_find(run->agent) != 0) {
        spipe_complain("not profiled: the agent's library is not at %s", run->agent);
        return false;
    }
    return true;
}

/* --------------------------------------------------------------------------------------------------------------
 * preparing */

/* A path that LD_PRELOAD cannot hold gets a link in the private folder. */
static int make_agent_loadable(struct run *run)
{
    if (strpbrk(run->agent, SPIPE_PRELOAD_SPECIAL) == NULL) {
        return 0;
    }
    char link_path[PATH_MAX];
    snprintf(link_path, sizeof link_path, "%s/agent.so", run->folder.path);
    if (symlink(run->agent, link_path) != 0) {
        return SPIPE_E_SYSTEM;
    }
    snprintf(run->agent, sizeof run->agent, "%s", link_path);
    return 0;
}

static int make_private_things(struct run *run)
{
    char name[SPIPE_SECRET_TEXT_MAX];
    if (spipe_private_folder_open(&run->folder) != 0 || spipe_secret_make(run->token) != 0 ||
        spipe_secret_make(name) != 0 || make_agent_loadable(run) != 0) {
        return SPIPE_E_SYSTEM;
    }
    snprintf(run->log, sizeof run->log, "%s/agent.log", run->folder.path);
    run->has_own_log = getenv("STACKPIPE_LOG") == NULL;
    if (run->wishes.endpoint != NULL) {
        snprintf(run->endpoint, sizeof run->endpoint, "%s", run->wishes.endpoint);
    } else {
        snprintf(run->endpoint, sizeof run->endpoint, "unix:%s/%s", run->folder.path, name);
    }
    run->wishes.configuration.token = run->token;
    return 0;
}

static int open_recording(struct run *run)
{
    if (spipe_recorder_open(&run->recorder, run->wishes.output) != 0) {
        spipe_complain("%s: %s", run->wishes.output, run->recorder.text);
        return SPIPE_EXIT_FAILED;
    }
    if (make_private_things(run) != 0) {
        spipe_complain("no private folder can be made in $XDG_RUNTIME_DIR, $TMPDIR or /tmp");
        return SPIPE_EXIT_FAILED;
    }
    const char *message = NULL;
    int status =
        spipe_recording_open(&run->recording, run->endpoint, &run->wishes.configuration, &run->recorder,
                             run->folder.path, &message);
    if (status != 0) {
        spipe_complain("%s cannot be listened at: %s", run->endpoint,
                       message != NULL ? message : spipe_status_message(status));
        return SPIPE_EXIT_FAILED;
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- while it
 * runs */

static int start_program(struct run *run, char *const *environment)
{
    int status = spipe_launch_start(&run->launch, run->program, run->wishes.argv, environment);
    if (status == 0) {
        return 0;
    }
    spipe_complain("%s: %s", run->program, strerror(run->launch.start_errno));
    return status == SPIPE_E_NOT_FOUND ? SPIPE_EXIT_NOT_FOUND : SPIPE_EXIT_CANNOT_RUN;
}

static int start_with_agent(struct run *run)
{
    struct spipe_environment wanted = {run->agent, run->endpoint, run->token, run->has_own_log ? run->log : NULL,
                                       spipe_machine_filter_count()};
    char **environment = spipe_environment_make(environ, &wanted);
    if (environment == NULL) {
        spipe_complain("out of memory");
        return SPIPE_EXIT_FAILED;
    }
    int code = start_program(run, environment);
    spipe_environment_free(environment);
    run->recording.pid = (uint32_t)run->launch.pid;
    return code;
}

/* Waits until the pipe, a signal or the clock has something to do. */
static void wait_a_while(const struct run *run, uint64_t most_ns)
{
    struct pollfd polled[2] = {
        {.fd = run->launch.signal_fd, .events = POLLIN},
        {.fd = spipe_recording_descriptor(&run->recording), .events = POLLIN},
    };
    uint64_t timeout_ms = run->progress.is_wanted ? SPIPE_PROGRESS_INTERVAL_MS : FLUSH_INTERVAL_NS / 1000000u;
    if (timeout_ms > most_ns / 1000000u) {
        timeout_ms = most_ns / 1000000u;
    }
    poll(polled, 2, (int)timeout_ms);
}

static void tell_failure_once(struct run *run)
{
    if (run->recorder.status == 0 || run->told_failure) {
        return;
    }
    run->told_failure = true;
    spipe_progress_clear(&run->progress);
    spipe_complain("%s: %s; the capture ends here, the program goes on", run->wishes.output, run->recorder.text);
}

/* One turn: signals, the pipe, the file, the terminal. */
static void do_a_turn(struct run *run)
{
    spipe_launch_handle(&run->launch);
    if (run->launch.asked_to_end && !run->recording.is_stopping) {
        spipe_recording_stop(&run->recording);
    }
    spipe_recording_dispatch(&run->recording);
    uint64_t now_ns = spipe_clock_now_ns();
    if (now_ns - run->flushed_ns >= FLUSH_INTERVAL_NS) {
        spipe_recording_flush(&run->recording);
        run->flushed_ns = now_ns;
    }
    tell_failure_once(run);
    spipe_progress_draw(&run->progress, now_ns - run->start_ns, spipe_recording_samples(&run->recording),
                        spipe_recording_lost(&run->recording));
}

/* Reads on after the end: what the program has sent last may still lie in the pipe, and its connection may not even be
 * accepted yet. */
static void drain(struct run *run)
{
    uint64_t end_ns = spipe_clock_now_ns();
    uint64_t passed_ns = 0;
    spipe_recording_end_program(&run->recording);
    do {
        wait_a_while(run, spipe_recording_is_connected(&run->recording) ? DRAIN_NS - passed_ns : 0);
        do_a_turn(run);
        passed_ns = spipe_clock_now_ns() - end_ns;
    } while (spipe_recording_is_connected(&run->recording) && passed_ns < DRAIN_NS);
}

static void run_to_the_end(struct run *run)
{
    spipe_progress_init(&run->progress, stderr, run->wishes.quiet);
    run->start_ns = spipe_clock_now_ns();
    run->flushed_ns = run->start_ns;
    while (!run->launch.is_over) {
        wait_a_while(run, UINT64_MAX);
        do_a_turn(run);
    }
    drain(run);
    spipe_progress_clear(&run->progress);
}

/* ---------------------------------------------------------------------------------------------------------------- the
 * end */

/* What this command ends with, by what the program did and by what we have. */
static int choose_code(const struct run *run)
{
    int code = spipe_launch_exit_code(&run->launch);
    if (code != 0) {
        return code;
    }
    if (spipe_recording_sessions(&run->recording) == 0) {
        return SPIPE_EXIT_NOT_RECORDED;
    }
    return run->recorder.status != 0 || run->recording.followed.failed > 0 ? SPIPE_EXIT_FAILED : SPIPE_EXIT_OK;
}

static void finish(struct run *run)
{
    spipe_recording_close(&run->recording);
    spipe_recorder_close(&run->recorder);
    tell_failure_once(run);
    if (spipe_recording_sessions(&run->recording) == 0) {
        spipe_record_summary_explain(&run->recording, run->has_own_log ? run->log : NULL);
    } else if (!run->wishes.quiet) {
        spipe_record_summary_write(&run->recording, &run->recorder);
    }
}

static int run_with_agent(struct run *run)
{
    int code = open_recording(run);
    if (code == 0) {
        code = start_with_agent(run);
    }
    if (code == 0) {
        run_to_the_end(run);
        finish(run);
        code = choose_code(run);
    } else if (run->recording.host != NULL) {
        spipe_recording_close(&run->recording);
    }
    spipe_recorder_close(&run->recorder);
    spipe_private_folder_close(&run->folder);
    return code;
}

static int run_without_agent(struct run *run)
{
    int code = start_program(run, environ);
    if (code != 0) {
        return code;
    }
    while (!run->launch.is_over) {
        struct pollfd polled = {.fd = run->launch.signal_fd, .events = POLLIN};
        poll(&polled, 1, -1);
        spipe_launch_handle(&run->launch);
    }
    code = spipe_launch_exit_code(&run->launch);
    return code != 0 ? code : SPIPE_EXIT_NOT_RECORDED;
}

int cmd_record(const struct spipe_options *options)
{
    struct run run = {.recorder = {.fd = -1}};
    int code = spipe_record_wishes_read(options, &run.wishes);
    if (code == 0) {
        code = find_program(&run);
    }
    if (code != 0) {
        return code;
    }
    bool profiled = can_be_profiled(&run);
    if (spipe_launch_prepare(&run.launch) != 0) {
        spipe_complain("signals cannot be held back");
        return SPIPE_EXIT_FAILED;
    }
    code = profiled ? run_with_agent(&run) : run_without_agent(&run);
    spipe_launch_done(&run.launch);
    return code;
}
