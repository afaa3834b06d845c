/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "survival_kit.h"

#include "protocol/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void survival_check_session(const struct capture_session *session)
{
    struct capture_sums sums = capture_session_sums(session);
    assert_true(capture_session_is_sound(session));
    assert_true(session->has_goodbye);
    assert_int_equal(sums.pending, 0);
    assert_int_equal(sums.attempted, sums.sent + sums.dropped);
}

void survival_check_cut(const struct capture_session *session)
{
    assert_true(session->status == 0 || session->status == SPIPE_E_TRUNCATED);
    assert_true(session->has_hello);
    assert_false(session->has_goodbye);
    assert_int_equal(session->unannounced_count, 0);
    assert_int_equal(session->open_entry_count, 0);
}

static void check_same_behaviour(const struct target_outcome *plain, const struct promise_pair *pair)
{
    assert_true(target_behaves_alike(plain, &pair->profiled));
    assert_int_not_equal(pair->session_count, 0);
}

static void check_alike(const struct target_outcome *plain, const struct promise_pair *pair)
{
    check_same_behaviour(plain, pair);
    assert_string_equal(pair->profiled.log, "");
}

/* The last session is left to the caller. */
static void check_earlier_sessions(const struct promise_pair *pair)
{
    for (size_t i = 0; i + 1 < pair->session_count; i++)
        survival_check_session(capture_host_session(pair->host, i));
}

static const struct capture_session *last_session(const struct promise_pair *pair)
{
    return capture_host_session(pair->host, pair->session_count - 1);
}

struct promise_pair survival_check(struct target target)
{
    struct promise_pair pair = promise_run(target, FAST_RATE);
    check_alike(&pair.plain, &pair);
    check_earlier_sessions(&pair);
    survival_check_session(last_session(&pair));
    return pair;
}

struct promise_pair survival_check_killed(struct target target)
{
    struct promise_pair pair = promise_run(target, FAST_RATE);
    check_alike(&pair.plain, &pair);
    check_earlier_sessions(&pair);
    survival_check_cut(last_session(&pair));
    return pair;
}

struct promise_pair survival_check_profiled(struct target target)
{
    struct promise_pair pair = promise_run_profiled(target, FAST_RATE);
    assert_string_equal(pair.profiled.log, "");
    assert_int_not_equal(pair.session_count, 0);
    check_earlier_sessions(&pair);
    survival_check_session(last_session(&pair));
    return pair;
}

void survival_check_by_each_mechanism(struct target target)
{
    struct target_outcome plain = target_run(&target);
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        target.mechanism = *mechanism;
        struct promise_pair pair = promise_run_profiled(target, FAST_RATE);
        check_alike(&plain, &pair);
        check_earlier_sessions(&pair);
        survival_check_session(last_session(&pair));
        /* One that a program turns out not to fit is left for another, and Applied says so. */
        assert_string_equal(pair.session->first_mechanism, *mechanism);
        promise_done(&pair);
    }
    target_outcome_done(&plain);
}

void survival_check_by_each_mechanism_or_another(struct target target)
{
    struct target_outcome plain = target_run(&target);
    for (const char *const *mechanism = promise_mechanisms; *mechanism != NULL; mechanism++) {
        target.mechanism = *mechanism;
        struct promise_pair pair = promise_run_profiled(target, FAST_RATE);
        bool has_given_way = strstr(pair.profiled.log, "sampling could not be started") != NULL;
        check_same_behaviour(&plain, &pair);
        check_earlier_sessions(&pair);
        survival_check_session(last_session(&pair));
        assert_true(has_given_way || pair.profiled.log[0] == '\0');
        assert_int_equal(has_given_way, strcmp(pair.session->mechanism, *mechanism) != 0);
        promise_done(&pair);
    }
    target_outcome_done(&plain);
}

void survival_skip(const char *reason)
{
    const char *ci = getenv("CI");
    if (ci != NULL && strcmp(ci, "true") == 0)
        fail_msg("not to be skipped here: %s", reason);
    print_message("skipped: %s\n", reason);
    skip();
}

static bool has_row(const struct CMUnitTest *tests, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(tests[i].name, name) == 0)
            return true;
    }
    return false;
}

int survival_main(const struct CMUnitTest *tests, size_t count, int argc, char **argv)
{
    if (argc > 1 && !has_row(tests, count, argv[1])) {
        fprintf(stderr, "%s: no row %s\n", argv[0], argv[1]);
        return 2;
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("survival", tests, count, NULL, promise_remove_files);
}
