/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/lost_sessions.h"

#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

/* What a session's last Ledgers come to. */
struct account {
    uint64_t attempted;
    uint64_t sent;
    uint64_t pending;
};

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static void add_thread(struct account *account, const struct spipe_thread_ledger *ledger)
{
    account->attempted += ledger->attempted;
    account->sent += ledger->sent;
    account->pending += ledger->pending;
}

static void sum_accounts(const struct spipe_store *store, struct account *accounts, uint32_t session_count)
{
    for (uint32_t i = 0; i < session_count; i++) {
        struct spipe_store_session session;
        spipe_store_get_session(store, i, &session);
        add_thread(&accounts[i], &session.slotless);
    }
    for (uint32_t i = 0; i < spipe_store_thread_count(store); i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(store, i, &thread);
        if (thread.session < session_count) {
            add_thread(&accounts[thread.session], &thread.ledger);
        }
    }
}

/* The session with that id, before `end`; SPIPE_STORE_NONE when this capture does not hold it. */
static uint32_t find_session(const struct spipe_store *store, uint32_t end, struct spipe_bytes session_id,
                             struct spipe_store_session *ret_session)
{
    for (uint32_t i = end; i-- > 0;) {
        spipe_store_get_session(store, i, ret_session);
        struct spipe_bytes other = ret_session->hello.session_id;
        if (other.len == session_id.len && memcmp(other.data, session_id.data, other.len) == 0) {
            return i;
        }
    }
    return SPIPE_STORE_NONE;
}

/* What was dropped before the connection was lost stays by its own cause. */
static void add_lost(struct spipe_lost_sessions *lost, const struct account *account, uint64_t arrived,
                     uint64_t attempted)
{
    uint64_t dropped = less(account->attempted, account->sent + account->pending);
    uint64_t connection = less(attempted, arrived + dropped);
    lost->attempted += less(arrived + dropped + connection, account->attempted);
    lost->sent += less(arrived, account->sent);
    lost->pending += account->pending;
    lost->connection += connection;
}

int spipe_lost_sessions_count(const struct spipe_store *store, struct spipe_lost_sessions *ret_lost)
{
    uint32_t session_count = spipe_store_session_count(store);
    struct account *accounts = calloc((size_t)session_count + 1, sizeof *accounts);
    struct spipe_lost_sessions lost = {0};
    if (accounts == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    sum_accounts(store, accounts, session_count);
    for (uint32_t i = 0; i < session_count; i++) {
        struct spipe_store_session session;
        struct spipe_store_session previous;
        spipe_store_get_session(store, i, &session);
        if (session.hello.previous_session_id.len == 0 || !session.has_ledger) {
            continue;
        }
        lost.no_host += session.ledger.lost_between;
        uint32_t found = find_session(store, i, session.hello.previous_session_id, &previous);
        if (found != SPIPE_STORE_NONE && !previous.has_goodbye && session.ledger.previous_attempted != 0) {
            add_lost(&lost, &accounts[found], previous.cpu_weight, session.ledger.previous_attempted);
        }
    }
    free(accounts);
    *ret_lost = lost;
    return SPIPE_OK;
}
