/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/record_processes.h"

#include <string.h>

#define MS UINT64_C(1000000)

static void test_programs_are_added_up_and_the_busiest_come_first(void **state)
{
    struct spipe_process process[] = {
        {.executable = "/usr/bin/make", .cpu_ns = 1 * MS},
        {.executable = "/usr/lib/cc1", .cpu_ns = 20 * MS, .samples = 2},
        {.executable = "/usr/bin/as", .cpu_ns = 30 * MS, .samples = 3},
        {.executable = "/opt/cc1", .cpu_ns = 40 * MS, .samples = 4},
        {.executable = "/usr/bin/true", .cpu_ns = 0},
    };
    struct spipe_processes processes = {.process = process, .count = 5};
    char text[SPIPE_RECORD_PROCESSES_MAX];
    (void)state;
    assert_string_equal(
        spipe_record_processes_format(&processes, text),
        "5 processes, 3 of them with samples; most CPU time: cc1 (2) 60.0 ms, as (1) 30.0 ms, make (1) 1.00 ms");
}

static void test_long_names_are_cut_to_the_room_there_is(void **state)
{
    char name[3000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct spipe_process process[] = {{.executable = name}, {.executable = name}};
    struct spipe_processes processes = {.process = process, .count = 2};
    char text[SPIPE_RECORD_PROCESSES_MAX];
    (void)state;
    assert_in_range(strlen(spipe_record_processes_format(&processes, text)), 40, sizeof text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_programs_are_added_up_and_the_busiest_come_first),
        cmocka_unit_test(test_long_names_are_cut_to_the_room_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
