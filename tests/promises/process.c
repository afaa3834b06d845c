/* SPDX-License-Identifier: MIT */
/*
 * What a process sees of itself: descriptors, environment, threads, users.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_DESCRIPTOR 1023
#define FILES           40
#define NOBODY          65534

extern char **environ;

static volatile uint32_t sink;

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---------------------------------------------------------------------------------------------------- descriptors */

static void print_descriptors(const char *who)
{
    char path[64];
    struct stat status;
    for (int number = 0; number <= LAST_DESCRIPTOR; number++) {
        if (fstat(number, &status) == 0)
            printf("%s: %d, kind %o, flags %d\n", who, number, status.st_mode & S_IFMT, fcntl(number, F_GETFD));
    }
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    closedir(directory);
    printf("%s: %u in /proc\n", who, count);
    int next = open("/dev/null", O_RDONLY);
    snprintf(path, sizeof path, "%s: next is %d\n", who, next);
    fputs(path, stdout);
    close(next);
    fflush(stdout);
}

static int show_descriptors(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    print_descriptors("at start");
    sink = burn_for(200 * MS);
    print_descriptors("later");
    pid_t child = fork();
    if (child == 0) {
        print_descriptors("child");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}

/* Closes all that is open, as daemons do, and takes the numbers for files of its own. */
static int take_all_descriptors(int argc, char **argv)
{
    int file[FILES];
    unsigned wrong = 0;
    (void)argc;
    (void)argv;
    sink = burn_for(200 * MS);
    for (int number = 3; number <= LAST_DESCRIPTOR; number++)
        close(number);
    for (unsigned i = 0; i < FILES; i++) {
        char name[] = "/tmp/spipe-own-XXXXXX";
        file[i] = mkstemp(name);
        unlink(name);
        wrong += file[i] != (int)i + 3;
    }
    for (unsigned round = 0; round < 10; round++) {
        sink = burn_for(40 * MS);
        for (unsigned i = 0; i < FILES; i++)
            wrong += write(file[i], "own bytes\n", 10) != 10;
    }
    for (unsigned i = 0; i < FILES; i++) {
        char text[200];
        ssize_t len = pread(file[i], text, sizeof text, 0);
        wrong += len != 100;
        for (ssize_t at = 0; at + 10 <= len; at += 10)
            wrong += memcmp(text + at, "own bytes\n", 10) != 0;
    }
    printf("wrong %u\n", wrong);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- environment */

static int show_environment(int argc, char **argv)
{
    size_t count = 0;
    (void)argc;
    (void)argv;
    while (environ[count] != NULL)
        count++;
    qsort(environ, count, sizeof environ[0], compare_texts);
    for (size_t i = 0; i < count; i++)
        printf("%s\n", environ[i]);
    printf("preload: %s\n", getenv("LD_PRELOAD") == NULL ? "none" : getenv("LD_PRELOAD"));
    fflush(stdout);
    sink = burn_for(100 * MS);
    return WEXITSTATUS(system("env | grep -v '^_=' | sort; grep -c libstackpipe-agent /proc/self/maps"));
}

static int work(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(200 * MS);
    return 21;
}

/* -------------------------------------------------------------------------------------------------------- threads */

/* libc keeps its locks cheap while there is one thread; it says so since 2.32. */
static int show_single_threaded(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const char *is_single = dlsym(RTLD_DEFAULT, "__libc_single_threaded");
    if (is_single == NULL)
        return 77;
    printf("at start %d\n", *is_single);
    sink = burn_for(300 * MS);
    printf("later %d\n", *is_single);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- users */

/* The number of tasks whose user ids are not all `user`. */
static unsigned count_other_tasks(unsigned user, unsigned *ret_all)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned others = 0;
    *ret_all = 0;
    while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
        char path[300];
        char line[256];
        unsigned id[4] = {0};
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL)
            (void)sscanf(line, "Uid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]);
        if (status != NULL)
            fclose(status);
        (*ret_all)++;
        others += id[0] != user || id[1] != user || id[2] != user || id[3] != user;
    }
    if (tasks != NULL)
        closedir(tasks);
    return others;
}

static int change_user(int argc, char **argv)
{
    unsigned all;
    unsigned others = 1;
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
        return 78;
    printf("user %u\n", getuid());
    for (unsigned i = 0; i < 20 && others > 0; i++) {
        sink = burn_for(50 * MS);
        usleep(50000);
        others = count_other_tasks(NOBODY, &all);
    }
    printf("others %u\n", others);
    fprintf(stderr, "tasks %u\n", all);
    return 0;
}

static int make_namespace(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(100 * MS);
    printf("unshare %d\n", unshare(CLONE_NEWUSER) < 0 ? errno : 0);
    sink = burn_for(200 * MS);
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- memory */

/* Needs so many MiB, as a program does that lives close to its limit. */
static int allocate(int argc, char **argv)
{
    size_t megabytes = argc > 0 ? (size_t)atol(argv[0]) : 64;
    char *memory = malloc(megabytes << 20);
    if (memory == NULL) {
        printf("no memory\n");
        return 22;
    }
    memset(memory, 1, megabytes << 20);
    sink = burn_for(200 * MS);
    printf("%d\n", memory[(megabytes << 20) - 1]);
    free(memory);
    return 0;
}

static const struct verb verbs[] = {
    {"descriptors", show_descriptors},
    {"take-all-descriptors", take_all_descriptors},
    {"environment", show_environment},
    {"work", work},
    {"single-threaded", show_single_threaded},
    {"change-user", change_user},
    {"namespace", make_namespace},
    {"allocate", allocate},
};

VERBS_MAIN(verbs)
