/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "viewer-stub/host/processes.h"

#include <string.h>

#define PERIOD_NS 1000000u

struct fixture {
    struct spipe_store *store;
    struct spipe_processes processes;
};

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture.store = spipe_store_new(NULL);
    return fixture.store == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    spipe_processes_done(&fixture.processes);
    spipe_store_free(fixture.store);
    return 0;
}

static void add(const struct spipe_record *record)
{
    assert_int_equal(spipe_store_add(fixture.store, record, 0), SPIPE_OK);
}

/* Session `number` of a process whose id bytes are all `process`; 0 for a parent: none. */
static void begin(uint8_t number, uint8_t process, uint8_t parent, uint32_t pid, const char *executable)
{
    uint8_t session_id[16];
    uint8_t process_id[16];
    uint8_t parent_id[16];
    struct spipe_record record = {.kind = SPIPE_RECORD_HELLO};
    memset(session_id, number, sizeof session_id);
    memset(process_id, process, sizeof process_id);
    memset(parent_id, parent, sizeof parent_id);
    record.hello = (struct spipe_hello){.agent_version = "1.0",
                                        .session_id = {session_id, sizeof session_id},
                                        .process_id = {process_id, process != 0 ? sizeof process_id : 0},
                                        .parent_process_id = {parent_id, parent != 0 ? sizeof parent_id : 0},
                                        .pid = pid,
                                        .parent_pid = 7,
                                        .executable = executable,
                                        .operating_system = "",
                                        .architecture = "",
                                        .cpu_model = ""};
    add(&record);
    struct spipe_source source = {1, SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS, PERIOD_NS, "thread-cpu-timer", true};
    record = (struct spipe_record){
        .kind = SPIPE_RECORD_APPLIED,
        .applied = {.configuration.token = "", .time_quantum_ns = 1000, .source = &source, .source_count = 1}};
    add(&record);
}

static void sample(uint32_t weight)
{
    struct spipe_thread thread = {.thread_id = 1, .tid = 1, .name = "t"};
    struct spipe_record threads = {.kind = SPIPE_RECORD_THREADS, .threads = {.thread = &thread, .thread_count = 1}};
    uint32_t one = 1;
    uint32_t zero = 0;
    struct spipe_record samples = {.kind = SPIPE_RECORD_SAMPLES,
                                   .samples = {.source_id = 1,
                                               .run_thread_id = &one,
                                               .run_length = &one,
                                               .run_count = 1,
                                               .time_delta = &zero,
                                               .stack_id = &zero,
                                               .weight = &weight,
                                               .sample_count = 1}};
    add(&threads);
    add(&samples);
}

static void end(uint64_t user_us)
{
    struct spipe_record ledger = {.kind = SPIPE_RECORD_LEDGER, .ledger.process_user_us = user_us};
    struct spipe_record goodbye = {.kind = SPIPE_RECORD_GOODBYE,
                                   .goodbye = {SPIPE_GOODBYE_TARGET_EXITS, "", 0, 0}};
    add(&ledger);
    add(&goodbye);
}

static void mark(uint32_t string_id, uint32_t thread_id, const char *name)
{
    uint32_t zero = 0;
    struct spipe_record strings = {.kind = SPIPE_RECORD_STRINGS, .strings = {string_id, &name, 1}};
    struct spipe_record markers = {.kind = SPIPE_RECORD_MARKERS,
                                   .markers = {0, &zero, &thread_id, &string_id, NULL, NULL, 1}};
    add(&strings);
    add(&markers);
}

static void read_all(void)
{
    assert_int_equal(spipe_processes_init(fixture.store, &fixture.processes), SPIPE_OK);
}

static void test_sessions_of_one_process_are_one(void **state)
{
    (void)state;
    begin(1, 9, 0, 100, "/bin/sh");
    sample(2);
    end(1000);
    begin(2, 9, 0, 100, "/usr/bin/make");
    sample(3);
    end(2000);
    read_all();
    assert_int_equal(fixture.processes.count, 1);
    const struct spipe_process *process = &fixture.processes.process[0];
    assert_int_equal(process->sessions, 2);
    assert_int_equal(process->last_session, 1);
    assert_string_equal(process->executable, "/usr/bin/make");
    assert_int_equal(process->samples, 2);
    assert_int_equal(process->weight_ns, 5 * PERIOD_NS);
    assert_int_equal(process->cpu_ns, 3000000);
    assert_int_equal(process->parent, SPIPE_STORE_NONE);
}

static void test_children_name_their_parents_wherever_they_stand(void **state)
{
    (void)state;
    begin(1, 1, 0, 100, "make");
    end(0);
    begin(2, 3, 2, 102, "cc1");
    sample(4);
    end(0);
    begin(3, 2, 1, 101, "gcc");
    end(0);
    begin(4, 5, 8, 103, "orphan");
    end(0);
    read_all();
    assert_int_equal(fixture.processes.count, 4);
    assert_int_equal(fixture.processes.process[1].parent, 2);
    assert_int_equal(fixture.processes.process[2].parent, 0);
    assert_int_equal(fixture.processes.process[3].parent, SPIPE_STORE_NONE);
    assert_int_equal(fixture.processes.process[3].parent_pid, 7);
    assert_int_equal(fixture.processes.process[1].weight_ns, 4 * PERIOD_NS);
}

static void test_without_an_id_each_session_is_a_process(void **state)
{
    (void)state;
    begin(1, 0, 0, 100, "a");
    end(0);
    begin(2, 0, 0, 100, "a");
    end(0);
    read_all();
    assert_int_equal(fixture.processes.count, 2);
}

static void test_what_could_not_be_profiled_is_listed_once_with_its_count(void **state)
{
    (void)state;
    begin(1, 1, 0, 100, "make");
    sample(1);
    mark(1, 0, "not profiled: statically linked: /bin/a");
    mark(2, 0, "not profiled: a 32-bit program: /bin/b");
    mark(3, 0, "not profiled: statically linked: /bin/a");
    mark(4, 1, "not profiled: says the program itself");
    mark(5, 0, "something else");
    end(0);
    read_all();
    assert_int_equal(fixture.processes.unprofiled_count, 2);
    assert_string_equal(fixture.processes.unprofiled[0].text, "statically linked: /bin/a");
    assert_int_equal(fixture.processes.unprofiled[0].count, 2);
    assert_string_equal(fixture.processes.unprofiled[1].text, "a 32-bit program: /bin/b");
    assert_int_equal(fixture.processes.unprofiled[1].count, 1);
}

static void test_an_empty_store_has_no_processes(void **state)
{
    (void)state;
    read_all();
    assert_int_equal(fixture.processes.count, 0);
    assert_int_equal(fixture.processes.unprofiled_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sessions_of_one_process_are_one),
        TEST(test_children_name_their_parents_wherever_they_stand),
        TEST(test_without_an_id_each_session_is_a_process),
        TEST(test_what_could_not_be_profiled_is_listed_once_with_its_count),
        TEST(test_an_empty_store_has_no_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
