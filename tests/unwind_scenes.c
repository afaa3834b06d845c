/* SPDX-License-Identifier: MIT */
#include "unwind_scenes.h"

#include <alloca.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A section of its own, with a name that C can spell, gives each scene's code two symbols around it. */
#define SCENE_CODE(name) __attribute__((noinline, section("scene_" #name)))

#define DECLARE_BOUNDS(name)                       \
    extern const char __start_scene_##name[];      \
    extern const char __stop_scene_##name[];
SCENES(DECLARE_BOUNDS)

volatile uint8_t scenes_running[SCENE_DEPTH];
volatile size_t scenes_count;
void (*scene_bottom)(void);
int scene_inner_signal;

static volatile uint64_t sink;

#define ENTER(name)                                         \
    do {                                                    \
        scenes_running[scenes_count] = SCENE_##name;        \
        scenes_count++;                                     \
    } while (0)
#define LEAVE() (scenes_count--)

enum scene scene_find(uint64_t address)
{
    static const struct {
        const char *start;
        const char *stop;
    } bounds[] = {
#define BOUNDS(name) {__start_scene_##name, __stop_scene_##name},
        SCENES(BOUNDS)
#undef BOUNDS
    };
    for (size_t i = 0; i < SCENE_COUNT; i++) {
        if (address >= (uint64_t)(uintptr_t)bounds[i].start && address < (uint64_t)(uintptr_t)bounds[i].stop)
            return (enum scene)i;
    }
    return SCENE_COUNT;
}

SCENE_CODE(leave) static uint64_t leave(uint64_t number)
{
    ENTER(leave);
    number = number * 3 + sink;
    LEAVE();
    return number;
}

SCENE_CODE(recurse) uint64_t recurse(uint64_t depth, void (*bottom)(void))
{
    ENTER(recurse);
    uint64_t number = depth;
    if (depth > 1)
        number += recurse(depth - 1, bottom);
    else
        bottom();
    number += leave(depth);
    LEAVE();
    return number;
}

/* A frame whose size is not known before it runs. */
SCENE_CODE(take_room) static uint64_t take_room(size_t size)
{
    ENTER(take_room);
    char *room = alloca(size);
    memset(room, 1, size);
    uint64_t number = leave((uint64_t)room[size / 2]);
    sink = (uint64_t)(unsigned char)room[0];
    LEAVE();
    return number;
}

/* A frame that the compiler aligns at run time, with its arguments beyond the aligned part. */
SCENE_CODE(align_stack) static uint64_t align_stack(size_t count, ...)
{
    ENTER(align_stack);
    _Alignas(64) volatile uint64_t wide[16] = {0};
    char *room = alloca(count * 16 + 16);
    va_list list;
    va_start(list, count);
    for (size_t i = 0; i < count; i++)
        wide[i % 16] += va_arg(list, uint64_t);
    va_end(list);
    memset(room, 2, count);
    uint64_t number = leave(wide[0] + (uint64_t)room[0]);
    number += take_room(count * 8 + 24);
    LEAVE();
    return number;
}

SCENE_CODE(compare_numbers) static int compare_numbers(const void *a, const void *b)
{
    ENTER(compare_numbers);
    int order = *(const int *)a - *(const int *)b;
    sink = leave((uint64_t)order);
    LEAVE();
    return order;
}

/* The first calls of library functions go through the loader, and one calls back. */
SCENE_CODE(call_library) static uint64_t call_library(void)
{
    ENTER(call_library);
    int numbers[12] = {5, 3, 9, 1, 7, 2, 8, 0, 6, 4, 11, 10};
    char text[64];
    struct timespec now;
    qsort(numbers, 12, sizeof(numbers[0]), compare_numbers);
    snprintf(text, sizeof(text), "%d %s %.3f", numbers[3], "words", 2.5);
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t number = (uint64_t)strtod("12.75", NULL) + strlen(text) + (uint64_t)now.tv_nsec;
    LEAVE();
    return number;
}

/* A function in assembly that moves the stack pointer about, and says so. */
void push_by_hand(uint64_t number);
__asm__(".pushsection .text\n"
        ".type push_by_hand, @function\n"
        "push_by_hand:\n"
        ".cfi_startproc\n"
        "sub $128, %rsp\n"
        ".cfi_adjust_cfa_offset 128\n"
        "push %rdi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "push %rdi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "lea 16(%rsp), %rsp\n"
        ".cfi_adjust_cfa_offset -16\n"
        "lea 136(%rsp), %rcx\n"
        ".cfi_def_cfa rcx, 0\n"
        "add $128, %rsp\n"
        ".cfi_def_cfa rsp, 8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size push_by_hand, .-push_by_hand\n"
        ".popsection\n");

SCENE_CODE(call_asm) static uint64_t call_asm(uint64_t number)
{
    ENTER(call_asm);
    push_by_hand(number);
    LEAVE();
    return number;
}

static void do_nothing(void)
{
}

SCENE_CODE(play_all) uint64_t play_all(uint64_t depth)
{
    ENTER(play_all);
    uint64_t number = recurse(depth, do_nothing);
    number += take_room(500);
    number += align_stack(3, UINT64_C(1), UINT64_C(2), UINT64_C(3));
    number += call_library();
    number += call_asm(number);
    LEAVE();
    return number;
}

SCENE_CODE(handle_inner) void handle_inner(int signal_number)
{
    (void)signal_number;
    ENTER(handle_inner);
    scene_bottom();
    LEAVE();
}

SCENE_CODE(handle_outer) void handle_outer(int signal_number)
{
    (void)signal_number;
    ENTER(handle_outer);
    raise(scene_inner_signal);
    LEAVE();
}

SCENE_CODE(stand_still) void *stand_still(void *argument)
{
    ENTER(stand_still);
    scene_bottom();
    LEAVE();
    return argument;
}
