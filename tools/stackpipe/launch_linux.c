/* SPDX-License-Identifier: MIT */
#include "launch.h"

#include "protocol/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define PASSED_ON_COUNT (sizeof passed_on / sizeof passed_on[0])

static void make_mask(sigset_t *mask)
{
    sigemptyset(mask);
    sigaddset(mask, SIGCHLD);
    for (size_t i = 0; i < PASSED_ON_COUNT; i++) {
        sigaddset(mask, passed_on[i]);
    }
}

int spipe_launch_prepare(struct spipe_launch *launch)
{
    *launch = (struct spipe_launch){.signal_fd = -1};
    sigset_t mask;
    make_mask(&mask);
    launch->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (launch->signal_fd < 0 || sigprocmask(SIG_BLOCK, &mask, &launch->mask_before) != 0) {
        return SPIPE_E_SYSTEM;
    }
    /* A parent that ignores SIGCHLD would have the system throw away our program's status. */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigemptyset(&standard.sa_mask);
    return sigaction(SIGCHLD, &standard, &launch->child_before) == 0 ? 0 : SPIPE_E_SYSTEM;
}

static size_t count_words(char *const *argv)
{
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    return count;
}

/* Runs in the child, between fork and exec: system calls only. */
static void execute(const char *path, char *const *argv, char *const *environment, char **shell_argv)
{
    execve(path, argv, environment);
    if (errno == ENOEXEC) {
        execve("/bin/sh", shell_argv, environment);
        errno = ENOEXEC;
    }
}

static void run_child(const struct spipe_launch *launch, const char *path, char *const *argv, char *const *environment,
                      char **shell_argv, int report_fd)
{
    sigaction(SIGCHLD, &launch->child_before, NULL);
    sigprocmask(SIG_SETMASK, &launch->mask_before, NULL);
    execute(path, argv, environment, shell_argv);
    int error = errno;
    ssize_t ignored = write(report_fd, &error, sizeof error);
    (void)ignored;
    _exit(127);
}

/* Waits until the child has executed the program or has said why it cannot. Returns that errno, or 0. */
static int read_report(int report_fd)
{
    int error = 0;
    ssize_t got;
    do {
        got = read(report_fd, &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof error ? error : 0;
}

/* From the start on, a full disk or a reader of standard error that has left must not end this process. */
static void ignore_write_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

static int status_of_errno(int error)
{
    return error == ENOENT || error == ENOTDIR                     ? SPIPE_E_NOT_FOUND
           : error == EACCES || error == EPERM || error == ENOEXEC ? SPIPE_E_PERMISSION
                                                                   : SPIPE_E_SYSTEM;
}

/* Forks and executes; the program runs when this returns 0. */
static int fork_and_execute(struct spipe_launch *launch, const char *path, char *const *argv, char *const *environment,
                            char **shell_argv)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        launch->start_errno = errno;
        return SPIPE_E_SYSTEM;
    }
    pid_t pid = fork();
    if (pid == 0) {
        run_child(launch, path, argv, environment, shell_argv, report[1]);
    }
    int error = pid < 0 ? errno : 0;
    close(report[1]);
    if (pid > 0) {
        launch->pid = pid;
        error = read_report(report[0]);
    }
    close(report[0]);
    if (error != 0) {
        launch->start_errno = error;
        if (pid > 0) {
            waitpid(pid, NULL, 0);
            launch->pid = 0;
        }
        return status_of_errno(error);
    }
    return 0;
}

int spipe_launch_start(struct spipe_launch *launch, const char *path, char *const *argv, char *const *environment)
{
    /* What /bin/sh would be given: itself, the file, and the rest. */
    size_t count = count_words(argv);
    char **shell_argv = calloc(count + 2, sizeof *shell_argv);
    if (shell_argv == NULL) {
        launch->start_errno = ENOMEM;
        return SPIPE_E_NO_MEMORY;
    }
    shell_argv[0] = (char *)"/bin/sh";
    shell_argv[1] = (char *)path;
    for (size_t i = 1; i < count; i++) {
        shell_argv[i + 1] = argv[i];
    }
    int status = fork_and_execute(launch, path, argv, environment, shell_argv);
    free(shell_argv);
    if (status == 0) {
        ignore_write_signals();
    }
    return status;
}

static void reap(struct spipe_launch *launch)
{
    int status = 0;
    if (!launch->is_over && launch->pid > 0 && waitpid(launch->pid, &status, WNOHANG) == launch->pid) {
        launch->is_over = true;
        launch->wait_status = status;
    }
}

/* A signal from the terminal has reached the program too; one that a process sent to us has not. */
static void pass_on(struct spipe_launch *launch, const struct signalfd_siginfo *info)
{
    if (info->ssi_signo == SIGTERM) {
        launch->asked_to_end = true;
    }
    if (info->ssi_code <= 0 && !launch->is_over) {
        kill(launch->pid, (int)info->ssi_signo);
    }
}

void spipe_launch_handle(struct spipe_launch *launch)
{
    struct signalfd_siginfo info;
    while (read(launch->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD) {
            pass_on(launch, &info);
        }
    }
    reap(launch);
}

int spipe_launch_exit_code(const struct spipe_launch *launch)
{
    return WIFSIGNALED(launch->wait_status) ? 128 + WTERMSIG(launch->wait_status) : WEXITSTATUS(launch->wait_status);
}

void spipe_launch_done(struct spipe_launch *launch)
{
    if (launch->signal_fd >= 0) {
        close(launch->signal_fd);
        launch->signal_fd = -1;
    }
}
