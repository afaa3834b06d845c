/* SPDX-License-Identifier: MIT */
/*
 * What lost connections cost: a session that follows one which was cut says how much that one had really attempted, and
 * how much CPU time passed until there was a host again.
 */
#ifndef SPIPE_HOST_LOST_SESSIONS_H
#define SPIPE_HOST_LOST_SESSIONS_H

#include "store.h"

/* In ticks. What a cut session's own Ledgers say is brought up to its end by adding the first three. */
struct spipe_lost_sessions {
    uint64_t attempted;  /* beyond its last Ledger */
    uint64_t sent;       /* arrived beyond it */
    uint64_t pending;    /* by it, and now known to be sent or lost */
    uint64_t connection; /* lost with the connection */
    uint64_t no_host;    /* lost until a host was there again */
};

/* Sums over all sessions of the store. SPIPE_E_NO_MEMORY. */
int spipe_lost_sessions_count(const struct spipe_store *store, struct spipe_lost_sessions *ret_lost);

#endif
