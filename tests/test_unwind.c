/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
/* Walks of real stacks: this process's, from the contexts that real signals bring. */
#include "unwind_early.h"
#include "unwind_process.h"
#include "unwind_scenes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define RECURSION 40u
#define TIMER_SAMPLES 100u

/* ThreadSanitizer calls handlers from frames of its own, and some time after the signal. */
#ifdef __SANITIZE_THREAD__
#define HANDLERS_RUN_AT_ONCE false
#else
#define HANDLERS_RUN_AT_ONCE true
#endif

static struct spipe_code_map *map;
static uint64_t main_stack_end;
static struct spipe_walk_cache cache;

/* What the handlers leave. */
static struct capture captured;
static volatile uint64_t handler_stack_end;
static volatile size_t step_count;
static volatile size_t bad_count;
static struct capture first_bad;
static uint8_t first_bad_running[SCENE_DEPTH];
static size_t first_bad_running_count;

static void capture_here(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    process_walk(map, context, handler_stack_end, NULL, &captured);
}

/* The scenes of a stack, outermost first. */
static size_t list_scenes(const struct capture *capture, uint8_t list[CAPTURE_DEPTH])
{
    size_t count = 0;
    for (size_t i = capture->depth; i-- > 0;) {
        enum scene scene = scene_find(capture->address[i]);
        if (scene != SCENE_COUNT)
            list[count++] = (uint8_t)scene;
    }
    return count;
}

/* Does the stack reach its root through exactly the scenes that run, and at most one that is being entered or left? */
static bool is_right(const struct capture *capture)
{
    uint8_t list[CAPTURE_DEPTH];
    size_t count = list_scenes(capture, list);
    size_t running = scenes_count;
    if (capture->end != SPIPE_WALK_ROOT || count < running || count > running + 1)
        return false;
    for (size_t i = 0; i < running; i++) {
        if (list[i] != scenes_running[i])
            return false;
    }
    return true;
}

static void check_here(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    process_walk(map, context, handler_stack_end, &cache, &captured);
    step_count++;
    if (is_right(&captured))
        return;
    if (bad_count++ == 0) {
        first_bad = captured;
        first_bad_running_count = scenes_count;
        memcpy(first_bad_running, (const void *)scenes_running, sizeof(first_bad_running));
    }
}

static void print_first_bad(void)
{
    print_message("end %d, needed %#lx, %zu scenes run\n", (int)first_bad.end, (unsigned long)first_bad.needed,
                  first_bad_running_count);
    for (size_t i = 0; i < first_bad.depth; i++) {
        const struct spipe_code_range *range = spipe_code_map_find(map, first_bad.address[i]);
        print_message("  %#lx image %u +%#lx scene %d\n", (unsigned long)first_bad.address[i],
                      range == NULL ? 0 : range->image_index,
                      (unsigned long)(first_bad.address[i] - (range == NULL ? 0 : range->image_base)),
                      (int)scene_find(first_bad.address[i]));
    }
}

static void install(int signal_number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    assert_int_equal(sigaction(signal_number, &action, NULL), 0);
}

static void raise_capture(void)
{
    raise(SIGUSR1);
}

static void raise_outer(void)
{
    raise(SIGWINCH);
}

static int prepare(void **state)
{
    (void)state;
    scenes_count = 0;
    step_count = 0;
    bad_count = 0;
    handler_stack_end = main_stack_end;
    memset(&captured, 0, sizeof(captured));
    install(SIGUSR1, capture_here);
    scene_bottom = raise_capture;
    scene_inner_signal = SIGURG;
    signal(SIGWINCH, handle_outer);
    signal(SIGURG, handle_inner);
    return 0;
}

static void test_walk_lists_every_call_of_a_deep_recursion(void **state)
{
    (void)state;
    uint8_t list[CAPTURE_DEPTH];
    recurse(RECURSION, raise_capture);
    assert_int_equal(captured.end, SPIPE_WALK_ROOT);
    assert_int_equal(list_scenes(&captured, list), RECURSION);
    for (size_t i = 0; i < RECURSION; i++)
        assert_int_equal(list[i], SCENE_recurse);
}

static void test_walk_passes_two_nested_signal_handlers(void **state)
{
    (void)state;
    if (!HANDLERS_RUN_AT_ONCE)
        skip();
    static const uint8_t expected[] = {SCENE_recurse, SCENE_recurse, SCENE_handle_outer, SCENE_handle_inner};
    uint8_t list[CAPTURE_DEPTH];
    recurse(2, raise_outer);
    assert_int_equal(captured.end, SPIPE_WALK_ROOT);
    assert_int_equal(list_scenes(&captured, list), sizeof(expected));
    assert_memory_equal(list, expected, sizeof(expected));
}

static void *run_thread(void *argument)
{
    char here = 0;
    handler_stack_end = process_stack_end(&here);
    return stand_still(argument);
}

static void test_walk_of_a_thread_ends_at_its_start(void **state)
{
    (void)state;
    uint8_t list[CAPTURE_DEPTH];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(captured.end, SPIPE_WALK_ROOT);
    assert_int_equal(list_scenes(&captured, list), 1);
    assert_int_equal(list[0], SCENE_stand_still);
}

static volatile bool is_tracing;

/* Sets the processor's trace flag, by which it raises SIGTRAP after each instruction. */
static void trace_from_here(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

static void check_step(int signal_number, siginfo_t *info, void *context)
{
    if (is_tracing)
        check_here(signal_number, info, context);
    else
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

static void test_walk_is_right_at_every_instruction(void **state)
{
    (void)state;
    install(SIGTRAP, check_step);
    install(SIGUSR2, trace_from_here);
    is_tracing = true;
    raise(SIGUSR2);
    play_all(4);
    is_tracing = false;
    if (bad_count != 0) {
        print_message("%zu of %zu\n", bad_count, step_count);
        print_first_bad();
    }
    assert_true(step_count > 1000);
    assert_int_equal(bad_count, 0);
}

static void test_walk_is_right_whenever_a_timer_fires(void **state)
{
    (void)state;
    if (!HANDLERS_RUN_AT_ONCE)
        skip();
    static const struct itimerval often = {{0, 1000}, {0, 1000}};
    static const struct itimerval never = {{0, 0}, {0, 0}};
    install(SIGPROF, check_here);
    assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
    while (step_count < TIMER_SAMPLES)
        play_all(20);
    assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
    if (bad_count != 0)
        print_first_bad();
    assert_int_equal(bad_count, 0);
}

/* Walks a copy of the stack, as the pump does. */
__attribute__((no_sanitize_address)) static void check_copy(int signal_number, siginfo_t *info, void *context)
{
    static unsigned char copy[64 * 1024];
    (void)signal_number;
    (void)info;
    process_walk(map, context, handler_stack_end, NULL, &captured);
    struct spipe_registers registers = process_registers(context);
    struct spipe_stack_view view = {.low = registers.value[7], .high = handler_stack_end, .bytes = copy};
    view.low &= ~UINT64_C(7);
    if (view.high - view.low > sizeof(copy))
        view.high = view.low + sizeof(copy);
    const unsigned char *from = (const unsigned char *)(uintptr_t)view.low;
    for (size_t i = 0; i < view.high - view.low; i++)
        copy[i] = from[i];
    struct capture copied;
    copied.end =
        spipe_unwind_walk(map, &view, &registers, &cache, copied.address, CAPTURE_DEPTH, &copied.depth, &copied.needed);
    bad_count += copied.end != captured.end || copied.depth != captured.depth ||
                 memcmp(copied.address, captured.address, captured.depth * sizeof(captured.address[0])) != 0;
}

static void test_walk_of_a_copied_stack_is_the_same(void **state)
{
    (void)state;
    install(SIGUSR1, check_copy);
    recurse(RECURSION, raise_capture);
    assert_int_equal(captured.end, SPIPE_WALK_ROOT);
    assert_int_equal(bad_count, 0);
}

/* The loader's first function has no rules; its zero frame pointer says that nobody called it. */
static void test_walk_from_a_library_constructor_reaches_the_loaders_start(void **state)
{
    (void)state;
    const struct unwind_early *early = unwind_early_get();
    assert_int_not_equal(early->view.high, 0);
    captured.end = spipe_unwind_walk(map, &early->view, &early->registers, NULL, captured.address, CAPTURE_DEPTH,
                                     &captured.depth, &captured.needed);
    assert_int_equal(captured.end, SPIPE_WALK_ROOT);
    assert_true(captured.depth >= 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_walk_lists_every_call_of_a_deep_recursion, prepare),
        cmocka_unit_test_setup(test_walk_passes_two_nested_signal_handlers, prepare),
        cmocka_unit_test_setup(test_walk_of_a_thread_ends_at_its_start, prepare),
        cmocka_unit_test_setup(test_walk_from_a_library_constructor_reaches_the_loaders_start, prepare),
        cmocka_unit_test_setup(test_walk_of_a_copied_stack_is_the_same, prepare),
        cmocka_unit_test_setup(test_walk_is_right_at_every_instruction, prepare),
        cmocka_unit_test_setup(test_walk_is_right_whenever_a_timer_fires, prepare),
    };
    char here = 0;
    map = process_map_new();
    main_stack_end = process_stack_end(&here);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    process_map_free(map);
    return failed;
}
