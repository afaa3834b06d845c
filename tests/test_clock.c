/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock.h"

static int set_up(void **state)
{
    (void)state;
    spipe_clock_init();
    return 0;
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void burn(void)
{
    uint64_t end = read_clock(CLOCK_THREAD_CPUTIME_ID) + 2000000;
    while (read_clock(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static void test_monotonic_time_lies_between_two_looks_at_the_systems(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        uint64_t before = read_clock(CLOCK_MONOTONIC);
        uint64_t ours = spipe_clock_monotonic_ns();
        assert_in_range(ours, before, read_clock(CLOCK_MONOTONIC));
    }
}

static void test_the_handlers_clock_never_goes_back_nor_ahead(void **state)
{
    (void)state;
    uint64_t last = read_clock(CLOCK_MONOTONIC_COARSE);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t now = spipe_clock_handler_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(last <= read_clock(CLOCK_MONOTONIC));
}

static void test_real_time_lies_between_two_looks_at_the_systems(void **state)
{
    (void)state;
    uint64_t before = read_clock(CLOCK_REALTIME);
    uint64_t ours = spipe_clock_real_ns();
    assert_in_range(ours, before, read_clock(CLOCK_REALTIME));
}

static void test_a_threads_cpu_time_is_the_systems(void **state)
{
    (void)state;
    int tid = (int)syscall(SYS_gettid);
    burn();
    uint64_t before = read_clock(CLOCK_THREAD_CPUTIME_ID);
    uint64_t ours = spipe_clock_thread_cpu_ns(tid);
    assert_in_range(ours, before, read_clock(CLOCK_THREAD_CPUTIME_ID));
}

static void *tell_tid(void *argument)
{
    *(int *)argument = (int)syscall(SYS_gettid);
    burn();
    return NULL;
}

static void test_a_thread_that_is_gone_has_no_cpu_time(void **state)
{
    (void)state;
    pthread_t thread;
    int tid = 0;
    assert_int_equal(pthread_create(&thread, NULL, tell_tid, &tid), 0);
    pthread_join(thread, NULL);
    while (syscall(SYS_tgkill, getpid(), tid, 0) == 0)
        usleep(100);
    assert_int_equal(spipe_clock_thread_cpu_ns(tid), 0);
    assert_int_equal(spipe_clock_thread_cpu_ns(0x3ffffffe), 0);
}

static void test_cpu_times_of_process_and_thread_grow(void **state)
{
    (void)state;
    uint64_t user[4];
    uint64_t system[4];
    spipe_clock_process_cpu(&user[0], &system[0]);
    spipe_clock_self_cpu(&user[1], &system[1]);
    for (unsigned i = 0; i < 20; i++)
        burn();
    spipe_clock_process_cpu(&user[2], &system[2]);
    spipe_clock_self_cpu(&user[3], &system[3]);
    assert_true(user[2] + system[2] > user[0] + system[0]);
    assert_true(user[3] + system[3] > user[1] + system[1]);
    assert_true(user[1] + system[1] <= user[2] + system[2]);
}

static void test_the_tick_is_one_that_kernels_have(void **state)
{
    (void)state;
    assert_in_range(spipe_clock_tick_ns(), 500000, 20000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monotonic_time_lies_between_two_looks_at_the_systems),
        cmocka_unit_test(test_the_handlers_clock_never_goes_back_nor_ahead),
        cmocka_unit_test(test_real_time_lies_between_two_looks_at_the_systems),
        cmocka_unit_test(test_a_threads_cpu_time_is_the_systems),
        cmocka_unit_test(test_a_thread_that_is_gone_has_no_cpu_time),
        cmocka_unit_test(test_cpu_times_of_process_and_thread_grow),
        cmocka_unit_test(test_the_tick_is_one_that_kernels_have),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
