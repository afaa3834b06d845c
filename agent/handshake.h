/* SPDX-License-Identifier: MIT */
/*
 * From the endpoint to a configuration: connects, looks at who is there, and reads the host's first words. See
 * "Opening" in protocol/README.md. Pump only.
 */
#ifndef SPIPE_AGENT_HANDSHAKE_H
#define SPIPE_AGENT_HANDSHAKE_H

#include "protocol/arena.h"
#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/pipe.h"

#define SPIPE_HANDSHAKE_READER_SIZE (SPIPE_HOST_MESSAGE_MAX + 64u)
#define SPIPE_HANDSHAKE_IGNORED_SIZE 512u

struct spipe_handshake {
    struct spipe_endpoint endpoint;
    bool has_endpoint;
    bool is_retry;                              /* that nobody is there is not worth a word each time */
    struct spipe_pipe pipe;
    struct spipe_message_reader reader;         /* what follows the configuration is in it already */
    struct spipe_arena arena;
    bool is_text;
    bool is_input_over;                         /* the host says nothing more */
    struct spipe_configuration asked;           /* its texts lie in `token` */
    char ignored[SPIPE_HANDSHAKE_IGNORED_SIZE]; /* words of a text that were not understood, parted by blanks */
    uint8_t reader_memory[SPIPE_HANDSHAKE_READER_SIZE];
    _Alignas(16) uint8_t arena_memory[SPIPE_DECODE_ARENA_FOR(SPIPE_HOST_MESSAGE_MAX)];
};

/* Parses the endpoint of the environment; a bad one is logged. */
void spipe_handshake_init(struct spipe_handshake *handshake);

/* Connects and opens. True with a pipe and a configuration; false, and the reason logged, when there is to be no
 * session. */
bool spipe_handshake_run(struct spipe_handshake *handshake);

/* Tells a host that cannot be served why, in a form that is the same in every major version, and the log; one that
 * speaks text is not told. The pipe stays open. */
void spipe_handshake_refuse(struct spipe_handshake *handshake, const char *text);

#endif
