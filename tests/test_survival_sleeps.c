/* SPDX-License-Identifier: MIT */
/* Sleeps last as long as without us, in every call that a signal could cut short. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival/survival_kit.h"

#include <string.h>

/* Waits of a thread that are not its sleeps: for the memory that our pump looks at, say. */
#define SPARE_WAKES 5

struct counts {
    long long calls;
    long long wakes;
    long long interrupted;
    long long strange;
};

static struct counts counts_of(const struct target_outcome *outcome)
{
    assert_int_equal(outcome->status, 0);
    assert_string_equal(outcome->complaints, "");
    return (struct counts){target_number(outcome, "calls"), target_number(outcome, "wakes"),
                           target_number(outcome, "interrupted"), target_number(outcome, "strange")};
}

/* This mechanism looks whether a thread runs and signals it then, which may be a moment late; one that waits for a
 * processor at the end of its sleep counts as running too. It is the last resort, and no machine is so busy that there
 * were more of these than signals, or that the ledger did not know of them. */
static void check_last_resort(struct counts got, const struct capture_session *session)
{
    assert_in_range(got.interrupted, 0, session->totals.sleeps_cut_short);
    assert_in_range(session->totals.sleeps_cut_short, 0, session->sample_count);
    assert_in_range(got.wakes, 0, got.calls + (long long)session->sample_count + SPARE_WAKES);
}

/* A program that is woken by signals of its own may be sampled while EINTR is still in the register of results: those
 * few are the only ones that the ledger may hold. */
static void check_untouched(struct counts got, const struct capture_session *session, long long own_wakes)
{
    assert_int_equal(got.interrupted, 0);
    assert_in_range(session->totals.sleeps_cut_short, 0, own_wakes);
    assert_in_range(got.wakes, 0, got.calls + SPARE_WAKES);
}

static void check_mechanism(struct target target, struct counts plain, bool is_woken_by_signals)
{
    struct promise_pair pair = survival_check_profiled(target);
    struct counts got = counts_of(&pair.profiled);
    assert_string_equal(pair.session->first_mechanism, target.mechanism);
    assert_int_equal(got.strange, 0);
    assert_int_equal(got.calls - got.interrupted, plain.calls);
    if (strcmp(target.mechanism, "signal-runnable") == 0)
        check_last_resort(got, pair.session);
    else
        check_untouched(got, pair.session, is_woken_by_signals ? got.calls : 0);
    print_message("%s: %lld calls, %lld wakes, %lld interrupted, %u cut short by the ledger\n", target.mechanism,
                  got.calls, got.wakes, got.interrupted, pair.session->totals.sleeps_cut_short);
    promise_done(&pair);
}

static void check_sleeps(void **state, const char *call)
{
    struct target target = {.argument = ARGUMENTS(SURVIVAL_PROGRAM("sleeps"), call)};
    struct target_outcome outcome = target_run(&target);
    struct counts plain = counts_of(&outcome);
    (void)state;
    assert_int_equal(plain.interrupted + plain.strange, 0);
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        target.mechanism = *mechanism;
        check_mechanism(target, plain, strcmp(call, "pause") == 0);
    }
    target_outcome_done(&outcome);
}

static void survive_sleeps_in_nanosleep(void **state)
{
    check_sleeps(state, "nanosleep");
}

static void survive_sleeps_in_clock_nanosleep(void **state)
{
    check_sleeps(state, "clock_nanosleep");
}

static void survive_sleeps_in_usleep(void **state)
{
    check_sleeps(state, "usleep");
}

static void survive_sleeps_in_poll(void **state)
{
    check_sleeps(state, "poll");
}

static void survive_sleeps_in_select(void **state)
{
    check_sleeps(state, "select");
}

static void survive_sleeps_in_epoll_wait(void **state)
{
    check_sleeps(state, "epoll_wait");
}

static void survive_sleeps_in_read(void **state)
{
    check_sleeps(state, "read");
}

static void survive_sleeps_in_write(void **state)
{
    check_sleeps(state, "write");
}

static void survive_sleeps_in_recv(void **state)
{
    check_sleeps(state, "recv");
}

static void survive_sleeps_in_accept(void **state)
{
    check_sleeps(state, "accept");
}

static void survive_sleeps_in_connect(void **state)
{
    check_sleeps(state, "connect");
}

static void survive_sleeps_in_cond_timedwait(void **state)
{
    check_sleeps(state, "cond_timedwait");
}

static void survive_sleeps_in_sem_timedwait(void **state)
{
    check_sleeps(state, "sem_timedwait");
}

static void survive_sleeps_in_msgrcv(void **state)
{
    check_sleeps(state, "msgrcv");
}

static void survive_sleeps_in_semtimedop(void **state)
{
    check_sleeps(state, "semtimedop");
}

static void survive_sleeps_in_pause(void **state)
{
    check_sleeps(state, "pause");
}

static void survive_sleeps_in_sigtimedwait(void **state)
{
    check_sleeps(state, "sigtimedwait");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(survive_sleeps_in_nanosleep),     cmocka_unit_test(survive_sleeps_in_clock_nanosleep),
    cmocka_unit_test(survive_sleeps_in_usleep),        cmocka_unit_test(survive_sleeps_in_poll),
    cmocka_unit_test(survive_sleeps_in_select),        cmocka_unit_test(survive_sleeps_in_epoll_wait),
    cmocka_unit_test(survive_sleeps_in_read),          cmocka_unit_test(survive_sleeps_in_write),
    cmocka_unit_test(survive_sleeps_in_recv),          cmocka_unit_test(survive_sleeps_in_accept),
    cmocka_unit_test(survive_sleeps_in_connect),       cmocka_unit_test(survive_sleeps_in_cond_timedwait),
    cmocka_unit_test(survive_sleeps_in_sem_timedwait), cmocka_unit_test(survive_sleeps_in_msgrcv),
    cmocka_unit_test(survive_sleeps_in_semtimedop),    cmocka_unit_test(survive_sleeps_in_pause),
    cmocka_unit_test(survive_sleeps_in_sigtimedwait),
};

SURVIVAL_MAIN(tests)
