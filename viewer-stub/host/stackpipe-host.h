/* SPDX-License-Identifier: MIT */
/*
 * The host's side of the pipe: listens, accepts many agents at once, speaks the protocol, and calls back.
 *
 * A host belongs to one thread, which calls either spipe_host_run(), a loop of its own, or spipe_host_dispatch()
 * whenever spipe_host_descriptor() is readable (inside Qt, GLib, libuv). Callbacks run on that thread, within those
 * calls; they may call every function of this header but spipe_host_free() and the two loops. Only spipe_host_stop()
 * may come from elsewhere.
 *
 * What happens on a connection, in this order: connected; configuration wanted; bytes and record, alternating, for each
 * unit the agent sends; disconnected, always, and last. A connection is valid until its disconnected callback returns.
 *
 * Agents are not trusted: another user's are turned away, messages over the limit and more connections than allowed
 * too.
 */
#ifndef SPIPE_HOST_STACKPIPE_HOST_H
#define SPIPE_HOST_STACKPIPE_HOST_H

#include "host_api.h"
#include "protocol/pipe.h"
#include "protocol/record.h"
#include "protocol/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spipe_host;
struct spipe_connection;

/* 0 in any field is the default. */
struct spipe_host_options {
    uint32_t connections_max;   /* at once: 256 */
    uint32_t message_max;       /* bytes: SPIPE_AGENT_MESSAGE_MAX, which is also the most */
    uint32_t output_max;        /* bytes that wait to be sent to one agent: 256 KiB */
    uint64_t session_bytes_max; /* that one connection may send: no limit */
    uint32_t unknown_max;       /* messages of unknown kinds on one connection: 64 Ki */
};

enum spipe_host_end_reason {
    SPIPE_HOST_END_GOODBYE = 1,  /* the agent has said Goodbye */
    SPIPE_HOST_END_CUT = 2,      /* the connection ended without it */
    SPIPE_HOST_END_REFUSED = 3,  /* the agent refused; `text` says why */
    SPIPE_HOST_END_PROTOCOL = 4, /* the agent sent what the protocol does not allow */
    SPIPE_HOST_END_LIMIT = 5,    /* a limit of the options was exceeded */
    SPIPE_HOST_END_CLOSED = 6    /* closed by this side */
};

struct spipe_host_end {
    enum spipe_host_end_reason reason;
    int status;       /* SPIPE_OK or what went wrong */
    const char *text; /* words for people, or of the agent; valid during the callback */
    enum spipe_goodbye_reason goodbye;
    uint64_t bytes; /* of whole units that were given to the callbacks */
};

/* Any of them may be NULL. */
struct spipe_host_callbacks {
    /* An agent (or somebody) has connected; `peer` is the kernel's word. Turn it away with spipe_connection_close(). */
    void (*connected)(void *user, struct spipe_connection *connection, const struct spipe_peer *peer);
    /* Fill in what is wanted (it begins as all 0: the agent's choice) and return true; texts are copied before the
     * return counts. Or return false and call spipe_connection_configure() later. */
    bool (*configuration_wanted)(void *user, struct spipe_connection *connection,
                                 struct spipe_configuration *configuration);
    /* The next unit as it came: the preface, or a message with its length in front. Written one after another they are
     * a capture. Of a message that cannot be decoded nothing is given. */
    void (*bytes)(void *user, struct spipe_connection *connection, struct spipe_bytes raw);
    /* The same decoded; valid during the call. `message_len` is its length on the wire. */
    void (*record)(void *user, struct spipe_connection *connection, const struct spipe_record *record,
                   size_t message_len);
    void (*disconnected)(void *user, struct spipe_connection *connection, const struct spipe_host_end *end);
};

/* Makes a host that listens nowhere yet. `options` and `callbacks` are copied; `options` may be NULL. */
SPIPE_HOST_API int spipe_host_new(const struct spipe_host_options *options,
                                  const struct spipe_host_callbacks *callbacks, void *user,
                                  struct spipe_host **ret_host);

/* Closes all connections (their disconnected callbacks run) and listeners. */
SPIPE_HOST_API void spipe_host_free(struct spipe_host *host);

/* Listens at `endpoint` (see protocol/endpoint.h; socket forms), in addition to what it listens at already. With fd:
 * forms the descriptors are taken over as one connection, as this side reads and writes them. `ret_message` (may be
 * NULL) gets a static sentence about what is wrong with the text, or NULL. */
SPIPE_HOST_API int spipe_host_listen(struct spipe_host *host, const char *endpoint, const char **ret_message);

/* Takes over a connected pair of descriptors (the same one twice for a socket, -1 for a direction that is not there).
 */
SPIPE_HOST_API int spipe_host_adopt(struct spipe_host *host, int read_fd, int write_fd);

/* Stops listening; connections go on. */
SPIPE_HOST_API void spipe_host_stop_listening(struct spipe_host *host);

/* Runs until spipe_host_stop(). Returns 0, or what made it impossible to go on. */
SPIPE_HOST_API int spipe_host_run(struct spipe_host *host);

/* Ends spipe_host_run(), now or, when it does not run, the next one at once. Any thread, and signal handlers. */
SPIPE_HOST_API void spipe_host_stop(struct spipe_host *host);

/* One descriptor that is readable when spipe_host_dispatch() has something to do. It stays the host's. */
SPIPE_HOST_API int spipe_host_descriptor(const struct spipe_host *host);

/* Does what can be done, after waiting at most `timeout_ms` for it (0: not at all; UINT32_MAX: for ever). */
SPIPE_HOST_API int spipe_host_dispatch(struct spipe_host *host, uint32_t timeout_ms);

SPIPE_HOST_API uint32_t spipe_host_connection_count(const struct spipe_host *host);

/* Sends the preface and the configuration, for a callback that has returned false. SPIPE_E_BUSY: it was sent already.
 */
SPIPE_HOST_API int spipe_connection_configure(struct spipe_connection *connection,
                                              const struct spipe_configuration *configuration);

/* Sends a command; its `command_id` is chosen here and put into `ret_command_id` (may be NULL). The answer comes as a
 * SPIPE_RECORD_COMMAND_RESULT. SPIPE_E_NO_ROOM: the agent does not read. SPIPE_E_CLOSED: the connection cannot be
 * written. */
SPIPE_HOST_API int spipe_connection_command(struct spipe_connection *connection, const struct spipe_command *command,
                                            uint32_t *ret_command_id);

/* The usual commands. `text` may be NULL. */
SPIPE_HOST_API int spipe_connection_stop(struct spipe_connection *connection, const char *text);
SPIPE_HOST_API int spipe_connection_mark(struct spipe_connection *connection, const char *text);

/* Closes it at once; its disconnected callback runs at the latest within the present or next dispatch. `text` (may be
 * NULL) is copied and goes there. */
SPIPE_HOST_API void spipe_connection_close(struct spipe_connection *connection, const char *text);

/* A number that no other connection of this host has had; from 1 on. */
SPIPE_HOST_API uint64_t spipe_connection_number(const struct spipe_connection *connection);
SPIPE_HOST_API const struct spipe_peer *spipe_connection_peer(const struct spipe_connection *connection);

/* Whatever the application wants to find again. */
SPIPE_HOST_API void spipe_connection_set_data(struct spipe_connection *connection, void *data);
SPIPE_HOST_API void *spipe_connection_data(const struct spipe_connection *connection);

/* "goodbye", "cut", "refused", "protocol error", "limit", "closed". A static string. */
SPIPE_HOST_API const char *spipe_host_end_reason_name(enum spipe_host_end_reason reason);

#ifdef __cplusplus
}
#endif

#endif
