/* SPDX-License-Identifier: MIT */
/*
 * The function that a wrapper stands in front of: the next definition of a name in the libraries that were loaded
 * before.
 *
 * dlsym(RTLD_NEXT) would do it, but its symbol version differs between systems, and a version that is missing keeps
 * programs from starting at all. So the loader's list of libraries is read, as a debugger reads it. Only on the
 * program's own threads.
 */
#ifndef SPIPE_AGENT_NEXT_SYMBOL_H
#define SPIPE_AGENT_NEXT_SYMBOL_H

/* The function's address, or NULL when no library after the agent defines the name. */
void *spipe_next_symbol(const char *name);

/* The agent's own path as the loader was given it; "" when it is not in the list. */
const char *spipe_next_symbol_own_path(void);

#endif
