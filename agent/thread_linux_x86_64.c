/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include "clock.h"
#include "pages.h"
#include "protocol/system_linux.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <time.h>

#define SCHED_OTHER 0
#define SLICE_NS UINT64_C(100000)
#define STACK_SIZE (256u * 1024u)
/* Below the thread pointer: the static thread-local storage of the libraries that were there at start. Above: libc's
 * thread descriptor (2.3 KiB in glibc 2.36, less in musl). */
#define TLS_BELOW (64u * 1024u)
#define TLS_ABOVE (8u * 1024u)
#define MEMORY_SIZE (STACK_SIZE + TLS_BELOW + TLS_ABOVE)

/* clone() with a new stack cannot be written in C: the child returns onto another stack. */
long spipe_thread_clone(uint64_t flags, void *stack, void *tid, void *thread_pointer, void (*run)(void *), void *argument);

__asm__(".text\n"
        ".hidden spipe_thread_clone\n"
        ".type spipe_thread_clone, @function\n"
        "spipe_thread_clone:\n"
        ".cfi_startproc\n"
        "mov %r8, %rax\n"           /* run */
        "mov %rcx, %r8\n"           /* thread pointer */
        "mov %rdx, %r10\n"          /* child's tid, cleared at its end; the parent's copy is the same word */
        "mov %rax, -8(%rsi)\n"
        "mov %r9, -16(%rsi)\n"
        "sub $16, %rsi\n"
        "mov $56, %eax\n"           /* SYS_clone */
        "syscall\n"
        "test %rax, %rax\n"
        "jz 1f\n"
        "ret\n"
        "1:\n"
        ".cfi_undefined rip\n"
        "xor %ebp, %ebp\n"
        "pop %rdi\n"
        "pop %rax\n"
        "call *%rax\n"
        "xor %edi, %edi\n"
        "mov $60, %eax\n"           /* SYS_exit: this thread only */
        "syscall\n"
        "hlt\n"
        ".cfi_endproc\n"
        ".size spipe_thread_clone, . - spipe_thread_clone\n");

/* The first words of the block are what the x86-64 ABI and both libcs expect at the thread pointer: itself, twice. */
static unsigned char *prepare_thread_pointer(unsigned char *memory)
{
    unsigned char *pointer = memory + STACK_SIZE + TLS_BELOW;
    *(void **)(void *)pointer = pointer;
    *(void **)(void *)(pointer + 16) = pointer;
    *(uint64_t *)(void *)(pointer + 40) = spipe_clock_monotonic_ns() * UINT64_C(0x9e3779b97f4a7c15) & ~UINT64_C(255);
    return pointer;
}

/* The kernel's struct sched_attr. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns;
    uint64_t deadline_ns;
    uint64_t period_ns;
};

/* Agent threads run seldom and for a short time. Linux lets a thread that asks for short slices have its turn sooner when
 * many wait for a CPU (since 6.12; older kernels take no notice), at no greater share of it. */
static void ask_for_short_slices(void)
{
    struct scheduling own = {0};
    if (spipe_system(SYS_sched_getattr, 0, &own, sizeof own, 0) < 0 || own.policy != SCHED_OTHER)
        return;
    own.size = sizeof own;
    own.flags = 0;
    own.runtime_ns = SLICE_NS;
    (void)spipe_system(SYS_sched_setattr, 0, &own, 0);
}

static void run_thread(void *argument)
{
    struct spipe_agent_thread *thread = argument;
    ask_for_short_slices();
    (void)spipe_system(SYS_prctl, PR_SET_NAME, thread->name);
    thread->run(thread->argument);
}

bool spipe_thread_start(struct spipe_agent_thread *thread, void (*run)(void *), void *argument, const char *name)
{
    if (atomic_load(&thread->tid) != 0)
        return false;
    if (thread->memory == NULL)
        thread->memory = spipe_pages_new(MEMORY_SIZE);
    if (thread->memory == NULL)
        return false;

    unsigned char *memory = thread->memory;
    unsigned char *pointer = prepare_thread_pointer(memory);
    thread->run = run;
    thread->argument = argument;
    thread->name = name;

    uint64_t all = UINT64_MAX;
    uint64_t old = 0;
    (void)spipe_system(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, &old, sizeof all);
    uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |
                     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    long tid = spipe_thread_clone(flags, memory + STACK_SIZE, &thread->tid, pointer, run_thread, thread);
    (void)spipe_system(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &old, NULL, sizeof old);
    if (tid < 0)
        atomic_store(&thread->tid, 0);
    return tid > 0;
}

bool spipe_thread_join(struct spipe_agent_thread *thread, uint32_t timeout_ms)
{
    uint64_t end_ns = spipe_clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
    for (;;) {
        uint32_t tid = atomic_load(&thread->tid);
        uint64_t now_ns = spipe_clock_monotonic_ns();
        if (tid == 0)
            return true;
        if (now_ns >= end_ns)
            return false;
        /* The kernel wakes the word it clears with a shared futex. */
        struct timespec time = {(time_t)((end_ns - now_ns) / 1000000000u), (long)((end_ns - now_ns) % 1000000000u)};
        (void)spipe_system(SYS_futex, &thread->tid, FUTEX_WAIT, tid, &time);
    }
}

void spipe_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
    struct timespec time = {(time_t)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};
    (void)spipe_system(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, timeout_ns == UINT64_MAX ? NULL : &time);
}

void spipe_futex_wake(_Atomic uint32_t *word)
{
    (void)spipe_system(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 0x7fffffff);
}
