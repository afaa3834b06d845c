/* SPDX-License-Identifier: MIT */
/*
 * What the tests of survival share. A row of the checklist is a test whose name is that of its ctest entry,
 * survive_<row>: a program of ours is run without the agent and with it at 1 kHz, must come to the same result, and
 * must leave a capture that reads to its end with a closed account. Nothing here looks at times or at shares of CPU
 * time, so that rows may run beside others on a busy machine.
 */
#ifndef SPIPE_TESTS_SURVIVAL_KIT_H
#define SPIPE_TESTS_SURVIVAL_KIT_H

#include "promises/promise_kit.h"

/* With the program's path or name first: a program of tests/survival/NAME.c is SURVIVAL_PROGRAM(NAME). */
#define SURVIVAL_PROGRAM(name) "survive-" name

/* Runs it both ways at 1 kHz and asserts that it behaves alike, leaves nothing in the log, had at least one session,
 * and survival_check_session() for each of them. The endpoint is filled in here; promise_done() frees the result. */
struct promise_pair survival_check(struct target target);

/* The half of it with the agent, for programs whose output is not the same twice: that is left to the caller. */
struct promise_pair survival_check_profiled(struct target target);

/* The same as survival_check() by each of promise_mechanisms in turn. */
void survival_check_by_each_mechanism(struct target target);

/* For limits that may leave no room for a mechanism: another takes its place then, and the log says so. */
void survival_check_by_each_mechanism_or_another(struct target target);

/* The same when the program's end cannot be foreseen: survival_check_cut() instead for the last session. */
struct promise_pair survival_check_killed(struct target target);

/* Asserts that a session reads to its end, that all that was attempted is sent or dropped for a reason when it says
 * Goodbye, and that it does say it. */
void survival_check_session(const struct capture_session *session);

/* Asserts that a session without Goodbye is sound up to its last whole message. */
void survival_check_cut(const struct capture_session *session);

/* Ends the test as skipped, or as failed where all that tests need has to be there (CI=true). */
void survival_skip(const char *reason);

struct CMUnitTest;

/* The main function of a program of such tests: runs the one that the first argument names, or all. */
int survival_main(const struct CMUnitTest *tests, size_t count, int argc, char **argv);

#define SURVIVAL_MAIN(tests)                                                                                           \
    int main(int argc, char **argv)                                                                                    \
    {                                                                                                                  \
        return survival_main((tests), sizeof(tests) / sizeof((tests)[0]), argc, argv);                                 \
    }

#endif
