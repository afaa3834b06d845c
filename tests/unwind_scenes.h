/* SPDX-License-Identifier: MIT */
/*
 * For tests: functions of every kind of frame, which keep a list of themselves, so that a walk from any instruction
 * can be compared with what was really called. The file is built with optimization and without frame pointers in every
 * configuration.
 */
#ifndef SPIPE_TESTS_UNWIND_SCENES_H
#define SPIPE_TESTS_UNWIND_SCENES_H

#include <stddef.h>
#include <stdint.h>

#define SCENES(X)      \
    X(play_all)        \
    X(recurse)         \
    X(leave)           \
    X(take_room)       \
    X(align_stack)     \
    X(call_library)    \
    X(compare_numbers) \
    X(call_asm)        \
    X(stand_still)     \
    X(handle_outer)    \
    X(handle_inner)

enum scene {
#define SCENE_ENUM(name) SCENE_##name,
    SCENES(SCENE_ENUM)
#undef SCENE_ENUM
    SCENE_COUNT
};

#define SCENE_DEPTH 128u

/* Scenes that are running, outermost first. A scene is entered a few instructions before it is in the list, and left
 * a few after. */
extern volatile uint8_t scenes_running[SCENE_DEPTH];
extern volatile size_t scenes_count;

/* Which scene's code an address lies in, or SCENE_COUNT. */
enum scene scene_find(uint64_t address);

/* Calls all kinds of functions, recursing to `depth`. */
uint64_t play_all(uint64_t depth);

/* Calls itself to that depth, and there the function. */
uint64_t recurse(uint64_t depth, void (*bottom)(void));

/* Signal handlers: the outer one raises the inner one's signal, the inner one calls `scene_bottom`. */
void handle_outer(int signal_number);
void handle_inner(int signal_number);
extern void (*scene_bottom)(void);
extern int scene_inner_signal;

/* A thread's routine that calls `scene_bottom`. */
void *stand_still(void *argument);

#endif
