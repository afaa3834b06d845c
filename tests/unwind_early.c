/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "unwind_early.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

/* What lies above the loader's first frame: the count of arguments, and where they are. */
#define ABOVE_FIRST_FRAME 64u

extern void *__libc_stack_end;

static struct unwind_early early;

/* The stack is copied as words, since the copy reads what sanitizers guard. */
__attribute__((no_sanitize_address)) static void copy_stack(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    static const int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (size_t i = 0; i < SPIPE_REGISTER_COUNT; i++)
        early.registers.value[i] = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[order[i]];
    uint64_t low = early.registers.value[SPIPE_REGISTER_RSP] & ~UINT64_C(7);
    uint64_t high = (uint64_t)(uintptr_t)__libc_stack_end + ABOVE_FIRST_FRAME;
    if (high - low > sizeof(early.bytes))
        return;
    const volatile unsigned char *from = (const volatile unsigned char *)(uintptr_t)low;
    for (size_t i = 0; i < high - low; i++)
        early.bytes[i] = from[i];
    early.view = (struct spipe_stack_view){low, high, early.bytes};
}

__attribute__((constructor)) static void keep_stack(void)
{
    struct sigaction action;
    struct sigaction old;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = copy_stack;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &action, &old);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &old, NULL);
}

const struct unwind_early *unwind_early_get(void)
{
    return &early;
}
