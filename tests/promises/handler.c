/* SPDX-License-Identifier: MIT */
/*
 * Work that a signal handler must not disturb, in places where it could.
 */
#define _GNU_SOURCE
#include "verbs.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define FILTER_MAX      64u
#define COROUTINES      20u
#define COROUTINE_STACK (16u * 1024u)

static volatile uint32_t sink;

/* Work that makes no system call, not even for the time: so many pieces as about a second has. */
static void work(unsigned pieces)
{
    uint32_t seed = 1;
    for (unsigned i = 0; i < pieces; i++)
        seed = burn_piece(seed);
    sink = seed;
}

static unsigned pieces_in(uint64_t cpu_ns)
{
    uint64_t start = burn_thread_ns();
    work(100);
    return (unsigned)(cpu_ns / ((burn_thread_ns() - start) / 100 + 1));
}

static void say(const char *text)
{
    (void)!write(1, text, strlen(text));
}

/* -------------------------------------------------------------------------------------------------------- filters */

/* Everything but these ends the process. */
static long install_filter(const int *allowed, size_t count, unsigned flags, int by_prctl)
{
    struct sock_filter code[FILTER_MAX];
    size_t used = 0;
    code[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++) {
        code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i], 0, 1);
        code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {(unsigned short)used, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return by_prctl ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)
                    : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static const int bare[] = {SYS_write, SYS_rt_sigreturn, SYS_exit_group};

static int filter_own(int argc, char **argv)
{
    unsigned pieces = pieces_in(500 * MS);
    if (install_filter(bare, sizeof bare / sizeof bare[0], 0, 1) < 0)
        return 77;
    work(pieces);
    say("behind the filter\n");
    if (argc > 0 && strcmp(argv[0], "_exit") == 0)
        _exit(6);
    return 5;
}

static void *keep_working(void *argument)
{
    (void)argument;
    sink = burn_for(400 * MS);
    return NULL;
}

/* The filter comes when there is another thread already, and holds for it as well. */
static int filter_all(int argc, char **argv)
{
    pthread_t thread;
    (void)argc;
    (void)argv;
    unsigned pieces = pieces_in(500 * MS);
    if (pthread_create(&thread, NULL, keep_working, NULL) != 0)
        return 78;
    sink = burn_for(200 * MS);
    pthread_join(thread, NULL);
    if (install_filter(bare, sizeof bare / sizeof bare[0], SECCOMP_FILTER_FLAG_TSYNC, 0) < 0)
        return 77;
    work(pieces);
    say("behind the filter of all threads\n");
    return 5;
}

static void *work_shortly(void *argument)
{
    work(*(unsigned *)argument);
    return NULL;
}

/* Behind the filter threads come and go, with no more system calls than libc needs for that. */
static int filter_threads(int argc, char **argv)
{
    static const int enough[] = {SYS_write,       SYS_rt_sigreturn,    SYS_exit_group,     SYS_exit,  SYS_mmap,
                                 SYS_munmap,      SYS_mprotect,        SYS_madvise,        SYS_brk,   SYS_clone3,
                                 SYS_clone,       SYS_set_robust_list, SYS_rt_sigprocmask, SYS_futex, SYS_rseq,
                                 SYS_rt_sigaction};
    (void)argc;
    (void)argv;
    unsigned pieces = pieces_in(10 * MS);
    if (install_filter(enough, sizeof enough / sizeof enough[0], 0, 0) < 0)
        return 77;
    for (unsigned i = 0; i < 50; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work_shortly, &pieces) != 0)
            return 78;
        pthread_join(thread, NULL);
    }
    say("fifty threads behind the filter\n");
    return 5;
}

/* ----------------------------------------------------------------------------------------- what calls would break */

static int keep_errno(int argc, char **argv)
{
    unsigned pieces = pieces_in(10 * MS);
    unsigned changed = 0;
    volatile int *own_errno = &errno; /* read again each time */
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 50; i++) {
        *own_errno = 4711;
        work(pieces);
        changed += *own_errno != 4711;
    }
    printf("changed %u\n", changed);
    return 0;
}

/* Fills the red zone, the SSE registers, flags and callee-saved registers; spins; returns what became of them. */
uint64_t spin_in_leaf(uint64_t rounds);
__asm__(".text\n"
        ".globl spin_in_leaf\n"
        ".type spin_in_leaf, @function\n"
        "spin_in_leaf:\n"
        ".cfi_startproc\n"
        "movq $0x1111, -8(%rsp)\n"
        "movq $0x2222, -64(%rsp)\n"
        "movq $0x4444, -128(%rsp)\n"
        "mov $0x5a5a5a5a5a5a5a5a, %rax\n"
        "movq %rax, %xmm0\n"
        "movddup %xmm0, %xmm7\n"
        "movddup %xmm0, %xmm15\n"
        "mov %rax, %r10\n"
        "mov %rax, %r11\n"
        "stc\n"
        "1:\n"
        "dec %rdi\n" /* leaves the carry as it is */
        "jnz 1b\n"
        "setc %cl\n"
        "movzbl %cl, %ecx\n"
        "movq %xmm7, %rdx\n"
        "movhlps %xmm15, %xmm1\n"
        "movq %xmm1, %rsi\n"
        "xor %rdx, %rsi\n" /* 0 when both kept theirs */
        "xor %r10, %rdx\n"
        "xor %r11, %rax\n"
        "or %rsi, %rax\n"
        "or %rdx, %rax\n"
        "add -8(%rsp), %rax\n"
        "add -64(%rsp), %rax\n"
        "add -128(%rsp), %rax\n"
        "add %rcx, %rax\n" /* 0x7778 */
        "ret\n"
        ".cfi_endproc\n"
        ".size spin_in_leaf, . - spin_in_leaf\n");

__attribute__((target("avx"))) static uint32_t spin_in_avx(uint32_t rounds)
{
    typedef float v8 __attribute__((vector_size(32)));
    v8 sum = {0, 1, 2, 3, 4, 5, 6, 7};
    v8 step = {1, 2, 3, 4, 5, 6, 7, 8};
    for (uint32_t i = 0; i < rounds; i++) {
        sum = sum * 0.5f + step;
        __asm__ volatile("" : "+x"(sum), "+x"(step));
    }
    uint32_t bits[8];
    memcpy(bits, &sum, sizeof bits);
    uint32_t mixed = 0;
    for (unsigned i = 0; i < 8; i++)
        mixed = mixed * 31 + bits[i];
    return mixed;
}

static int keep_registers(int argc, char **argv)
{
    unsigned wrong = 0;
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < 40; i++)
        wrong += spin_in_leaf(20000000) != 0x7778;
    printf("wrong %u\n", wrong);
    if (__builtin_cpu_supports("avx"))
        printf("avx %u\n", spin_in_avx(60000000));
    return wrong != 0;
}

/* --------------------------------------------------------------------------------------------------- other stacks */

static ucontext_t main_context;
static ucontext_t coroutine[COROUTINES];
static uint32_t result[COROUTINES];

static void run_coroutine(unsigned number)
{
    for (unsigned round = 0; round < 100; round++) {
        result[number] = burn_piece(result[number] + number);
        swapcontext(&coroutine[number], &main_context);
    }
}

static int run_coroutines(int argc, char **argv)
{
    static unsigned char stack[COROUTINES][COROUTINE_STACK];
    (void)argc;
    (void)argv;
    for (unsigned i = 0; i < COROUTINES; i++) {
        getcontext(&coroutine[i]);
        coroutine[i].uc_stack.ss_sp = stack[i];
        coroutine[i].uc_stack.ss_size = COROUTINE_STACK;
        coroutine[i].uc_link = &main_context;
        makecontext(&coroutine[i], (void (*)(void))run_coroutine, 1, i);
    }
    for (unsigned round = 0; round < 101; round++) {
        for (unsigned i = 0; i < COROUTINES; i++)
            swapcontext(&main_context, &coroutine[i]);
    }
    uint32_t mixed = 0;
    for (unsigned i = 0; i < COROUTINES; i++)
        mixed = mixed * 31 + result[i];
    printf("coroutines %u\n", mixed);
    return 0;
}

static unsigned handled;

static void work_on_other_stack(int number)
{
    (void)number;
    sink = burn_piece(sink);
    sink = burn_piece(sink);
    handled++;
}

static int run_on_alternate_stack(int argc, char **argv)
{
    static unsigned char stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = work_on_other_stack, .sa_flags = SA_ONSTACK};
    (void)argc;
    (void)argv;
    if (sigaltstack(&alternate, NULL) < 0 || sigaction(SIGUSR1, &action, NULL) < 0)
        return 78;
    uint64_t end = burn_thread_ns() + 500 * MS;
    unsigned raised = 0;
    for (; burn_thread_ns() < end; raised++)
        raise(SIGUSR1);
    stack_t now;
    sigaltstack(NULL, &now);
    printf("lost %u, stack kept %d\n", raised - handled, now.ss_sp == stack && now.ss_size == sizeof stack);
    return 0;
}

static const struct verb verbs[] = {
    {"filter-own", filter_own},
    {"filter-all", filter_all},
    {"filter-threads", filter_threads},
    {"errno", keep_errno},
    {"registers", keep_registers},
    {"coroutines", run_coroutines},
    {"alternate-stack", run_on_alternate_stack},
};

VERBS_MAIN(verbs)
