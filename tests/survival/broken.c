/* SPDX-License-Identifier: MIT */
/*
 * Code whose stack, registers and unwind information tell lies while it works: what hand-written assembly, just-in-time
 * compilers and bugs leave behind. The program itself comes to no harm.
 */
#define _GNU_SOURCE
#include "../promises/verbs.h"

#include <signal.h>
#include <stdalign.h>
#include <sys/mman.h>

#define SPIN    6000000u /* some milliseconds */
#define WORDS   400u
#define REPEATS 3

static volatile uint32_t sink;

/* Spins with that frame pointer. */
void spin_with_frame(uint64_t rounds, uint64_t frame_pointer);
/* Spins with the stack from its return address on overwritten by `words` of `garbage`, and puts it back. */
void spin_with_stack(uint64_t rounds, const uint64_t *garbage, uint64_t *saved, uint64_t words);
/* Spins with that stack pointer: signals must come on an alternate stack then. */
void spin_with_pointer(uint64_t rounds, uint64_t stack_pointer);
/* Spin behind rules that do not describe them. */
void spin_with_far_rule(uint64_t rounds);
void spin_with_low_rule(uint64_t rounds);
void spin_with_wild_expression(uint64_t rounds);
void spin_with_endless_rule(uint64_t rounds);
void spin_with_lost_address(uint64_t rounds);

/* A function of that name in assembly. */
#define FUNCTION(name, code)                                                                                           \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n.p2align 4\n" #name ":\n.cfi_startproc\n" code       \
            "ret\n.cfi_endproc\n.size " #name ", . - " #name "\n")

/* One that spins behind a rule of its unwind table. */
#define SPIN_BEHIND(name, rule)                                                                                        \
    FUNCTION(name, rule "\n"                                                                                           \
                        "1: dec %rdi\n"                                                                                \
                        "jnz 1b\n")

FUNCTION(spin_with_frame, "push %rbp\n"
                          ".cfi_adjust_cfa_offset 8\n"
                          ".cfi_offset rbp, -16\n"
                          "mov %rsi, %rbp\n"
                          "1: dec %rdi\n"
                          "jnz 1b\n"
                          "pop %rbp\n"
                          ".cfi_adjust_cfa_offset -8\n");

FUNCTION(spin_with_stack, "xor %r8d, %r8d\n"
                          "2: mov (%rsp,%r8,8), %rax\n"
                          "mov %rax, (%rdx,%r8,8)\n"
                          "mov (%rsi,%r8,8), %rax\n"
                          "mov %rax, (%rsp,%r8,8)\n"
                          "inc %r8\n"
                          "cmp %rcx, %r8\n"
                          "jb 2b\n"
                          "1: dec %rdi\n"
                          "jnz 1b\n"
                          "3: mov -8(%rdx,%rcx,8), %rax\n"
                          "mov %rax, -8(%rsp,%rcx,8)\n"
                          "dec %rcx\n"
                          "jnz 3b\n");

FUNCTION(spin_with_pointer, "mov %rsp, %rdx\n"
                            ".cfi_def_cfa_register rdx\n"
                            "mov %rsi, %rsp\n"
                            "1: dec %rdi\n"
                            "jnz 1b\n"
                            "mov %rdx, %rsp\n"
                            ".cfi_def_cfa_register rsp\n");

SPIN_BEHIND(spin_with_far_rule, ".cfi_def_cfa_offset 0x7ffffff0");
SPIN_BEHIND(spin_with_low_rule, ".cfi_def_cfa_offset -4096");
/* The frame is an expression (breg5 0, deref) that reads through a register without an address. */
SPIN_BEHIND(spin_with_wild_expression, ".cfi_escape 0x0f, 0x03, 0x75, 0x00, 0x06");
/* The frame is its own caller. */
SPIN_BEHIND(spin_with_endless_rule, ".cfi_def_cfa_offset 0\n.cfi_same_value rip");
/* The return address is said to be in a register that holds something else. */
SPIN_BEHIND(spin_with_lost_address, ".cfi_register rip, rdi");

static const uint64_t wild[] = {0,
                                1,
                                7,
                                8,
                                UINT64_C(0xffffffffffffffff),
                                UINT64_C(0xfffffffffffffff8), /* -8 */
                                UINT64_C(0xfffffffffffffff0),
                                UINT64_C(0x7fffffffffff),
                                UINT64_C(0x7ffffffffff8),
                                UINT64_C(0x800000000000), /* not canonical */
                                UINT64_C(0xdeadbeefdeadbeef),
                                UINT64_C(0xffffffffff600000),
                                UINT64_C(0x400000)};
#define WILD_COUNT (sizeof wild / sizeof wild[0])

/* Places that are there, and are not what they seem. */
static size_t add_places(uint64_t *value)
{
    static uint64_t data[4] = {1, 2, 3, 4};
    uint64_t here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    size_t count = 0;
    value[count++] = here;
    value[count++] = here + 1;
    value[count++] = here - 4096;
    value[count++] = here + (UINT64_C(1) << 30);
    value[count++] = (uint64_t)(uintptr_t)data;
    value[count++] = (uint64_t)(uintptr_t)&printf;
    value[count++] = (uint64_t)(uintptr_t)&add_places + 1;
    return count;
}

static size_t collect_values(uint64_t *value)
{
    memcpy(value, wild, sizeof wild);
    return WILD_COUNT + add_places(value + WILD_COUNT);
}

static int lie_about_frames(int argc, char **argv)
{
    uint64_t value[WILD_COUNT + 16];
    size_t count = collect_values(value);
    (void)argc;
    (void)argv;
    for (size_t i = 0; i < count; i++)
        spin_with_frame(SPIN, value[i]);
    printf("%zu frames\n", count);
    return 0;
}

/* Code without any table: there the frame pointer is all that there is to follow. */
static int lie_about_frames_without_tables(int argc, char **argv)
{
    /* push %rbp; mov %rsi, %rbp; 1: dec %rdi; jnz 1b; pop %rbp; ret */
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xf5, 0x48, 0xff, 0xcf, 0x75, 0xfb, 0x5d, 0xc3};
    uint64_t value[WILD_COUNT + 16];
    size_t count = collect_values(value);
    void (*function)(uint64_t, uint64_t);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)argc;
    (void)argv;
    memcpy(page, code, sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    memcpy(&function, &page, sizeof function);
    for (size_t i = 0; i < count; i++)
        function(SPIN, value[i]);
    printf("%zu frames\n", count);
    return 0;
}

/* The caller's caller, so that there is something to overwrite. */
static __attribute__((noinline)) void spin_over(const uint64_t *garbage)
{
    static uint64_t saved[WORDS];
    spin_with_stack(SPIN, garbage, saved, WORDS);
    __asm__ volatile("" ::: "memory");
}

static int scribble(int argc, char **argv)
{
    /* So far up the stack that the arrays of arguments are not reached. */
    volatile uint64_t room[WORDS];
    uint64_t value[WILD_COUNT + 16];
    static uint64_t garbage[WORDS];
    size_t count = collect_values(value);
    uint32_t seed = 1;
    (void)argc;
    (void)argv;
    memset((void *)(uintptr_t)room, 0, sizeof room);
    for (size_t i = 0; i < count; i++) {
        for (unsigned at = 0; at < WORDS; at++)
            garbage[at] = value[i];
        spin_over(garbage);
    }
    for (unsigned repeat = 0; repeat < 10; repeat++) {
        for (unsigned at = 0; at < WORDS; at++) {
            seed = seed * 1664525u + 1013904223u;
            garbage[at] = (seed >> 16) % 3 == 0 ? (uint64_t)seed << 15 : value[(seed >> 8) % count];
        }
        spin_over(garbage);
    }
    printf("scribbled %d\n", room[0] == 0 && room[WORDS - 1] == 0);
    return 0;
}

static int lie_about_stack(int argc, char **argv)
{
    alignas(64) static unsigned char alternate[64 * 1024];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    uint64_t value[WILD_COUNT + 16];
    size_t count = collect_values(value);
    (void)argc;
    (void)argv;
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < count; i++)
        spin_with_pointer(SPIN, value[i]);
    printf("%zu stacks\n", count);
    return 0;
}

static int lie_in_tables(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    for (int i = 0; i < REPEATS; i++) {
        spin_with_far_rule(SPIN);
        spin_with_low_rule(SPIN);
        spin_with_wild_expression(SPIN);
        spin_with_endless_rule(SPIN);
        spin_with_lost_address(SPIN);
    }
    printf("spun\n");
    return 0;
}

static const struct verb verbs[] = {
    {"frames", lie_about_frames}, {"frames-without-tables", lie_about_frames_without_tables},
    {"scribble", scribble},       {"stack", lie_about_stack},
    {"tables", lie_in_tables},
};

VERBS_MAIN(verbs)
