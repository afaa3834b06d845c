/* SPDX-License-Identifier: MIT */
/* Real threads, looked at from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/waiting.h"

#define PAGE 4096u
#define NOBODY 65534

struct worker {
    pthread_t thread;
    _Atomic int tid;
    _Atomic bool may_end;
    _Atomic uint64_t stack;     /* an address of its stack, above where it waits */
    int ends[2];
    long result;                /* of the call that it waits in */
};

static void *wait_in_read(void *argument)
{
    struct worker *worker = argument;
    char byte = 0;
    atomic_store(&worker->stack, (uint64_t)(uintptr_t)&byte);
    atomic_store(&worker->tid, (int)syscall(SYS_gettid));
    worker->result = read(worker->ends[0], &byte, 1);
    return NULL;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    atomic_store(&worker->tid, (int)syscall(SYS_gettid));
    while (!atomic_load(&worker->may_end))
        ;
    return NULL;
}

static int set_up(void **state)
{
    static struct worker worker;
    memset(&worker, 0, sizeof worker);
    *state = &worker;
    return pipe(worker.ends);
}

static int tear_down(void **state)
{
    struct worker *worker = *state;
    close(worker->ends[0]);
    close(worker->ends[1]);
    return 0;
}

static void start(struct worker *worker, void *(*run)(void *))
{
    assert_int_equal(pthread_create(&worker->thread, NULL, run, worker), 0);
    while (atomic_load(&worker->tid) == 0)
        usleep(100);
}

static void end(struct worker *worker)
{
    atomic_store(&worker->may_end, true);
    assert_int_equal(write(worker->ends[1], "x", 1), 1);
    pthread_join(worker->thread, NULL);
}

/* Returns once the thread has gone to sleep. */
static struct spipe_waiting_place wait_for_place(const struct worker *worker)
{
    struct spipe_waiting_place place = {0, 0};
    while (spipe_waiting_look(worker->tid, &place) != SPIPE_WAITING_THERE)
        usleep(100);
    return place;
}

static void test_a_sleeper_is_told_with_its_stack_pointer_and_pc(void **state)
{
    struct worker *worker = *state;
    start(worker, wait_in_read);
    struct spipe_waiting_place place = wait_for_place(worker);
    uint64_t stack = atomic_load(&worker->stack);
    assert_in_range(place.stack_pointer, stack - 2 * PAGE, stack);
    /* The pc is right behind a syscall instruction. */
    assert_memory_equal((const void *)(uintptr_t)(place.pc - 2), "\x0f\x05", 2);
    end(worker);
}

static void test_one_that_works_waits_nowhere(void **state)
{
    struct worker *worker = *state;
    struct spipe_waiting_place place = {1, 2};
    start(worker, work);
    unsigned running = 0;
    for (unsigned i = 0; i < 100; i++)
        running += spipe_waiting_look(worker->tid, &place) == SPIPE_WAITING_NOT;
    assert_in_range(running, 90, 100);      /* a page fault may hold it up */
    end(worker);
}

static void test_looks_do_not_wake_a_sleeper(void **state)
{
    struct worker *worker = *state;
    static unsigned char stack[16 * PAGE];
    start(worker, wait_in_read);
    struct spipe_waiting_place place = wait_for_place(worker);
    uint64_t cpu_ns = spipe_clock_thread_cpu_ns(worker->tid);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t queued_ns;
        struct spipe_waiting_place again;
        assert_int_equal(spipe_waiting_look(worker->tid, &again), SPIPE_WAITING_THERE);
        assert_int_equal(again.stack_pointer, place.stack_pointer);
        (void)spipe_waiting_copy(again.stack_pointer, stack, sizeof stack);
        (void)spipe_waiting_for_cpu_ns(worker->tid, &queued_ns);
    }
    assert_int_equal(spipe_clock_thread_cpu_ns(worker->tid), cpu_ns);
    end(worker);
    assert_int_equal(worker->result, 1);
}

static void test_the_copy_is_the_stack(void **state)
{
    struct worker *worker = *state;
    static unsigned char copy[1024];
    start(worker, wait_in_read);
    struct spipe_waiting_place place = wait_for_place(worker);
    uint64_t len = atomic_load(&worker->stack) - place.stack_pointer;
    len = len < sizeof copy ? len : sizeof copy;
    assert_int_equal(spipe_waiting_copy(place.stack_pointer, copy, len), len);
    assert_memory_equal(copy, (const void *)(uintptr_t)place.stack_pointer, len);
    end(worker);
}

static void test_a_copy_ends_where_memory_does(void **state)
{
    (void)state;
    static unsigned char copy[4 * PAGE];
    unsigned char *memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    memset(memory, 7, 3 * PAGE);
    assert_int_equal(mprotect(memory + 2 * PAGE, PAGE, PROT_NONE), 0);
    assert_int_equal(spipe_waiting_copy((uint64_t)(uintptr_t)memory + 100, copy, sizeof copy), 2 * PAGE - 100);
    assert_int_equal(copy[2 * PAGE - 101], 7);
    assert_int_equal(spipe_waiting_copy(8, copy, sizeof copy), 0);
    munmap(memory, 3 * PAGE);
}

static void test_a_thread_that_is_gone_tells_nothing(void **state)
{
    struct worker *worker = *state;
    struct spipe_waiting_place place;
    uint64_t queued_ns;
    start(worker, wait_in_read);
    end(worker);
    while (spipe_clock_thread_cpu_ns(worker->tid) != 0)
        usleep(100);
    assert_int_equal(spipe_waiting_look(worker->tid, &place), SPIPE_WAITING_UNKNOWN);
    assert_false(spipe_waiting_for_cpu_ns(worker->tid, &queued_ns));
}

/* In a child: the status that it exits with says what it saw. */
static int look_when_not_dumpable(void)
{
    struct spipe_waiting_place place;
    if (setuid(NOBODY) != 0)
        return 100;
    prctl(PR_SET_DUMPABLE, 0);
    return (int)spipe_waiting_look((int)syscall(SYS_gettid), &place);
}

static void test_a_process_that_may_not_be_looked_into_tells_nothing(void **state)
{
    (void)state;
    int status = 0;
    if (geteuid() != 0)
        skip();     /* another user than the owner of the files is needed */
    pid_t child = fork();
    if (child == 0)
        _exit(look_when_not_dumpable());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SPIPE_WAITING_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_sleeper_is_told_with_its_stack_pointer_and_pc),
        TEST(test_one_that_works_waits_nowhere),
        TEST(test_looks_do_not_wake_a_sleeper),
        TEST(test_the_copy_is_the_stack),
        TEST(test_a_copy_ends_where_memory_does),
        TEST(test_a_thread_that_is_gone_tells_nothing),
        TEST(test_a_process_that_may_not_be_looked_into_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
