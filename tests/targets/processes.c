/* SPDX-License-Identifier: MIT */
/*
 * Forks, executions, and the ways for a program to end.
 *
 *     processes forks COUNT       that many children, a few at once; each works and exits
 *     processes exec TIMES        executes itself so often, working before each
 *     processes end HOW           works, then ends by exit, _exit, quick_exit, abort, kill, pthread_exit or return
 *     processes spin SECONDS      works so long by the clock on the wall
 */
#define _GNU_SOURCE
#include "burn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORK_NS 300000000u
#define CHILD_WORK_NS 10000000u
#define CHILDREN_AT_ONCE 4

static volatile uint32_t sink;

/* What a child of the given number exits with. */
static int child_status(unsigned number)
{
    return (int)(number % 100);
}

static void run_child(unsigned number)
{
    char *room;

    sink = burn_for(CHILD_WORK_NS);
    room = malloc(100000 + number);
    if (room == NULL) {
        _exit(101);
    }
    memset(room, (int)number, 1000);
    sink += (uint32_t)room[500];
    free(room);
    if (number % 2 == 0) {
        _exit(child_status(number));
    }
    exit(child_status(number));
}

static int wait_for_child(pid_t pid, unsigned number)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return 1;
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != child_status(number)) {
        fprintf(stderr, "processes: child %u ended with status %#x\n", number, (unsigned)status);
        return 1;
    }
    return 0;
}

static int run_forks(unsigned count)
{
    pid_t pid[CHILDREN_AT_ONCE];
    int failed = 0;

    for (unsigned first = 0; first < count; first += CHILDREN_AT_ONCE) {
        unsigned batch = count - first < CHILDREN_AT_ONCE ? count - first : CHILDREN_AT_ONCE;

        for (unsigned i = 0; i < batch; i++) {
            pid[i] = fork();
            if (pid[i] == 0) {
                run_child(first + i);
            }
        }
        sink = burn_for(CHILD_WORK_NS);
        for (unsigned i = 0; i < batch; i++) {
            failed += pid[i] < 0 || wait_for_child(pid[i], first + i);
        }
    }
    printf("%u children, %d failed\n", count, failed);
    return failed != 0;
}

static int run_exec(char **argv)
{
    unsigned long left = strtoul(argv[2], NULL, 10);
    char text[32];
    char *next[] = {argv[0], argv[1], text, NULL};

    sink = burn_for(WORK_NS);
    if (left == 0) {
        printf("executed to the end\n");
        return 3;
    }
    snprintf(text, sizeof text, "%lu", left - 1);
    execv("/proc/self/exe", next);
    perror("processes: execv");
    return 1;
}

static int run_end(const char *how)
{
    sink = burn_for(WORK_NS);
    printf("ending by %s\n", how);
    fflush(stdout);
    if (strcmp(how, "exit") == 0) {
        exit(4);
    } else if (strcmp(how, "_exit") == 0) {
        _exit(5);
    } else if (strcmp(how, "quick_exit") == 0) {
        quick_exit(6);
    } else if (strcmp(how, "abort") == 0) {
        abort();
    } else if (strcmp(how, "kill") == 0) {
        raise(SIGKILL);
    } else if (strcmp(how, "pthread_exit") == 0) {
        pthread_exit(NULL);
    }
    return 7;
}

static int run_spin(const char *seconds)
{
    struct timespec start, now;

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        sink = burn_for(1000000);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < strtol(seconds, NULL, 10) || now.tv_nsec < start.tv_nsec);
    printf("done\n");
    return 9;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "forks") == 0) {
        return run_forks((unsigned)strtoul(argv[2], NULL, 10));
    } else if (argc == 3 && strcmp(argv[1], "exec") == 0) {
        return run_exec(argv);
    } else if (argc == 3 && strcmp(argv[1], "end") == 0) {
        return run_end(argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "spin") == 0) {
        return run_spin(argv[2]);
    }
    fprintf(stderr, "usage: processes forks COUNT | exec TIMES | end HOW | spin SECONDS\n");
    return 2;
}
