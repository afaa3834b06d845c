/* SPDX-License-Identifier: MIT */
#include "target_run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define ENTRIES_MAX 32u
#define ENTRY_SIZE  1200u

struct environment {
    char text[ENTRIES_MAX][ENTRY_SIZE];
    char *entry[ENTRIES_MAX + 1];
    size_t count;
};

static char folder[64];

static void fail(const char *what)
{
    fprintf(stderr, "target_run: %s: %s\n", what, strerror(errno));
    abort();
}

const char *target_folder(void)
{
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/spipe-promises-XXXXXX");
        if (mkdtemp(folder) == NULL || chmod(folder, 01777) < 0)
            fail(folder);
    }
    return folder;
}

void target_remove_folder(void)
{
    DIR *directory = folder[0] == '\0' ? NULL : opendir(folder);
    struct dirent *entry;
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL)
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    (void)rmdir(folder);
    folder[0] = '\0';
}

const char *target_agent(void)
{
    return SPIPE_BUILD_DIR "/lib/libstackpipe-agent.so";
}

void target_path(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s%s", name[0] == '/' ? "" : SPIPE_BUILD_DIR "/tests/promises/", name);
}

/* ---------------------------------------------------------------------------------------------------- environment */

static void add_entry(struct environment *environment, const char *name, const char *value)
{
    if (environment->count == ENTRIES_MAX)
        fail("environment");
    char *text = environment->text[environment->count];
    snprintf(text, ENTRY_SIZE, "%s%s", name, value);
    environment->entry[environment->count++] = text;
}

/* What is meant for a program that is executed later has another name until then. */
static void enclose(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++) {
        char *text = environment->text[i];
        if (strncmp(text, "STACKPIPE_", 10) != 0 && strncmp(text, "LD_PRELOAD=", 11) != 0)
            continue;
        memmove(text + 9, text, strlen(text) + 1);
        memcpy(text, "ENCLOSED_", 9);
    }
}

static void make_environment(struct environment *environment, const struct target *target, const char *log_path)
{
    char preload[1024];
    bool is_profiled = target->endpoint != NULL;
    const char *other = target->other_preload == NULL ? "" : target->other_preload;
    bool is_preloaded = target->loading == TARGET_PRELOADED || target->loading == TARGET_ENCLOSED;
    const char *own = is_profiled && is_preloaded ? target_agent() : "";
    memset(environment, 0, sizeof *environment);
    add_entry(environment, "PATH=", "/usr/bin:/bin");
    add_entry(environment, "LANG=", "C");
    const char *colon = other[0] != '\0' && own[0] != '\0' ? ":" : "";
    bool is_agent_first = target->is_agent_first;
    snprintf(preload, sizeof preload, "%s%s%s", is_agent_first ? own : other, colon, is_agent_first ? other : own);
    if (preload[0] != '\0')
        add_entry(environment, "LD_PRELOAD=", preload);
    if (is_profiled) {
        add_entry(environment, target->loading == TARGET_STARTS_AGENT ? "PROMISE_ENDPOINT=" : "STACKPIPE_ENDPOINT=",
                  target->endpoint);
        add_entry(environment, "STACKPIPE_TOKEN=", CAPTURE_TOKEN);
        add_entry(environment, "STACKPIPE_START=", target->starts_now ? "now" : "wait");
        add_entry(environment, "STACKPIPE_LOG=", log_path);
        if (target->mechanism != NULL)
            add_entry(environment, "STACKPIPE_MECHANISM=", target->mechanism);
    }
    if (target->loading == TARGET_ENCLOSED)
        enclose(environment);
    for (size_t i = 0; target->variable != NULL && target->variable[i] != NULL; i++)
        add_entry(environment, target->variable[i], "");
}

/* ------------------------------------------------------------------------------------------------------ the child */

static void become_target(const struct target *target, char *const *environment, const int *output,
                          const int *complaints)
{
    char path[512];
    sigset_t none;
    int nothing = open("/dev/null", O_RDONLY);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(nothing, 0);
    dup2(output[1], 1);
    dup2(complaints[1], 2);
    if (nothing > 2)
        close(nothing);
    target_path(target->argument[0], path, sizeof path);
    if (chdir(target_folder()) < 0)
        fail("chdir");
    for (size_t i = 0; i < target->limit_count; i++) {
        struct rlimit limit = {target->limit[i].value, target->limit[i].value};
        if (setrlimit((__rlimit_resource_t)target->limit[i].resource, &limit) < 0)
            fail("setrlimit");
    }
    execve(path, (char *const *)target->argument, environment);
    fail(path);
}

/* ----------------------------------------------------------------------------------------------------- the parent */

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static bool read_some(int *descriptor, char *text, size_t *len)
{
    ssize_t got = read(*descriptor, text + *len, TARGET_OUTPUT_MAX - 1 - *len);
    if (got <= 0) {
        close(*descriptor);
        *descriptor = -1;
        return false;
    }
    *len += (size_t)got;
    text[*len] = '\0';
    return true;
}

/* Reads both outputs to their ends. False when that takes too long. */
static bool collect(struct target_outcome *outcome, int output, int complaints, uint64_t end_us)
{
    size_t complaints_len = 0;
    while (output >= 0 || complaints >= 0) {
        struct pollfd wait[2] = {{output, POLLIN, 0}, {complaints, POLLIN, 0}};
        uint64_t now = now_us();
        if (now >= end_us || poll(wait, 2, (int)((end_us - now) / 1000u) + 1) <= 0)
            break;
        if (wait[0].revents != 0)
            (void)read_some(&output, outcome->output, &outcome->output_len);
        if (wait[1].revents != 0)
            (void)read_some(&complaints, outcome->complaints, &complaints_len);
    }
    bool is_complete = output < 0 && complaints < 0;
    if (output >= 0)
        close(output);
    if (complaints >= 0)
        close(complaints);
    return is_complete;
}

static int await_end(pid_t pid, uint64_t end_us)
{
    int status;
    while (now_us() < end_us) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            return status;
        usleep(500);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

static void read_log(const char *path, char *log, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, log, size - 1);
    log[got < 0 ? 0 : got] = '\0';
    if (file >= 0)
        close(file);
    (void)unlink(path);
}

struct target_outcome target_run(const struct target *target)
{
    static struct environment environment;
    struct target_outcome outcome = {.output = calloc(1, TARGET_OUTPUT_MAX),
                                     .complaints = calloc(1, TARGET_OUTPUT_MAX)};
    int output[2];
    int complaints[2];
    char log_path[128];
    if (outcome.output == NULL || outcome.complaints == NULL || pipe2(output, O_CLOEXEC) < 0 ||
        pipe2(complaints, O_CLOEXEC) < 0)
        fail("target_run");
    snprintf(log_path, sizeof log_path, "%s/agent.log", target_folder());
    make_environment(&environment, target, log_path);

    uint64_t start_us = now_us();
    uint64_t end_us = start_us + PATIENCE_MS * UINT64_C(1000);
    outcome.pid = fork();
    if (outcome.pid == 0)
        become_target(target, environment.entry, output, complaints);
    close(output[1]);
    close(complaints[1]);
    bool is_complete = collect(&outcome, output[0], complaints[0], end_us);
    outcome.status = await_end(outcome.pid, is_complete ? end_us : 0);
    outcome.elapsed_us = now_us() - start_us;
    read_log(log_path, outcome.log, sizeof outcome.log);
    return outcome;
}

bool target_behaves_alike(const struct target_outcome *one, const struct target_outcome *other)
{
    bool is_alike = one->status == other->status && one->status != -1 && strcmp(one->output, other->output) == 0 &&
                    strcmp(one->complaints, other->complaints) == 0;
    if (!is_alike)
        fprintf(stderr,
                "status %#x and %#x\n--- stdout, one\n%s--- stdout, other\n%s--- stderr, one\n%s--- stderr, other\n%s",
                (unsigned)one->status, (unsigned)other->status, one->output, other->output, one->complaints,
                other->complaints);
    return is_alike;
}

void target_outcome_done(struct target_outcome *outcome)
{
    free(outcome->output);
    free(outcome->complaints);
    outcome->output = NULL;
    outcome->complaints = NULL;
}

long long target_number(const struct target_outcome *outcome, const char *key)
{
    size_t len = strlen(key);
    for (const char *line = outcome->output; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return atoll(line + len + 1);
    }
    return -1;
}
