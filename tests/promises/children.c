/* SPDX-License-Identifier: MIT */
/*
 * Children of all kinds, and the loader's locks, which a child finds as they were at the fork.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOADERS          4
#define CHILD_PATIENCE_S 3

extern char **environ;

static volatile uint32_t sink;

/* -------------------------------------------------------------------------------------------------------- results */

static unsigned wrong;
static unsigned hung;

static void await(pid_t pid, int expected)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    wrong += !WIFEXITED(status) || WEXITSTATUS(status) != expected;
}

static int print_result(void)
{
    printf("wrong %u\nhung %u\n", wrong, hung);
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- children */

static int child_result(unsigned number)
{
    char *room = malloc(10000 + number);
    memset(room, (int)number, 1000);
    sink = burn_piece(number) + (uint32_t)room[500];
    free(room);
    return (int)(number % 100);
}

static int make_forks(int argc, char **argv)
{
    unsigned count = argc > 0 ? (unsigned)atoi(argv[0]) : 100;
    for (unsigned i = 0; i < count; i++) {
        sink = burn_for(2 * MS);
        pid_t child = fork();
        if (child == 0) {
            alarm(CHILD_PATIENCE_S);
            int result = child_result(i);
            if (i % 2 == 0)
                _exit(result);
            exit(result);
        }
        await(child, (int)(i % 100));
    }
    return print_result();
}

/* A child that shares all memory with its parent, until it executes something. */
static pid_t start_vfork(const char *path, char *const arguments[])
{
    pid_t child = vfork();
    if (child == 0) {
        execv(path, arguments);
        _exit(120);
    }
    return child;
}

static int make_vforks(int argc, char **argv)
{
    char *good[] = {"sh", "-c", "exit 7", NULL};
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 100; i++) {
        sink = burn_for(2 * MS);
        if (i % 4 == 3)
            await(start_vfork("/nowhere", good), 120);
        else
            await(start_vfork("/bin/sh", good), 7);
    }
    return print_result();
}

static int make_spawns(int argc, char **argv)
{
    char *arguments[] = {"sh", "-c", "exit 9", NULL};
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 100; i++) {
        pid_t child;
        sink = burn_for(2 * MS);
        if (posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0)
            await(child, 9);
        else
            wrong++;
    }
    return print_result();
}

/* Executes itself `argv[0]` times. */
static int exec_self(int argc, char **argv)
{
    char text[16];
    int left = argc > 0 ? atoi(argv[0]) : 1;
    char *arguments[] = {"children", "exec-self", text, NULL};
    sink = burn_for(100 * MS);
    printf("left %d\n", left);
    fflush(stdout);
    if (left == 0)
        return 23;
    snprintf(text, sizeof text, "%d", left - 1);
    execv("/proc/self/exe", arguments);
    return 1;
}

/* Tries to execute what cannot be, and works on. */
static int exec_what_cannot_be(int argc, char **argv)
{
    sink = burn_for(100 * MS);
    int result = execl(argc > 0 ? argv[0] : "/nowhere/at/all", "nothing", (char *)NULL);
    printf("execl %d, errno %d\n", result, errno);
    sink = burn_for(200 * MS);
    return 24;
}

/* --------------------------------------------------------------------------------------------------------- loader */

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static char plugin_path[4096];
static _Atomic int is_over;
static _Atomic unsigned foreign_destructors;
static __thread int own_tid;

static void note_destructor(int tid)
{
    if (tid != own_tid)
        atomic_fetch_add(&foreign_destructors, 1);
}

static int use_plugin(int watches)
{
    int (*work)(int);
    void (*watch)(void (*)(int));
    void *plugin = dlopen(plugin_path, RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL)
        return -1;
    *(void **)&work = dlsym(plugin, "plugin_work");
    *(void **)&watch = dlsym(plugin, "plugin_watch");
    int result = work(3);
    if (watches)
        watch(note_destructor);
    dlclose(plugin);
    return result;
}

/* The lock keeps this program's own threads out of the loader at each fork: who is in it then is not of this program.
 */
static void *load_again_and_again(void *argument)
{
    (void)argument;
    own_tid = (int)syscall(SYS_gettid);
    while (!is_over) {
        pthread_mutex_lock(&loading);
        (void)use_plugin(1);
        pthread_mutex_unlock(&loading);
        sink = burn_piece(sink);
    }
    return NULL;
}

static int count_library(struct dl_phdr_info *info, size_t size, void *count)
{
    (void)info;
    (void)size;
    (*(unsigned *)count)++;
    return 0;
}

static int storm_loader(int argc, char **argv)
{
    pthread_t thread[LOADERS];
    unsigned count = argc > 0 ? (unsigned)atoi(argv[0]) : 200;
    snprintf(plugin_path, sizeof plugin_path, "%s", argc > 1 ? argv[1] : "");
    for (unsigned i = 0; i < LOADERS; i++)
        pthread_create(&thread[i], NULL, load_again_and_again, NULL);
    for (unsigned i = 0; i < count; i++) {
        pthread_mutex_lock(&loading);
        pid_t child = fork();
        if (child == 0) {
            unsigned libraries = 0;
            alarm(CHILD_PATIENCE_S);
            int result = use_plugin(0);
            dl_iterate_phdr(count_library, &libraries);
            _exit(libraries > 0 ? result : 99);
        }
        pthread_mutex_unlock(&loading);
        await(child, 10);
    }
    is_over = 1;
    for (unsigned i = 0; i < LOADERS; i++)
        pthread_join(thread[i], NULL);
    printf("foreign %u\n", foreign_destructors);
    return print_result();
}

static const struct verb verbs[] = {
    {"forks", make_forks},
    {"vforks", make_vforks},
    {"spawns", make_spawns},
    {"exec-self", exec_self},
    {"exec-what-cannot-be", exec_what_cannot_be},
    {"loader", storm_loader},
};

VERBS_MAIN(verbs)
