/* SPDX-License-Identifier: MIT */
/*
 * Forks of large processes, from many threads, from handlers; and programs that a thread which is not the main one
 * executes.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS        1
#define FORKERS        8
#define FORKS_BY_EACH  25
#define PAGE           4096u
#define CHILD_PATIENCE 20

static volatile uint32_t sink;
static _Atomic int is_over;
static _Atomic unsigned wrong;

static void await(pid_t pid, int expected)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != expected)
        atomic_fetch_add(&wrong, 1);
}

static int print_result(void)
{
    printf("wrong %u\n", wrong);
    return wrong == 0 ? 0 : 1;
}

static void *work_till_the_end(void *argument)
{
    (void)argument;
    while (!is_over)
        sink = burn_piece(sink);
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------------- large */

/* One byte of each page, in small pages: their tables are what a fork copies. */
static unsigned char *touch_memory(size_t size)
{
    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += PAGE)
        memory[at] = (unsigned char)(at / PAGE);
    return memory;
}

/* The child finds what was there, and writes without its parent seeing it. */
static int check_memory(unsigned char *memory, size_t size)
{
    for (size_t at = 0; at < size; at += size / 64) {
        if (memory[at] != (unsigned char)(at / PAGE))
            return 1;
        memory[at] = 77;
    }
    return 33;
}

static int storm(int argc, char **argv)
{
    size_t size = (size_t)(argc > 0 ? atol(argv[0]) : 64) << 20;
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 10;
    pthread_t worker[WORKERS];
    unsigned char *memory = touch_memory(size);
    if (memory == NULL)
        return 78;
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&worker[i], NULL, work_till_the_end, NULL);
    for (unsigned i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(CHILD_PATIENCE);
            _exit(check_memory(memory, size));
        }
        await(child, 33);
        sink = burn_for(2 * MS);
    }
    is_over = 1;
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(worker[i], NULL);
    return print_result();
}

/* -------------------------------------------------------------------------------------------------------- threads */

static void *work_shortly(void *argument)
{
    sink = burn_for(MS);
    return argument;
}

/* A child may make threads again. */
static void run_child(void)
{
    pthread_t thread;
    void *result = NULL;
    alarm(CHILD_PATIENCE);
    if (pthread_create(&thread, NULL, work_shortly, (void *)&wrong) != 0)
        _exit(1);
    pthread_join(thread, &result);
    _exit(result == (void *)&wrong ? 34 : 2);
}

static void *fork_again_and_again(void *argument)
{
    for (unsigned i = 0; i < FORKS_BY_EACH; i++) {
        pid_t child = fork();
        if (child == 0)
            run_child();
        await(child, 34);
    }
    return argument;
}

static int fork_by_threads(int argc, char **argv)
{
    pthread_t forker[FORKERS];
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < FORKERS; i++)
        pthread_create(&forker[i], NULL, fork_again_and_again, NULL);
    sink = burn_for(100 * MS);
    for (unsigned i = 0; i < FORKERS; i++)
        pthread_join(forker[i], NULL);
    return print_result();
}

static void *vfork_again_and_again(void *argument)
{
    for (unsigned i = 0; i < FORKS_BY_EACH; i++) {
        pid_t child = vfork();
        if (child == 0) {
            execl("/nowhere/at/all", "nothing", (char *)NULL);
            execl("/bin/sh", "sh", "-c", "exit 35", (char *)NULL);
            _exit(1);
        }
        await(child, 35);
    }
    return argument;
}

static int vfork_by_threads(int argc, char **argv)
{
    pthread_t forker[FORKERS];
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < FORKERS; i++)
        pthread_create(&forker[i], NULL, vfork_again_and_again, NULL);
    sink = burn_for(100 * MS);
    for (unsigned i = 0; i < FORKERS; i++)
        pthread_join(forker[i], NULL);
    return print_result();
}

/* -------------------------------------------------------------------------------------------------------- handlers */

static void fork_in_handler(int number)
{
    int saved = errno;
    pid_t child = fork();
    (void)number;
    if (child == 0)
        _exit(36);
    await(child, 36);
    errno = saved;
}

static int fork_in_handlers(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 4000}, {0, 4000}};
    struct itimerval never = {{0, 0}, {0, 0}};
    (void)argc;
    (void)argv;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    sink = burn_for(300 * MS);
    setitimer(ITIMER_REAL, &never, NULL);
    return print_result();
}

/* ----------------------------------------------------------------------------------------------------------- exec */

static int be_executed(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    sink = burn_for(50 * MS);
    printf("executed by a thread, thread %s\n", gettid() == getpid() ? "main" : "other");
    return 37;
}

static void *execute_from_thread(void *argument)
{
    char *words[] = {(char *)"forks", (char *)"executed", NULL};
    sink = burn_for(50 * MS);
    execv("/proc/self/exe", words);
    return argument;
}

/* The other threads go with the old program. */
static int exec_from_thread(int argc, char **argv)
{
    pthread_t worker;
    pthread_t executor;
    (void)argc;
    (void)argv;
    pthread_create(&worker, NULL, work_till_the_end, NULL);
    pthread_create(&executor, NULL, execute_from_thread, NULL);
    pthread_join(executor, NULL);
    return 1;
}

static const struct verb verbs[] = {
    {"storm", storm},       {"threads", fork_by_threads},  {"vfork-threads", vfork_by_threads},
    {"handlers", fork_in_handlers}, {"exec-from-thread", exec_from_thread}, {"executed", be_executed},
};

VERBS_MAIN(verbs)
