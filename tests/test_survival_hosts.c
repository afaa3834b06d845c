/* SPDX-License-Identifier: MIT */
/* A host that misbehaves: the program's result is as without us, the agent's memory keeps to its bound, what is lost is
 * in the account, and a host that comes back gets a session that names the one before it. */
#define _GNU_SOURCE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/backoff.h"
#include "fault_pipe.h"
#include "protocol/status.h"
#include "survival/survival_kit.h"

#include <string.h>

/* Eight threads of so many pieces, and so many ms at least. */
#define WORK(pieces, ms) ARGUMENTS(SURVIVAL_PROGRAM("workers"), "work", "8", pieces, ms)
#define GREETING         400u /* bytes, about: a fault behind them hits the first definitions */
#define LONG_MS          60000u

/* What eight threads and main, a buffer of 1 MiB and what is always there may take; see agent/README.md. */
#define BUFFER_KIB 1024
#define MEMORY_KIB (BUFFER_KIB + 9 * 80 + 6 * 1024)

struct faulty_run {
    struct target_outcome plain;
    struct target_outcome profiled;
    struct capture_host *host;
    uint32_t connections;
    uint32_t faults;
    size_t session_count;
};

static bool is_endless(const struct fault_plan *plan)
{
    return plan->fault == FAULT_NEVER_READ || plan->fault == FAULT_NEVER_ANSWER ||
           ((plan->fault == FAULT_STALL || plan->fault == FAULT_STOP) && plan->for_ms == 0);
}

/* The same program without us, and behind the pipe that goes wrong. */
static struct faulty_run run_faulty(struct target target, struct fault_plan plan, struct capture_settings settings)
{
    struct faulty_run run = {.plain = target_run(&target)};
    run.host = capture_host_start(target_folder(), settings);
    struct fault_pipe *pipe = fault_pipe_start(target_folder(), capture_host_path(run.host), plan);
    target.endpoint = fault_pipe_endpoint(pipe);
    run.profiled = target_run(&target);
    if (!is_endless(&plan))
        run.session_count = capture_host_finish(run.host);
    run.connections = fault_pipe_connections(pipe);
    run.faults = fault_pipe_faults(pipe);
    fault_pipe_free(pipe);
    run.session_count = capture_host_finish(run.host);
    return run;
}

static struct faulty_run check_faulty(const char *const *argument, struct fault_plan plan,
                                      struct capture_settings settings)
{
    settings.cpu_period_us = settings.cpu_period_us != 0 ? settings.cpu_period_us : FAST_RATE;
    struct faulty_run run = run_faulty((struct target){.argument = argument}, plan, settings);
    assert_true(target_behaves_alike(&run.plain, &run.profiled));
    assert_true(run.faults > 0 || plan.fault == FAULT_NONE);
    return run;
}

static void finish_run(struct faulty_run *run)
{
    capture_host_free(run->host);
    target_outcome_done(&run->plain);
    target_outcome_done(&run->profiled);
}

/* One session, whole to its Goodbye, and nothing to complain of. */
static struct capture_sums check_whole(struct faulty_run *run)
{
    assert_int_equal(run->session_count, 1);
    assert_string_equal(run->profiled.log, "");
    survival_check_session(capture_host_session(run->host, 0));
    return capture_session_sums(capture_host_session(run->host, 0));
}

static void check_log(const struct faulty_run *run, const char *words)
{
    if (strstr(run->profiled.log, words) == NULL)
        fail_msg("the log does not say '%s' but: %s", words, run->profiled.log);
}

/* The first session is cut; the second names it, ends well, and says what was lost with the first, and after it. */
static void check_comeback(struct faulty_run *run)
{
    assert_int_equal(run->session_count, 2);
    const struct capture_session *first = capture_host_session(run->host, 0);
    const struct capture_session *second = capture_host_session(run->host, 1);
    struct capture_sums sums = capture_session_sums(first);
    survival_check_cut(first);
    survival_check_session(second);
    assert_int_equal(second->session_number, 2);
    assert_memory_equal(second->process_id, first->process_id, sizeof first->process_id);
    assert_memory_equal(second->previous_session_id, first->session_id, sizeof first->session_id);
    assert_true(second->totals.previous_attempted >= first->weight + sums.dropped);
    assert_true(second->totals.previous_attempted > sums.sent);
    assert_true(second->totals.lost_between > 0);
    check_log(run, "the session was cut");
}

/* ---------------------------------------------------------------------------------------------------- the same pipe */

static void survive_host_takes_one_byte_at_a_time(void **state)
{
    (void)state;
    struct faulty_run run =
        check_faulty(WORK("400", "0"), (struct fault_plan){.chunk = 1}, (struct capture_settings){0});
    (void)check_whole(&run);
    finish_run(&run);
}

/* Main says so much that the buffer fills up; then the rings do. */
static void survive_host_stalls(void **state)
{
    (void)state;
    struct faulty_run run = check_faulty(ARGUMENTS(SURVIVAL_PROGRAM("workers"), "talk", "8", "700", "4500"),
                                         (struct fault_plan){.fault = FAULT_STALL, .after = GREETING, .for_ms = 3500},
                                         (struct capture_settings){.cpu_period_us = 200, .buffer_kib = BUFFER_KIB});
    struct capture_sums sums = check_whole(&run);
    assert_true(sums.dropped_pipe_full > 0);
    finish_run(&run);
}

/* A second of samples is far less than the usual buffer. */
static void survive_host_stands_still(void **state)
{
    (void)state;
    struct faulty_run run =
        check_faulty(WORK("600", "2000"), (struct fault_plan){.fault = FAULT_STOP, .after = GREETING, .for_ms = 1000},
                     (struct capture_settings){0});
    struct capture_sums sums = check_whole(&run);
    assert_int_equal(sums.dropped_pipe_full, 0);
    finish_run(&run);
}

static void survive_host_says_no_more(void **state)
{
    (void)state;
    struct faulty_run run =
        check_faulty(WORK("400", "0"), (struct fault_plan){.fault = FAULT_SHUT_WORDS, .after = GREETING},
                     (struct capture_settings){0});
    (void)check_whole(&run);
    finish_run(&run);
}

/* ---------------------------------------------------------------------------------------------------------- the end */

static void survive_host_hears_no_more(void **state)
{
    (void)state;
    struct faulty_run run =
        check_faulty(WORK("400", "0"), (struct fault_plan){.fault = FAULT_SHUT_STREAM, .after = GREETING},
                     (struct capture_settings){0});
    assert_int_equal(run.session_count, 1);
    assert_int_equal(run.connections, 1);
    survival_check_cut(capture_host_session(run.host, 0));
    check_log(&run, "the session was cut");
    finish_run(&run);
}

static void survive_host_never_reads(void **state)
{
    (void)state;
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("workers"), "memory", "8", "800", "0")};
    struct faulty_run run = run_faulty(target, (struct fault_plan){.fault = FAULT_NEVER_READ, .after = GREETING},
                                       (struct capture_settings){.cpu_period_us = 200, .buffer_kib = BUFFER_KIB});
    long long own = target_number(&run.profiled, "resident") - target_number(&run.plain, "resident");
    assert_int_equal(run.profiled.status, 0);
    assert_int_equal(target_number(&run.profiled, "result"), target_number(&run.plain, "result"));
    print_message("the agent took %lld KiB of at most %d\n", own, MEMORY_KIB);
    assert_in_range(own, 1, MEMORY_KIB);
    survival_check_cut(capture_host_session(run.host, 0));
    finish_run(&run);
}

static void survive_host_never_answers(void **state)
{
    (void)state;
    struct faulty_run run = check_faulty(WORK("200", "0"), (struct fault_plan){.fault = FAULT_NEVER_ANSWER},
                                         (struct capture_settings){.reconnect_ms = LONG_MS});
    assert_int_equal(run.session_count, 0);
    check_log(&run, "did not send a configuration");
    finish_run(&run);
}

/* -------------------------------------------------------------------------------------------------------- once more */

static void survive_host_resets_in_a_message_and_is_found_again(void **state)
{
    (void)state;
    struct faulty_run run = check_faulty(
        WORK("900", "1500"), (struct fault_plan){.fault = FAULT_RESET, .after = 3 * GREETING + 1, .times = 1},
        (struct capture_settings){.reconnect_ms = LONG_MS});
    check_comeback(&run);
    assert_int_equal(run.connections, 2);
    finish_run(&run);
}

static void survive_host_is_killed_and_comes_back(void **state)
{
    (void)state;
    struct faulty_run run =
        check_faulty(WORK("1000", "3000"),
                     (struct fault_plan){.fault = FAULT_KILL, .after = 3 * GREETING + 1, .for_ms = 300, .times = 1},
                     (struct capture_settings){.reconnect_ms = LONG_MS});
    check_comeback(&run);
    finish_run(&run);
}

static void survive_host_is_killed_and_nobody_asked_for_another(void **state)
{
    (void)state;
    struct faulty_run run = check_faulty(
        WORK("500", "1000"), (struct fault_plan){.fault = FAULT_KILL, .after = GREETING, .for_ms = 100, .times = 1},
        (struct capture_settings){0});
    assert_int_equal(run.session_count, 1);
    assert_int_equal(run.connections, 1);
    finish_run(&run);
}

static void survive_host_is_gone_for_good(void **state)
{
    (void)state;
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("workers"), "idle", "3000")};
    struct faulty_run run = run_faulty(target, (struct fault_plan){.fault = FAULT_KILL, .after = 100},
                                       (struct capture_settings){.reconnect_ms = 1500});
    long long own_us = target_number(&run.profiled, "cpu_us") - target_number(&run.plain, "cpu_us");
    assert_int_equal(run.profiled.status, 0);
    assert_int_equal(target_number(&run.profiled, "slept"), 0);
    assert_int_equal(run.session_count, 1);
    check_log(&run, "the host has not come back");
    print_message("%lld us of CPU time in 3 s\n", own_us);
    assert_true(own_us < 100000);
    finish_run(&run);
}

/* How many attempts fit, the first connection included, when every pause is the shortest that it can be. */
static uint32_t most_attempts(uint64_t elapsed_ms)
{
    uint32_t longest_ms = SPIPE_BACKOFF_FIRST_MS;
    uint32_t count = 1;
    for (uint64_t at_ms = longest_ms / 2; at_ms <= elapsed_ms; at_ms += longest_ms / 2) {
        count++;
        longest_ms = longest_ms * 2 > SPIPE_BACKOFF_LAST_MS ? SPIPE_BACKOFF_LAST_MS : longest_ms * 2;
    }
    return count;
}

static void survive_host_cuts_every_session(void **state)
{
    (void)state;
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("workers"), "idle", "2500")};
    struct faulty_run run = run_faulty(target, (struct fault_plan){.fault = FAULT_RESET, .after = 100},
                                       (struct capture_settings){.reconnect_ms = LONG_MS});
    assert_int_equal(run.profiled.status, 0);
    assert_int_equal(target_number(&run.profiled, "slept"), 0);
    print_message("%u connections in %u ms\n", run.connections, (unsigned)(run.profiled.elapsed_us / 1000));
    assert_in_range(run.connections, 3, most_attempts(run.profiled.elapsed_us / 1000));
    finish_run(&run);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_host_takes_one_byte_at_a_time),
    cmocka_unit_test(survive_host_stalls),
    cmocka_unit_test(survive_host_stands_still),
    cmocka_unit_test(survive_host_says_no_more),
    cmocka_unit_test(survive_host_hears_no_more),
    cmocka_unit_test(survive_host_never_reads),
    cmocka_unit_test(survive_host_never_answers),
    cmocka_unit_test(survive_host_resets_in_a_message_and_is_found_again),
    cmocka_unit_test(survive_host_is_killed_and_comes_back),
    cmocka_unit_test(survive_host_is_killed_and_nobody_asked_for_another),
    cmocka_unit_test(survive_host_is_gone_for_good),
    cmocka_unit_test(survive_host_cuts_every_session),
};

SURVIVAL_MAIN(tests)
