/* SPDX-License-Identifier: MIT */
/*
 * Makes a container's walls around a program, one at a time, and executes it: enclose WALL PROGRAM [argument...]
 *
 * What begins with ENCLOSED_ in the environment is meant for that program, which gets it without that beginning. Exits
 * with 77 when the system does not let us make the wall.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX      "ENCLOSED_"
#define CALLS_MAX   4
#define UNAVAILABLE 77

extern char **environ;

static void give_up(const char *what)
{
    fprintf(stderr, "enclose: %s: %s\n", what, strerror(errno));
    exit(UNAVAILABLE);
}

static void leave_namespaces(int flags)
{
    if (unshare(flags | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        give_up("unshare");
}

static void hide_proc(void)
{
    leave_namespaces(0);
    if (mount("none", "/proc", "tmpfs", 0, NULL) < 0)
        give_up("mount");
}

static void make_proc_read_only(void)
{
    leave_namespaces(0);
    if (mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
        give_up("mount");
}

/* The first process of a new namespace goes on; the one outside passes its status on. */
static void enter_pid_namespace(void)
{
    int status;
    leave_namespaces(CLONE_NEWPID);
    pid_t pid = fork();
    if (pid == 0)
        return;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        give_up("fork");
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void enter_pid_namespace_with_its_proc(void)
{
    enter_pid_namespace();
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
        give_up("mount");
}

/* System calls that fail from here on. */
static void refuse(const int *call, int error)
{
    struct sock_filter code[2 * CALLS_MAX + 2];
    unsigned short used = 0;
    code[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (; *call >= 0; call++) {
        code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)*call, 0, 1);
        code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
    }
    code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {used, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        give_up("seccomp");
}

static void forbid_perf(void)
{
    refuse((const int[]){SYS_perf_event_open, -1}, EPERM);
}

/* As container defaults do, so that nobody looks into processes. */
static void forbid_looking_into_memory(void)
{
    refuse((const int[]){SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, -1}, EPERM);
}

/* As kernels before 5.9. */
static void forbid_close_range(void)
{
    refuse((const int[]){436, -1}, ENOSYS);
}

static const struct {
    const char *name;
    void (*make)(void);
} walls[] = {
    {"no-proc", hide_proc},
    {"read-only-proc", make_proc_read_only},
    {"pid-namespace", enter_pid_namespace_with_its_proc},
    {"pid-namespace-and-outer-proc", enter_pid_namespace},
    {"no-perf", forbid_perf},
    {"no-memory-calls", forbid_looking_into_memory},
    {"no-close-range", forbid_close_range},
};

static void make_wall(const char *name)
{
    for (size_t i = 0; i < sizeof walls / sizeof walls[0]; i++) {
        if (strcmp(walls[i].name, name) == 0) {
            walls[i].make();
            return;
        }
    }
    exit(99);
}

int main(int argc, char **argv)
{
    char path[PATH_MAX];
    char program[PATH_MAX + 256];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (argc < 3 || len < 0)
        return 99;
    path[len] = '\0';
    snprintf(program, sizeof program, "%s/%s", dirname(path), argv[2]);
    make_wall(argv[1]);
    for (char **entry = environ; *entry != NULL; entry++) {
        if (strncmp(*entry, PREFIX, sizeof PREFIX - 1) == 0)
            *entry += sizeof PREFIX - 1;
    }
    execv(program, argv + 2);
    return 98;
}
