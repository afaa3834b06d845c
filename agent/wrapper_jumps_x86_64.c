/* SPDX-License-Identifier: MIT */
/*
 * Wrappers that must not have a frame of their own: the function behind is reached by a jump, with all registers and
 * the stack as the caller left them. dlopen() looks at who called it to find libraries; a system call made through
 * syscall() may return twice, or on another stack.
 */
#include "wrapper_jumps.h"

#define SECCOMP_NUMBER "317"    /* SYS_seccomp */

void *spipe_next_syscall;
void *spipe_next_dlopen;
void *spipe_next_dlmopen;

/* Calls `before` with the arguments as they are, and restores them. The stack is 8 off its alignment at a function's
 * entry. */
#define CALL_BEFORE(before)                                                                                            \
    "push %rdi\n.cfi_adjust_cfa_offset 8\n"                                                                            \
    "push %rsi\n.cfi_adjust_cfa_offset 8\n"                                                                            \
    "push %rdx\n.cfi_adjust_cfa_offset 8\n"                                                                            \
    "push %rcx\n.cfi_adjust_cfa_offset 8\n"                                                                            \
    "push %r8\n.cfi_adjust_cfa_offset 8\n"                                                                             \
    "push %r9\n.cfi_adjust_cfa_offset 8\n"                                                                             \
    "sub $8, %rsp\n.cfi_adjust_cfa_offset 8\n"                                                                         \
    "call " before "\n"                                                                                                \
    "add $8, %rsp\n.cfi_adjust_cfa_offset -8\n"                                                                        \
    "pop %r9\n.cfi_adjust_cfa_offset -8\n"                                                                             \
    "pop %r8\n.cfi_adjust_cfa_offset -8\n"                                                                             \
    "pop %rcx\n.cfi_adjust_cfa_offset -8\n"                                                                            \
    "pop %rdx\n.cfi_adjust_cfa_offset -8\n"                                                                            \
    "pop %rsi\n.cfi_adjust_cfa_offset -8\n"                                                                            \
    "pop %rdi\n.cfi_adjust_cfa_offset -8\n"

#define BEGIN(name)                                                                                                    \
    ".text\n"                                                                                                          \
    ".globl " name "\n"                                                                                                \
    ".type " name ", @function\n" name ":\n"                                                                           \
    ".cfi_startproc\n"

#define END(name)                                                                                                      \
    ".cfi_endproc\n"                                                                                                   \
    ".size " name ", . - " name "\n"

__asm__(BEGIN("syscall")
        "cmpq $0, spipe_next_syscall(%rip)\n"
        "je 1f\n"
        "cmp $" SECCOMP_NUMBER ", %rdi\n"
        "jne 2f\n"
        "1:\n" CALL_BEFORE("spipe_wrappers_before_syscall")
        "2:\n"
        "jmp *spipe_next_syscall(%rip)\n" END("syscall"));

__asm__(BEGIN("dlopen") CALL_BEFORE("spipe_wrappers_before_dlopen") "jmp *spipe_next_dlopen(%rip)\n" END("dlopen"));

__asm__(BEGIN("dlmopen") CALL_BEFORE("spipe_wrappers_before_dlopen") "jmp *spipe_next_dlmopen(%rip)\n" END("dlmopen"));
