/* SPDX-License-Identifier: MIT */
/*
 * Programs that use up what the system gives them, notice it, and go on. They print what they have come to, never how
 * much it was: where all is used up, somebody beside them makes it less.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include "agent/stackpipe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK       (UINT64_C(1) << 20)
#define BLOCKS_MAX  8192u
#define THREADS_MAX 64u
#define WORK_NS     (30 * MS)

static volatile uint32_t sink;

static void limit_to(int resource, rlim_t value)
{
    struct rlimit limit = {value, value};
    if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
        exit(98);
}

/* A user of its own, where that can be: others' processes and signals do not count then. */
static void be_alone(void)
{
    uid_t user = 50000 + (uid_t)getpid() % 10000;
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(user) < 0 || setuid(user) < 0))
        exit(77);
}

static void *work_in_thread(void *unused)
{
    (void)unused;
    sink = burn_for(WORK_NS);
    return NULL;
}

static int work_in_threads(unsigned count)
{
    pthread_t thread[THREADS_MAX];
    unsigned started = 0;
    while (started < count && pthread_create(&thread[started], NULL, work_in_thread, NULL) == 0)
        started++;
    for (unsigned i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    return started == count;
}

/* -------------------------------------------------------------------------------------------------------- signals */

/* Queues signals to itself until there is no room, works, and takes them. */
static int use_up_signals(int argc, char **argv)
{
    int queued = 0;
    int taken = 0;
    int failed = 0;
    sigset_t set;
    struct timespec now = {0, 0};
    timer_t timer;
    be_alone();
    limit_to(RLIMIT_SIGPENDING, argc > 0 ? (rlim_t)atoi(argv[0]) : 0);
    sink = burn_for(WORK_NS);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    while (sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = queued}) == 0)
        queued++;
    failed = errno;
    printf("no room for a signal: %d, for a timer: %d\n", failed == EAGAIN,
           timer_create(CLOCK_MONOTONIC, NULL, &timer) < 0 && errno == EAGAIN);
    printf("threads %d\n", work_in_threads(3));
    sink = burn_for(WORK_NS);
    while (sigtimedwait(&set, NULL, &now) == SIGRTMIN)
        taken++;
    printf("lost %d\n", queued - taken);
    return 0;
}

/* --------------------------------------------------------------------------------------------------------- memory */

static void *block[BLOCKS_MAX];

/* Takes memory until there is none, works, starts a thread that may find none for its stack, gives it back, goes on. */
static int use_up_memory(int argc, char **argv)
{
    unsigned count = 0;
    (void)argc;
    (void)argv;
    sink = burn_for(WORK_NS);
    while (count < BLOCKS_MAX && (block[count] = malloc(BLOCK)) != NULL)
        count++;
    int failed = errno;
    printf("no memory %d\n", count < BLOCKS_MAX && failed == ENOMEM);
    while (count > 8 && malloc(BLOCK / 16) != NULL)
        continue;
    sink = burn_for(WORK_NS);
    printf("no thread %d\n", !work_in_threads(THREADS_MAX));
    for (unsigned i = 0; i < count; i++)
        free(block[i]);
    printf("threads %d\n", work_in_threads(4));
    sink = burn_for(WORK_NS);
    printf("memory again %d\n", (block[0] = malloc(64 * BLOCK)) != NULL);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- descriptors */

static int use_up_descriptors(int argc, char **argv)
{
    int opened[1024];
    int count = 0;
    (void)argc;
    (void)argv;
    sink = burn_for(WORK_NS);
    while (count < 1024 && (opened[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    int failed = errno;
    printf("opened %d, from %d to %d, no more %d\n", count, opened[0], opened[count - 1], failed == EMFILE);
    sink = burn_for(WORK_NS);
    printf("threads %d\n", work_in_threads(3));
    for (int i = 0; i < count; i++)
        close(opened[i]);
    sink = burn_for(WORK_NS);
    printf("again %d\n", open("/dev/null", O_RDONLY));
    return 0;
}

/* ------------------------------------------------------------------------------------------------------- processes */

static sem_t may_end;

static void *wait_for_end(void *unused)
{
    (void)unused;
    sink = burn_for(2 * MS);
    sem_wait(&may_end);
    return NULL;
}

static int use_up_processes(int argc, char **argv)
{
    pthread_t thread[THREADS_MAX];
    unsigned count = 0;
    int status = 0;
    (void)argc;
    (void)argv;
    be_alone();
    limit_to(RLIMIT_NPROC, 12);
    sem_init(&may_end, 0, 0);
    sink = burn_for(WORK_NS);
    while (count < THREADS_MAX && (status = pthread_create(&thread[count], NULL, wait_for_end, NULL)) == 0)
        count++;
    pid_t child = fork();
    printf("no thread %d, no child %d\n", status == EAGAIN, child < 0 && errno == EAGAIN);
    sink = burn_for(WORK_NS);
    for (unsigned i = 0; i < count; i++)
        sem_post(&may_end);
    for (unsigned i = 0; i < count; i++)
        pthread_join(thread[i], NULL);
    sink = burn_for(WORK_NS);
    printf("went on\n");
    return 0;
}

/* There is room for the program's own thread and no other when the agent is to start. */
static int start_without_room(int argc, char **argv)
{
    const char *endpoint = getenv("PROMISE_ENDPOINT");
    (void)argc;
    (void)argv;
    be_alone();
    limit_to(RLIMIT_NPROC, 1);
    if (endpoint != NULL)
        fprintf(stderr, "start %d\n", spipe_start(endpoint));
    sink = burn_for(WORK_NS);
    printf("threads %d\n", work_in_threads(1));
    return 0;
}

/* ----------------------------------------------------------------------------------------------------------- stack */

static __attribute__((noinline)) uint32_t recurse(uint32_t depth)
{
    volatile unsigned char room[512];
    room[depth % sizeof room] = (unsigned char)depth;
    if (depth == 0)
        sink = burn_for(WORK_NS);
    return (depth == 0 ? sink : recurse(depth - 1)) + room[depth % sizeof room] * 0u;
}

static void *recurse_in_thread(void *unused)
{
    (void)unused;
    (void)recurse(16);
    return NULL;
}

/* Runs a program from a thread with little stack. */
static void *execute_in_thread(void *unused)
{
    int status = 0;
    pid_t child = vfork();
    (void)unused;
    if (child == 0) {
        execl("/bin/echo", "echo", "from", "a", "small", "stack", (char *)NULL);
        _exit(97);
    }
    waitpid(child, &status, 0);
    return (void *)(uintptr_t)status;
}

static int use_little_stack(int argc, char **argv)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *status;
    (void)argc;
    (void)argv;
    (void)recurse(48);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 20 * 1024);
    pthread_create(&thread, &attributes, recurse_in_thread, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, &attributes, execute_in_thread, NULL);
    pthread_join(thread, &status);
    printf("status %d\n", (int)(uintptr_t)status);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- stops */

/* Somebody stops it for `argv[0]` ms and lets it go on. */
static int be_stopped(int argc, char **argv)
{
    pid_t self = getpid();
    sink = burn_for(100 * MS);
    pid_t child = fork();
    if (child == 0) {
        kill(self, SIGSTOP);
        usleep((useconds_t)(argc > 0 ? atoi(argv[0]) : 1000) * 1000);
        kill(self, SIGCONT);
        _exit(0);
    }
    sink = burn_for(200 * MS);
    waitpid(child, NULL, 0);
    printf("went on\n");
    return 0;
}

static const struct verb verbs[] = {
    {"signals", use_up_signals},
    {"memory", use_up_memory},
    {"descriptors", use_up_descriptors},
    {"processes", use_up_processes},
    {"start-without-room", start_without_room},
    {"stack", use_little_stack},
    {"stop", be_stopped},
};

VERBS_MAIN(verbs)
