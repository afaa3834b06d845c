/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/doctor.h"

#include <stdio.h>
#include <string.h>

/* A machine with nothing to complain about. */
static struct spipe_machine good_machine(void)
{
    struct spipe_machine machine = {
        .agent_found = true,
        .agent_loads = true,
        .tick_hz = 250,
        .perf_paranoid = 2,
        .perf_works = true,
        .timers_work = true,
        .has_close_range = true,
        .can_read_itself = true,
        .has_maps = true,
        .signals_max = 30000,
        .socket_works = true,
        .disk_free = UINT64_C(1) << 40,
        .cpu_count = 4,
        .libc_known = true,
        .libc_has_debug_file = true,
    };
    strcpy(machine.clocksource, "tsc");
    return machine;
}

static const struct spipe_finding *find(const struct spipe_doctor *doctor, const char *name)
{
    for (size_t i = 0; i < doctor->count; i++) {
        if (strcmp(doctor->finding[i].name, name) == 0) {
            return &doctor->finding[i];
        }
    }
    fail_msg("no finding is called %s", name);
    return NULL;
}

static void assert_level(const struct spipe_machine *machine, const char *name, enum spipe_finding_level level)
{
    struct spipe_doctor doctor;
    spipe_doctor_judge(machine, &doctor);
    const struct spipe_finding *finding = find(&doctor, name);
    assert_int_equal(finding->level, level);
    if (level == SPIPE_FINDING_PROBLEM) {
        assert_string_not_equal(finding->remedy, "");
        assert_true(spipe_doctor_has_problem(&doctor));
    }
}

static void test_a_good_machine_has_nothing_but_ok(void **state)
{
    (void)state;
    struct spipe_machine machine = good_machine();
    struct spipe_doctor doctor;
    spipe_doctor_judge(&machine, &doctor);
    for (size_t i = 0; i < doctor.count; i++) {
        assert_int_equal(doctor.finding[i].level, SPIPE_FINDING_OK);
        assert_string_not_equal(doctor.finding[i].text, "");
    }
    assert_false(spipe_doctor_has_problem(&doctor));
}

static void test_an_agent_that_is_missing_or_does_not_load_is_a_problem(void **state)
{
    (void)state;
    struct spipe_machine machine = good_machine();
    machine.agent_loads = false;
    assert_level(&machine, "agent", SPIPE_FINDING_PROBLEM);
    machine.agent_found = false;
    assert_level(&machine, "agent", SPIPE_FINDING_PROBLEM);
}

static void test_what_stops_sampling_is_a_problem(void **state)
{
    (void)state;
    struct spipe_machine machine = good_machine();
    machine.timers_work = false;
    assert_level(&machine, "timers", SPIPE_FINDING_PROBLEM);
    machine = good_machine();
    machine.has_maps = false;
    assert_level(&machine, "proc", SPIPE_FINDING_PROBLEM);
    machine = good_machine();
    machine.socket_works = false;
    assert_level(&machine, "socket", SPIPE_FINDING_PROBLEM);
}

static void test_what_only_slows_it_is_a_note(void **state)
{
    (void)state;
    struct spipe_machine machine = good_machine();
    strcpy(machine.clocksource, "acpi_pm");
    assert_level(&machine, "clock", SPIPE_FINDING_NOTE);
    machine = good_machine();
    machine.perf_works = false;
    assert_level(&machine, "perf", SPIPE_FINDING_NOTE);
    machine = good_machine();
    machine.has_close_range = false;
    assert_level(&machine, "close_range", SPIPE_FINDING_NOTE);
    machine = good_machine();
    strcpy(machine.preload, "/usr/lib/libprofiler.so");
    assert_level(&machine, "preload", SPIPE_FINDING_NOTE);
    machine = good_machine();
    machine.steal_percent = 12;
    assert_level(&machine, "processors", SPIPE_FINDING_NOTE);
}

static void test_the_signal_limit_is_judged_by_the_threads_that_it_serves(void **state)
{
    (void)state;
    struct spipe_machine machine = good_machine();
    machine.signals_max = UINT64_MAX;
    assert_level(&machine, "signals", SPIPE_FINDING_OK);
    machine.signals_max = 8 * 64;
    assert_level(&machine, "signals", SPIPE_FINDING_OK);
    machine.signals_max = 8 * 64 - 1;
    assert_level(&machine, "signals", SPIPE_FINDING_NOTE);
    machine.signals_max = 7;
    assert_level(&machine, "signals", SPIPE_FINDING_PROBLEM);
    machine.signals_max = 30000;
    machine.signals_used = 30000;
    assert_level(&machine, "signals", SPIPE_FINDING_PROBLEM);
}

static void test_this_machine_can_be_looked_at(void **state)
{
    (void)state;
    struct spipe_machine machine;
    struct spipe_doctor doctor;
    spipe_machine_read(&machine);
    spipe_doctor_judge(&machine, &doctor);
    assert_true(doctor.count >= 10);
    assert_true(machine.cpu_count >= 1);
    assert_true(machine.tick_hz >= 24 && machine.tick_hz <= 10000);
    assert_true(machine.has_maps);
}

static void test_a_program_is_judged_by_what_is_in_its_way(void **state)
{
    struct spipe_machine machine = good_machine();
    struct spipe_doctor doctor;
    struct spipe_elf_check fine = {.verdict = SPIPE_ELF_FINE};
    struct spipe_elf_check bad = {.verdict = SPIPE_ELF_STATIC, .text = "/bin/x is statically linked"};
    (void)state;
    spipe_doctor_judge(&machine, &doctor);
    spipe_doctor_judge_program(&doctor, "/bin/x", &fine);
    assert_int_equal(find(&doctor, "program")->level, SPIPE_FINDING_OK);
    assert_string_equal(find(&doctor, "program")->text, "/bin/x can be profiled");
    spipe_doctor_judge(&machine, &doctor);
    spipe_doctor_judge_program(&doctor, "/bin/x", &bad);
    assert_int_equal(find(&doctor, "program")->level, SPIPE_FINDING_PROBLEM);
    assert_string_equal(find(&doctor, "program")->text, "/bin/x is statically linked");
    assert_non_null(strstr(find(&doctor, "program")->remedy, "--children follow"));
    assert_true(spipe_doctor_has_problem(&doctor));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_machine_has_nothing_but_ok),
        cmocka_unit_test(test_an_agent_that_is_missing_or_does_not_load_is_a_problem),
        cmocka_unit_test(test_what_stops_sampling_is_a_problem),
        cmocka_unit_test(test_what_only_slows_it_is_a_note),
        cmocka_unit_test(test_the_signal_limit_is_judged_by_the_threads_that_it_serves),
        cmocka_unit_test(test_this_machine_can_be_looked_at),
        cmocka_unit_test(test_a_program_is_judged_by_what_is_in_its_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
