/* SPDX-License-Identifier: MIT */
/*
 * Programs that run on stacks of their own making, up to their very end.
 */
#define _GNU_SOURCE
#include "parts.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#define COROUTINES      8u
#define ROUNDS          40u
#define STACK_MAX       (64u * 1024u)
#define GUARD           256u
#define UNTOUCHED       0xa5
#define OVERFLOWS       6
#define SMALL_ALTERNATE 8192u /* what SIGSTKSZ was for decades */

static volatile uint32_t sink;

/* ----------------------------------------------------------------------------------------------------- coroutines */

static ucontext_t caller[COROUTINES];
static ucontext_t coroutine[COROUTINES];
static uint32_t result[COROUTINES];
static alignas(64) unsigned char memory[COROUTINES][GUARD + STACK_MAX];

/* Little of the stack is its own: work and the switch. */
static void run_coroutine(unsigned number)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        result[number] = burn_piece(result[number] + number);
        swapcontext(&coroutine[number], &caller[number]);
    }
}

static void make_coroutine(unsigned number, size_t size)
{
    memset(memory[number], UNTOUCHED, sizeof memory[number]);
    getcontext(&coroutine[number]);
    coroutine[number].uc_stack.ss_sp = memory[number] + GUARD;
    coroutine[number].uc_stack.ss_size = size;
    coroutine[number].uc_link = &caller[number];
    makecontext(&coroutine[number], (void (*)(void))run_coroutine, 1, number);
}

static int count_broken_guards(void)
{
    int broken = 0;
    for (unsigned i = 0; i < COROUTINES; i++) {
        for (unsigned at = 0; at < GUARD; at++)
            broken += memory[i][at] != UNTOUCHED;
    }
    return broken;
}

static uint32_t mix_results(void)
{
    uint32_t mixed = 0;
    for (unsigned i = 0; i < COROUTINES; i++)
        mixed = mixed * 31 + result[i];
    return mixed;
}

/* The size is the first argument; without one it is the kernel's frame for a signal and half a kilobyte, for
 * the coroutine itself and whoever handles the signal. */
static int run_coroutines(int argc, char **argv)
{
    size_t size = argc > 0 ? (size_t)atoi(argv[0]) : getauxval(AT_MINSIGSTKSZ) + 512;
    for (unsigned i = 0; i < COROUTINES; i++)
        make_coroutine(i, size);
    for (unsigned round = 0; round <= ROUNDS; round++) {
        for (unsigned i = 0; i < COROUTINES; i++)
            swapcontext(&caller[i], &coroutine[i]);
    }
    printf("coroutines %u\nguards broken %d\n", mix_results(), count_broken_guards());
    return 0;
}

static pthread_barrier_t step;

/* In each round a coroutine is on another thread than in the last. */
static void *run_some(void *argument)
{
    unsigned first = (unsigned)(uintptr_t)argument;
    for (unsigned round = 0; round <= ROUNDS; round++) {
        for (unsigned i = (first + round) % 2; i < COROUTINES; i += 2)
            swapcontext(&caller[i], &coroutine[i]);
        pthread_barrier_wait(&step);
    }
    return NULL;
}

static int run_wandering(int argc, char **argv)
{
    pthread_t thread[2];
    (void)argc;
    (void)argv;
    pthread_barrier_init(&step, NULL, 2);
    for (unsigned i = 0; i < COROUTINES; i++)
        make_coroutine(i, STACK_MAX);
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, run_some, (void *)i);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    printf("coroutines %u\nguards broken %d\n", mix_results(), count_broken_guards());
    return 0;
}

/* ------------------------------------------------------------------------------------------------------ overflows */

static __thread sigjmp_buf back;
static _Atomic int caught;

static void catch_overflow(int number)
{
    (void)number;
    caught++;
    siglongjmp(back, 1);
}

static void overflow_often(void)
{
    alignas(64) static __thread unsigned char alternate[SMALL_ALTERNATE];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    for (volatile int i = 0; i < OVERFLOWS; i++) {
        if (sigsetjmp(back, 1) == 0)
            sink = recurse_without_end(1);
    }
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
}

static void *overflow_in_thread(void *unused)
{
    (void)unused;
    overflow_often();
    return NULL;
}

static int overflow(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = catch_overflow, .sa_flags = SA_ONSTACK};
    pthread_attr_t attributes;
    pthread_t thread;
    (void)argc;
    (void)argv;
    sigaction(SIGSEGV, &action, NULL);
    overflow_often();
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1024 * 1024);
    pthread_create(&thread, &attributes, overflow_in_thread, NULL);
    pthread_join(thread, NULL);
    printf("caught %d\n", caught);
    return 0;
}

static const struct verb verbs[] = {
    {"coroutines", run_coroutines},
    {"wandering", run_wandering},
    {"overflow", overflow},
};

VERBS_MAIN(verbs)
