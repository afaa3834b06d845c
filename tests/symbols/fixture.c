/* SPDX-License-Identifier: MIT */
/* A library with known functions, whose places the test learns by being called from them. */
#include "tests/symbols/fixture.h"

int spipe_fixture_lines[SPIPE_FIXTURE_LINES];

static inline __attribute__((always_inline)) void fixture_innermost(spipe_fixture_visit visit)
{
    visit(), spipe_fixture_lines[SPIPE_FIXTURE_LINE_INNERMOST] = __LINE__;
    __asm__ volatile("" ::: "memory");
}

static inline __attribute__((always_inline)) void fixture_middle(spipe_fixture_visit visit)
{
    spipe_fixture_lines[SPIPE_FIXTURE_LINE_MIDDLE] = __LINE__ + 1;
    fixture_innermost(visit);
}

static __attribute__((noinline)) void fixture_hidden(spipe_fixture_visit visit)
{
    visit(), spipe_fixture_lines[SPIPE_FIXTURE_LINE_HIDDEN] = __LINE__;
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void spipe_fixture_outer(spipe_fixture_visit visit)
{
    spipe_fixture_lines[SPIPE_FIXTURE_LINE_OUTER] = __LINE__ + 1;
    fixture_middle(visit);
    __asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) void spipe_fixture_calls_hidden(spipe_fixture_visit visit)
{
    fixture_hidden(visit);
    __asm__ volatile("" ::: "memory");
}

/* Assembly code: a function without a size, one with a size, and room between them that belongs to neither. */
__asm__(".text\n"
        ".balign 64\n"
        ".globl spipe_fixture_sizeless\n"
        ".type spipe_fixture_sizeless, @function\n"
        "spipe_fixture_sizeless:\n"
        "    nop\n"
        "    nop\n"
        "    ret\n"
        ".balign 64\n"
        ".globl spipe_fixture_sized\n"
        ".type spipe_fixture_sized, @function\n"
        "spipe_fixture_sized:\n"
        "    nop\n"
        "    ret\n"
        ".size spipe_fixture_sized, . - spipe_fixture_sized\n"
        "    .zero 32, 0x90\n"
        ".globl spipe_fixture_alias\n"
        ".type spipe_fixture_alias, @function\n"
        ".globl __spipe_fixture_alias\n"
        ".type __spipe_fixture_alias, @function\n"
        "spipe_fixture_alias:\n"
        "__spipe_fixture_alias:\n"
        "    nop\n"
        "    ret\n"
        ".size spipe_fixture_alias, . - spipe_fixture_alias\n"
        ".size __spipe_fixture_alias, . - __spipe_fixture_alias\n");
