/* SPDX-License-Identifier: MIT */
/*
 * The signal that samples arrive by, shared politely with the program.
 *
 * It is SIGPROF unless the program uses that; then another one that is free. Our handler stands in front: what is
 * not ours goes to whatever the program has set for that signal. Once in front of a signal we stay there to the end,
 * since a late signal of ours would otherwise meet the default action, which kills.
 */
#ifndef SPIPE_AGENT_SIGNALS_H
#define SPIPE_AGENT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* What must never happen to a signal on its way, which depends on who sends it. The kernel keeps what a signal carries
 * in memory that each user has little of (RLIMIT_SIGPENDING). Without it an event's real-time signal turns into SIGIO,
 * and a thread's standard signal loses what it carries; either would end the program. */
enum spipe_signal_class {
    SPIPE_SIGNAL_ANY = 0,
    SPIPE_SIGNAL_STANDARD = 1, /* for events: their standard signals get the memory in any case */
    SPIPE_SIGNAL_REAL_TIME = 2 /* for those that a thread sends: the sender is told that there is no memory */
};

/* Says what the next spipe_signals_take() is to choose from. Pump only. */
void spipe_signals_prefer(enum spipe_signal_class class);

/* Chooses a signal that the program does not use and puts our handler in front of it. Returns its number, or 0. Pump
 * only. */
int spipe_signals_take(void);

/* The signal in use; 0 before the first spipe_signals_take(). */
int spipe_signals_current(void);

/* True when the disposition of the signal in use is still our handler. */
bool spipe_signals_is_ours(void);

/* Somebody has set another handler for the signal in use, past us: it is theirs from now on, and not chosen again. */
void spipe_signals_give_up(void);

/* True when our handler stands in front of this signal: then the program's wishes for it go through
 * spipe_signals_exchange(). */
bool spipe_signals_is_fronted(int signal_number);

/* Sets and returns what the program has set for a fronted signal, in the kernel's meaning of struct sigaction; either
 * pointer may be NULL. The kernel's flags and mask of the front follow the program's. Returns 0 or a negative errno. */
int spipe_signals_exchange(int signal_number, const struct sigaction *action, struct sigaction *ret_old);

/* What libc or the kernel says of a disposition: where that is our handler, as in a forked child, it becomes what the
 * program has set. */
void spipe_signals_unveil(int signal_number, struct sigaction *action);

/* Handlers of the program for a signal of that number are noted as "the program uses it": it is not chosen any more. */
void spipe_signals_avoid(int signal_number);

#endif
