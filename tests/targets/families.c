/* SPDX-License-Identifier: MIT */
/*
 * Children by every way that libc offers. Each of them works for a while, so that it has samples.
 *
 *     families WAY...     a child for each WAY, one after the other; prints how each ended
 *     families work       what an executed child does
 */
#define _GNU_SOURCE
#include "burn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORK_NS    100000000u
#define OWN_STATUS 7

extern char **environ;

static volatile uint32_t sink;
static char own_path[4096];
static char *work_words[] = {(char *)"families", (char *)"work", NULL};

static int work(void)
{
    sink = burn_for(WORK_NS);
    return OWN_STATUS;
}

static int await(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

static int by_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(work());
    }
    return await(pid);
}

static int by_fork_and_exit(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        exit(work());
    }
    return await(pid);
}

static void *fork_from_thread(void *status)
{
    *(int *)status = by_fork();
    return NULL;
}

static int by_fork_from_thread(void)
{
    pthread_t thread;
    int status = -1;
    pthread_create(&thread, NULL, fork_from_thread, &status);
    pthread_join(thread, NULL);
    return status;
}

static int by_exec(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execv(own_path, work_words);
        _exit(120);
    }
    return await(pid);
}

static int by_execvp(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        execvp(own_path, work_words);
        _exit(120);
    }
    return await(pid);
}

static int by_fexecve(void)
{
    int file = open(own_path, O_RDONLY | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        fexecve(file, work_words, environ);
        _exit(120);
    }
    close(file);
    return await(pid);
}

static int by_vfork(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/nowhere/at/all", "nothing", (char *)NULL);
        execl(own_path, "families", "work", (char *)NULL);
        _exit(120);
    }
    return await(pid);
}

static int by_spawn(void)
{
    pid_t pid = -1;
    int status = posix_spawn(&pid, own_path, NULL, NULL, work_words, environ);
    return status != 0 ? 2000 + status : await(pid);
}

static int by_spawnp(void)
{
    pid_t pid = -1;
    int status = posix_spawnp(&pid, own_path, NULL, NULL, work_words, environ);
    return status != 0 ? 2000 + status : await(pid);
}

static int by_system(void)
{
    char command[5000];
    snprintf(command, sizeof command, "exec '%s' work", own_path);
    return WEXITSTATUS(system(command));
}

static int by_popen(void)
{
    char command[5000];
    snprintf(command, sizeof command, "exec '%s' work", own_path);
    FILE *pipe = popen(command, "r");
    return pipe == NULL ? -1 : WEXITSTATUS(pclose(pipe));
}

/* Waits for the end of a process that is no child of this one: it holds the pipe open. */
static int await_grandchild(int gate)
{
    char status = 0;
    ssize_t got = read(gate, &status, 1);
    char end;
    while (read(gate, &end, 1) > 0) {
    }
    close(gate);
    return got == 1 ? status : -1;
}

static void work_as_grandchild(int gate)
{
    char status = (char)work();
    (void)!write(gate, &status, 1);
    _exit(0);
}

static int by_double_fork(void)
{
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0) {
            work_as_grandchild(gate[1]);
        }
        _exit(0);
    }
    close(gate[1]);
    return await(pid) != 0 ? -2 : await_grandchild(gate[0]);
}

static int by_daemon(void)
{
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) {
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (daemon(0, 0) != 0) {
            _exit(121);
        }
        work_as_grandchild(gate[1]);
    }
    close(gate[1]);
    return await(pid) != 0 ? -2 : await_grandchild(gate[0]);
}

/* A child that libc knows nothing of, and its handlers neither. */
static int by_bare_fork(void)
{
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
        sink = burn_for(WORK_NS / 10);
        execv(own_path, work_words);
        syscall(SYS_exit_group, 120);
    }
    return await(pid);
}

static const struct {
    const char *name;
    int (*make)(void);
} ways[] = {
    {"fork", by_fork},         {"fork-exit", by_fork_and_exit}, {"fork-from-thread", by_fork_from_thread},
    {"exec", by_exec},         {"execvp", by_execvp},           {"fexecve", by_fexecve},
    {"vfork", by_vfork},       {"spawn", by_spawn},             {"spawnp", by_spawnp},
    {"system", by_system},     {"popen", by_popen},             {"double-fork", by_double_fork},
    {"daemon", by_daemon},     {"bare-fork", by_bare_fork},
};

int main(int argc, char **argv)
{
    ssize_t len = readlink("/proc/self/exe", own_path, sizeof own_path - 1);
    own_path[len > 0 ? len : 0] = '\0';
    if (argc == 2 && strcmp(argv[1], "work") == 0) {
        return work();
    }
    for (int i = 1; i < argc; i++) {
        for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
            if (strcmp(ways[way].name, argv[i]) == 0) {
                printf("%s %d\n", argv[i], ways[way].make());
                fflush(stdout);
            }
        }
    }
    return 0;
}
