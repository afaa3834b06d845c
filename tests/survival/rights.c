/* SPDX-License-Identifier: MIT */
/*
 * Programs that become other users, change their surroundings, or give up system calls.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY       65534u
#define WORK         (60 * MS)
#define FILES        20
#define LAST_NUMBER  1023
#define FILTER_MAX   64
#define SETTINGS_MAX 8

static volatile uint32_t sink;

static void *work_shortly(void *argument)
{
    sink = burn_for(WORK / 4);
    return argument;
}

/* As the program did before: on its own thread, and on new ones. */
static void work(void)
{
    pthread_t thread;
    sink = burn_for(WORK);
    if (pthread_create(&thread, NULL, work_shortly, NULL) == 0)
        pthread_join(thread, NULL);
}

/* ---------------------------------------------------------------------------------------------------------- users */

static void show_ids(const char *what, int status)
{
    uid_t user[3];
    gid_t group[3];
    getresuid(&user[0], &user[1], &user[2]);
    getresgid(&group[0], &group[1], &group[2]);
    printf("%s %d: users %u %u %u, groups %u %u %u\n", what, status, user[0], user[1], user[2], group[0], group[1],
           group[2]);
    fflush(stdout);
}

/* To another user and back, in every way, and for good in the end. */
static int change_ids(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    show_ids("setegid", setegid(NOBODY));
    show_ids("seteuid", seteuid(NOBODY));
    work();
    show_ids("seteuid", seteuid(0));
    show_ids("setegid", setegid(0));
    work();
    show_ids("setresgid", setresgid(NOBODY, NOBODY, 0));
    show_ids("setresuid", setresuid(NOBODY, NOBODY, 0));
    work();
    show_ids("setresuid", setresuid(0, 0, 0));
    show_ids("setresgid", setresgid(0, 0, 0));
    show_ids("setreuid", setreuid(0, NOBODY));
    work();
    show_ids("setreuid", setreuid(0, 0));
    show_ids("setgid", setgid(NOBODY));
    show_ids("setuid", setuid(NOBODY));
    work();
    show_ids("back", setuid(0));
    return 0;
}

static int show_rights(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(WORK);
    show_ids("helper", 0);
    return 51;
}

/* A set-uid program, executed by somebody else's child, or in this process's place. */
static int use_helper(int argc, char **argv)
{
    char *words[] = {(char *)"rights", (char *)"show", NULL};
    int status = 0;
    if (argc < 2 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 78;
    work();
    pid_t child = strcmp(argv[1], "child") == 0 ? fork() : 0;
    if (child == 0) {
        execv(argv[0], words);
        _exit(79);
    }
    waitpid(child, &status, 0);
    printf("helper ended with %d\n", WEXITSTATUS(status));
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- surroundings */

static const struct {
    const char *name;
    int flag;
} spaces[] = {{"mnt", CLONE_NEWNS}, {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC}, {"net", CLONE_NEWNET},
              {"pid", CLONE_NEWPID}};

static int leave_namespaces(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        sink = burn_for(WORK / 4);
        printf("unshare %s: %d\n", spaces[i].name, unshare(spaces[i].flag) == 0 ? 0 : errno);
    }
    pid_t child = fork();
    int status = 0;
    if (child == 0)
        _exit(getpid() == 1 ? 52 : 53);
    waitpid(child, &status, 0);
    printf("first process %d\n", WEXITSTATUS(status));
    sink = burn_for(WORK);
    return 0;
}

static int join_namespaces(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i].name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        sink = burn_for(WORK / 4);
        printf("setns %s: %d\n", spaces[i].name, setns(file, spaces[i].flag) == 0 ? 0 : errno);
        close(file);
    }
    work();
    return 0;
}

static int change_root(int argc, char **argv)
{
    sink = burn_for(WORK);
    if (argc < 1 || chroot(argv[0]) != 0 || chdir("/") != 0)
        return 78;
    work();
    printf("/proc is %s\n", access("/proc/self/maps", F_OK) == 0 ? "there" : "gone");
    return 0;
}

/* ----------------------------------------------------------------------------------------------------- descriptors */

static int close_one_by_one(void)
{
    for (int number = 3; number <= LAST_NUMBER; number++)
        close(number);
    return 0;
}

static int close_by_closefrom(void)
{
    closefrom(3);
    return 0;
}

static int close_by_range(void)
{
    return close_range(3, ~0u, 0);
}

/* Numbers that were somebody's are the program's from now on. */
static unsigned use_numbers(void)
{
    int file[FILES];
    unsigned wrong = 0;
    for (unsigned i = 0; i < FILES; i++) {
        char name[] = "/tmp/spipe-own-XXXXXX";
        file[i] = mkstemp(name);
        unlink(name);
        wrong += file[i] != (int)i + 3;
        wrong += write(file[i], "own bytes\n", 10) != 10;
    }
    work();
    for (unsigned i = 0; i < FILES; i++) {
        char text[64];
        wrong += pread(file[i], text, sizeof text, 0) != 10 || memcmp(text, "own bytes\n", 10) != 0;
        close(file[i]);
    }
    return wrong;
}

static int take_descriptors(int argc, char **argv)
{
    static int (*const ways[])(void) = {close_one_by_one, close_by_closefrom, close_by_range};
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        sink = burn_for(WORK / 2);
        int status = ways[i]();
        printf("way %u: %d, wrong %u\n", i, status, use_numbers());
        fflush(stdout);
    }
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- filters */

/* What the agent needs, and this program does not. */
static const int forbidden[] = {SYS_clone,  SYS_clone3,   SYS_socket,       SYS_connect,         SYS_close_range,
                                SYS_sendto, SYS_recvfrom, SYS_timer_create, SYS_perf_event_open, SYS_process_vm_readv,
                                SYS_getpid};

static long forbid(uint32_t action)
{
    struct sock_filter code[FILTER_MAX];
    size_t used = 0;
    code[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)forbidden[i], 0, 1);
        code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    }
    code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)used, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* A launcher without an agent: sets a filter that allows or kills, and executes this program with the environment that
 * its further arguments are. */
static int launch_filtered(int argc, char **argv)
{
    char *words[] = {(char *)"rights", (char *)"filtered", NULL};
    char *environment[SETTINGS_MAX + 1] = {NULL};
    for (int i = 1; i < argc && i <= SETTINGS_MAX; i++)
        environment[i - 1] = argv[i];
    if (argc < 1 || forbid(strcmp(argv[0], "kill") == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW) != 0)
        return 77;
    execve("/proc/self/exe", words, environment);
    return 78;
}

static int run_filtered(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(WORK);
    printf("behind the filter\n");
    return 54;
}

/* Nothing but read, write, exit and the return from handlers. */
static int run_strictly(int argc, char **argv)
{
    uint32_t seed = 1;
    (void)argc;
    (void)argv;
    sink = burn_for(WORK);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
        return 77;
    for (unsigned i = 0; i < 300; i++)
        seed = burn_piece(seed);
    sink = seed;
    (void)!write(1, "strictly\n", 9);
    syscall(SYS_exit, 55);
    return 1;
}

/* The processor's counter is not for this program: reading it is a fault. */
static int run_without_counter(int argc, char **argv)
{
    uint32_t seed = 1;
    (void)argc;
    (void)argv;
    sink = burn_for(WORK);
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) != 0)
        return 77;
    for (unsigned i = 0; i < 300; i++)
        seed = burn_piece(seed);
    sink = seed;
    prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0);
    printf("without a counter\n");
    return 56;
}

static const struct verb verbs[] = {
    {"ids", change_ids},
    {"show", show_rights},
    {"helper", use_helper},
    {"unshare", leave_namespaces},
    {"setns", join_namespaces},
    {"chroot", change_root},
    {"descriptors", take_descriptors},
    {"launch", launch_filtered},
    {"filtered", run_filtered},
    {"strict", run_strictly},
    {"without-counter", run_without_counter},
};

VERBS_MAIN(verbs)
