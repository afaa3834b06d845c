/* SPDX-License-Identifier: MIT */
/*
 * Programs with signal handlers of their own, which count what they get. Built twice: once knowing nothing of the
 * agent, once linked with it, to start it when the handlers are there already.
 */
#define _GNU_SOURCE
#include "parts.h"

#include "agent/stackpipe.h"

#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define TIMES  300
#define FAULTS 1000
#define JUMPS  2000
#define TICKS  10

static volatile uint32_t sink;
static _Atomic int own_count;
static _Atomic int other_count;
static _Atomic int timer_count;
static _Atomic int strange_count;

static void burn_shortly(void)
{
    sink = burn_piece(sink);
}

/* Where the program brings the agent along it comes now. */
static void let_agent_start(void)
{
    const char *endpoint = getenv("PROMISE_ENDPOINT");
    if (endpoint != NULL && spipe_start(endpoint) != 0)
        exit(78);
}

static void note(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code == SI_USER || info->si_code == SI_TKILL)
        own_count++;
    else if (info->si_code == SI_KERNEL)
        timer_count++; /* setitimer()'s come from the kernel */
    else
        strange_count++;
}

static void note_other(int number)
{
    (void)number;
    other_count++;
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void print_counts(void)
{
    printf("own %d\nother %d\nstrange %d\n", own_count, other_count, strange_count);
}

/* ------------------------------------------------------------------------------------------------------- SIGPROF */

static int own_sigprof(int argc, char **argv)
{
    struct sigaction found;
    (void)argc;
    (void)argv;
    install(SIGPROF, note, SA_RESTART);
    let_agent_start();
    for (int i = 0; i < TIMES; i++) {
        raise(SIGPROF);
        burn_shortly();
    }
    sigaction(SIGPROF, NULL, &found);
    printf("kept %d\n", found.sa_sigaction == note);
    print_counts();
    return 0;
}

/* The disposition changes all the time, by either function, and each signal finds the one that is set. */
static int replace_sigprof(int argc, char **argv)
{
    int wrong = 0;
    (void)argc;
    (void)argv;
    for (int i = 0; i < TIMES; i++) {
        struct sigaction found;
        install(SIGPROF, note, 0);
        raise(SIGPROF);
        sigaction(SIGPROF, NULL, &found);
        wrong += found.sa_sigaction != note;
        sighandler_t before = signal(SIGPROF, note_other);
        wrong += before != found.sa_handler;
        raise(SIGPROF);
        wrong += signal(SIGPROF, SIG_IGN) != note_other;
        raise(SIGPROF);
        wrong += signal(SIGPROF, SIG_DFL) != SIG_IGN;
        burn_shortly();
    }
    printf("wrong %d\n", wrong);
    print_counts();
    return 0;
}

/* Takes the signal by the bare system call, which nobody sees, and waits until no signals of others arrive any more. */
static int take_silently(int argc, char **argv)
{
    /* The kernel's own order of a struct sigaction, with libc's way back from a handler. */
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action;
    struct sigaction model = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART};
    int seen;
    (void)argc;
    (void)argv;
    sink = burn_for(50 * MS);
    sigaction(SIGUSR1, &model, NULL);
    syscall(SYS_rt_sigaction, SIGUSR1, NULL, &action, 8);
    syscall(SYS_rt_sigaction, SIGPROF, &action, NULL, 8);
    int rounds = 0;
    do {
        seen = strange_count;
        sink = burn_for(60 * MS);
    } while (strange_count != seen && ++rounds < 100);
    for (int i = 0; i < TIMES; i++)
        raise(SIGPROF);
    sigaction(SIGPROF, NULL, &model);
    printf("quiet %d\nown %d\nkept %d\n", strange_count == seen, own_count, model.sa_sigaction == note);
    return 0;
}

static void count_until_ticks(int which, int number, _Atomic int *count)
{
    struct itimerval value = {{0, 5000}, {0, 5000}};
    struct itimerval off = {{0, 0}, {0, 0}};
    *count = 0;
    install(number, note, SA_RESTART);
    setitimer((__itimer_which_t)which, &value, NULL);
    while (*count < TICKS)
        burn_shortly();
    setitimer((__itimer_which_t)which, &off, NULL);
}

static int own_timers(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    count_until_ticks(ITIMER_PROF, SIGPROF, &timer_count);
    count_until_ticks(ITIMER_VIRTUAL, SIGVTALRM, &timer_count);
    count_until_ticks(ITIMER_REAL, SIGALRM, &timer_count);
    count_until_ticks(ITIMER_PROF, SIGPROF, &timer_count);
    printf("ticked\nown %d\nstrange %d\n", own_count, strange_count);
    return 0;
}

/* -------------------------------------------------------------------------------------------------------- faults */

static long page_size;
static __thread unsigned char *volatile page;
static __thread sigjmp_buf back;
static volatile char *volatile nowhere;

static void allow_page(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_addr != page) {
        strange_count++;
        _exit(77);
    }
    own_count++;
    mprotect(page, (size_t)page_size, PROT_READ | PROT_WRITE);
}

static void *fault_often(void *unused)
{
    (void)unused;
    page = mmap(NULL, (size_t)page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < FAULTS; i++) {
        mprotect(page, (size_t)page_size, PROT_NONE);
        page[0]++;
        if (i % 10 == 0)
            burn_shortly();
    }
    other_count += page[0];
    return NULL;
}

/* A handler that mends the fault and returns, as garbage collectors and debuggers have. */
static int fix_faults(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    page_size = sysconf(_SC_PAGESIZE);
    install(SIGSEGV, allow_page, 0);
    let_agent_start();
    run_in_threads(fault_often);
    print_counts();
    return 0;
}

static void jump_back(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    (void)context;
    own_count++;
    siglongjmp(back, 1);
}

static void *jump_often(void *unused)
{
    (void)unused;
    for (volatile int i = 0; i < FAULTS; i++) {
        if (sigsetjmp(back, 1) == 0) {
            if (i % 10 == 0)
                burn_shortly();
            *nowhere = 1;
        }
    }
    return NULL;
}

static int jump_from_faults(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    install(SIGSEGV, jump_back, SA_NODEFER);
    let_agent_start();
    run_in_threads(jump_often);
    print_counts();
    return 0;
}

/* The signal comes at any moment, in the middle of others' handlers too, and control never returns to where it was. */
static int jump_from_alarms(int argc, char **argv)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec times = {{0, 100000}, {0, 100000}};
    volatile int jumps = 0;
    timer_t timer;
    (void)argc;
    (void)argv;
    install(SIGALRM, jump_back, 0);
    let_agent_start();
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    if (sigsetjmp(back, 1) != 0)
        jumps++;
    else
        timer_settime(timer, 0, &times, NULL);
    while (jumps < JUMPS)
        burn_shortly();
    signal(SIGALRM, SIG_IGN);
    timer_delete(timer);
    printf("jumped\nagree %d\n", jumps == own_count);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ alternate stacks */

static __thread char *alternate;
#define ALTERNATE_SIZE (64u * 1024u)

static void note_on_stack(int number, siginfo_t *info, void *context)
{
    char here;
    size_t distance = (size_t)(&here - alternate);
    (void)info;
    (void)context;
    own_count++;
    other_count += distance >= ALTERNATE_SIZE;
    burn_shortly();
    if (number == SIGUSR1)
        raise(SIGUSR2);
}

static void *handle_on_stacks(void *unused)
{
    stack_t stack = {.ss_size = ALTERNATE_SIZE};
    stack_t now;
    (void)unused;
    alternate = malloc(ALTERNATE_SIZE);
    stack.ss_sp = alternate;
    sigaltstack(&stack, NULL);
    for (int i = 0; i < TIMES / 4; i++)
        raise(SIGUSR1);
    sigaltstack(NULL, &now);
    strange_count += now.ss_sp != alternate || now.ss_size != ALTERNATE_SIZE || now.ss_flags != 0;
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    burn_shortly();
    free(alternate);
    return NULL;
}

static int use_alternate_stacks(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    install(SIGUSR1, note_on_stack, SA_ONSTACK);
    install(SIGUSR2, note_on_stack, SA_ONSTACK);
    run_in_threads(handle_on_stacks);
    print_counts();
    return 0;
}

static const struct verb verbs[] = {
    {"own-sigprof", own_sigprof},
    {"replace-sigprof", replace_sigprof},
    {"take-silently", take_silently},
    {"own-timers", own_timers},
    {"fix-faults", fix_faults},
    {"jump-from-faults", jump_from_faults},
    {"jump-from-alarms", jump_from_alarms},
    {"alternate-stacks", use_alternate_stacks},
};

VERBS_MAIN(verbs)
