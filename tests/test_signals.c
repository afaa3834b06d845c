/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/signals.h"

/* Dispositions belong to the process, so each scene has one of its own: it returns 0, or which of its checks failed. */
static int run(int (*scene)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(scene());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static volatile sig_atomic_t seen;

static void note(int signal_number)
{
    seen = seen * 100 + signal_number;
}

static void note_info(int signal_number, siginfo_t *info, void *context)
{
    seen = info->si_signo == signal_number && context != NULL ? 77 : 1;
}

static struct sigaction action_of(void (*handler)(int), int flags)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    return action;
}

static int take_when_free(void)
{
    if (spipe_signals_current() != 0 || spipe_signals_is_fronted(SIGPROF))
        return 1;
    if (spipe_signals_take() != SIGPROF || spipe_signals_current() != SIGPROF)
        return 2;
    if (!spipe_signals_is_ours() || !spipe_signals_is_fronted(SIGPROF) || spipe_signals_is_fronted(SIGUSR1))
        return 3;
    return spipe_signals_take() == SIGPROF ? 0 : 4;
}

static void test_the_signal_is_sigprof_when_that_is_free(void **state)
{
    (void)state;
    assert_int_equal(run(take_when_free), 0);
}

static int take_beside_a_handler(void)
{
    struct sigaction action = action_of(note, 0);
    sigaction(SIGPROF, &action, NULL);
    sigaction(64, &action, NULL);
    if (spipe_signals_take() != 63)
        return 1;
    raise(SIGPROF);
    return seen == SIGPROF ? 0 : 2;
}

static void test_a_signal_that_the_program_handles_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(run(take_beside_a_handler), 0);
}

static int take_beside_a_timer(void)
{
    struct itimerval value = {{100, 0}, {100, 0}};
    setitimer(ITIMER_PROF, &value, NULL);
    return spipe_signals_take() == 64 ? 0 : 1;
}

static void test_a_signal_that_a_timer_of_the_program_sends_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(run(take_beside_a_timer), 0);
}

static int avoid_and_take(void)
{
    if (spipe_signals_take() != SIGPROF)
        return 1;
    spipe_signals_avoid(SIGPROF);
    spipe_signals_avoid(64);
    spipe_signals_avoid(-1);
    spipe_signals_avoid(1000);
    if (spipe_signals_take() != 63)
        return 2;
    return spipe_signals_is_fronted(SIGPROF) && spipe_signals_is_fronted(63) ? 0 : 3;
}

static void test_what_is_to_be_avoided_is_not_chosen_and_an_old_front_stays(void **state)
{
    (void)state;
    assert_int_equal(run(avoid_and_take), 0);
}

static int take_when_none_is_free(void)
{
    for (int number = 1; number <= 64; number++)
        spipe_signals_avoid(number);
    return spipe_signals_take() == 0 && spipe_signals_current() == 0 ? 0 : 1;
}

static void test_without_a_free_signal_there_is_none(void **state)
{
    (void)state;
    assert_int_equal(run(take_when_none_is_free), 0);
}

static int exchange(void)
{
    struct sigaction action = action_of(note, SA_RESTART);
    struct sigaction old;
    spipe_signals_take();
    if (spipe_signals_exchange(SIGPROF, &action, &old) != 0 || old.sa_handler != SIG_DFL)
        return 1;
    if (!spipe_signals_is_ours())
        return 2;
    raise(SIGPROF);
    if (seen != SIGPROF)
        return 3;
    if (spipe_signals_exchange(SIGPROF, NULL, &old) != 0 || old.sa_handler != note || !(old.sa_flags & SA_RESTART))
        return 4;
    struct sigaction with_info = action_of(NULL, SA_SIGINFO);
    with_info.sa_sigaction = note_info;
    spipe_signals_exchange(SIGPROF, &with_info, NULL);
    raise(SIGPROF);
    return seen == 77 ? 0 : 5;
}

static void test_what_is_not_ours_goes_to_the_programs_handler(void **state)
{
    (void)state;
    assert_int_equal(run(exchange), 0);
}

static int ignore(void)
{
    struct sigaction action = action_of(SIG_IGN, 0);
    spipe_signals_take();
    spipe_signals_exchange(SIGPROF, &action, NULL);
    raise(SIGPROF);
    return spipe_signals_is_ours() ? 0 : 1;
}

static void test_a_signal_that_the_program_ignores_is_swallowed(void **state)
{
    (void)state;
    assert_int_equal(run(ignore), 0);
}

static int do_default(void)
{
    spipe_signals_take();
    raise(SIGPROF);
    return 1;
}

static void test_without_a_handler_of_the_programs_its_signal_does_what_it_would_have_done(void **state)
{
    (void)state;
    assert_int_equal(run(do_default), -SIGPROF);
}

static int reset_once(void)
{
    struct sigaction action = action_of(note, (int)SA_RESETHAND);
    struct sigaction old;
    spipe_signals_take();
    spipe_signals_exchange(SIGPROF, &action, NULL);
    raise(SIGPROF);
    spipe_signals_exchange(SIGPROF, NULL, &old);
    if (seen != SIGPROF || old.sa_handler != SIG_DFL || !spipe_signals_is_ours())
        return 1;
    raise(SIGPROF);
    return 2;
}

static void test_a_handler_for_one_time_is_called_one_time(void **state)
{
    (void)state;
    assert_int_equal(run(reset_once), -SIGPROF);
}

static int lose_the_front(void)
{
    struct sigaction action = action_of(note, 0);
    spipe_signals_take();
    sigaction(SIGPROF, &action, NULL);
    if (spipe_signals_is_ours())
        return 1;
    spipe_signals_give_up();
    if (spipe_signals_is_fronted(SIGPROF))
        return 2;
    return spipe_signals_take() == 64 ? 0 : 3;
}

static void test_a_front_that_was_replaced_behind_our_back_is_noticed_and_given_up(void **state)
{
    (void)state;
    assert_int_equal(run(lose_the_front), 0);
}

static int exchange_what_is_not_fronted(void)
{
    struct sigaction action = action_of(note, 0);
    spipe_signals_take();
    return !spipe_signals_is_fronted(0) && !spipe_signals_is_fronted(65) && !spipe_signals_is_fronted(-3) &&
                   spipe_signals_exchange(SIGPROF, &action, NULL) == 0
               ? 0
               : 1;
}

static void test_numbers_that_are_no_signals_are_not_fronted(void **state)
{
    (void)state;
    assert_int_equal(run(exchange_what_is_not_fronted), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_signal_is_sigprof_when_that_is_free),
        cmocka_unit_test(test_a_signal_that_the_program_handles_is_left_alone),
        cmocka_unit_test(test_a_signal_that_a_timer_of_the_program_sends_is_left_alone),
        cmocka_unit_test(test_what_is_to_be_avoided_is_not_chosen_and_an_old_front_stays),
        cmocka_unit_test(test_without_a_free_signal_there_is_none),
        cmocka_unit_test(test_what_is_not_ours_goes_to_the_programs_handler),
        cmocka_unit_test(test_a_signal_that_the_program_ignores_is_swallowed),
        cmocka_unit_test(test_without_a_handler_of_the_programs_its_signal_does_what_it_would_have_done),
        cmocka_unit_test(test_a_handler_for_one_time_is_called_one_time),
        cmocka_unit_test(test_a_front_that_was_replaced_behind_our_back_is_noticed_and_given_up),
        cmocka_unit_test(test_numbers_that_are_no_signals_are_not_fronted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
