/* SPDX-License-Identifier: MIT */
#ifndef SPIPE_TESTS_SYMBOLS_FIXTURE_H
#define SPIPE_TESTS_SYMBOLS_FIXTURE_H

/* Called from the place that is to be named. */
typedef void (*spipe_fixture_visit)(void);

enum {
    SPIPE_FIXTURE_LINE_INNERMOST,
    SPIPE_FIXTURE_LINE_MIDDLE,
    SPIPE_FIXTURE_LINE_OUTER,
    SPIPE_FIXTURE_LINE_HIDDEN,
    SPIPE_FIXTURE_LINES
};

/* On which lines of fixture.c the calls stand; filled by the calls. */
extern int spipe_fixture_lines[SPIPE_FIXTURE_LINES];

/* Calls `visit` through two inlined functions, fixture_middle and fixture_innermost. */
void spipe_fixture_outer(spipe_fixture_visit visit);

/* Calls `visit` from a function that is local to the file, fixture_hidden. */
void spipe_fixture_calls_hidden(spipe_fixture_visit visit);

/* Never called. */
void spipe_fixture_sizeless(void);
void spipe_fixture_sized(void);
void spipe_fixture_alias(void);

#endif
