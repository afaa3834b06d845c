/* SPDX-License-Identifier: MIT */
/*
 * What an agent has written, taken apart and held to the rules of the protocol: the preface, whole messages below the
 * usual length, definitions before their first use, dense ids that restart at a Checkpoint, ledgers that close.
 */
#ifndef SPIPE_TESTS_AGENT_STREAM_H
#define SPIPE_TESTS_AGENT_STREAM_H

#include "protocol/record.h"

#define AGENT_STREAM_THREADS 512u
#define AGENT_STREAM_RESULTS 64u
#define AGENT_STREAM_TEXT 256u

#define AGENT_STREAM_STATES 3u

/* What the wall clock says of a thread; arrays are by enum spipe_state. */
struct agent_stream_wall {
    uint64_t samples;
    uint64_t weight[AGENT_STREAM_STATES];
    uint64_t not_seen[AGENT_STREAM_STATES];     /* the part of it below a stand-in that says so */
    uint32_t leaf_offset[AGENT_STREAM_STATES];  /* of the last sample's innermost frame */
    uint32_t depth[AGENT_STREAM_STATES];        /* of the last sample's stack */
    uint64_t last_time;
    struct spipe_thread_ledger ledger;
};

/* A thread of the stream: since the last Checkpoint its id, in all its CPU samples and last account, and the wall
 * clock's. */
struct agent_stream_thread {
    uint32_t thread_id;
    uint32_t tid;
    bool is_gone;
    uint64_t samples;
    uint64_t weight;
    struct spipe_thread_ledger ledger;
    struct agent_stream_wall wall;
};

struct agent_stream {
    size_t count[SPIPE_RECORD_AUDITS + 1];  /* records by kind */
    uint32_t frames;                    /* ids given since the last Checkpoint */
    uint32_t stacks;
    uint32_t strings;
    uint32_t images;
    uint32_t threads;
    uint64_t samples;                   /* in all, of the CPU source */
    uint64_t weight;
    struct agent_stream_thread thread[AGENT_STREAM_THREADS];    /* by tid, in order of appearance */
    size_t thread_count;
    struct spipe_thread_ledger unknown; /* the last account of threads that have no id */
    struct spipe_ledger ledger;         /* the last one, without its threads */
    struct spipe_hello hello;           /* its numbers */
    uint8_t session_id[16];
    uint8_t previous_session_id[16];    /* all 0: none */
    struct spipe_applied applied;       /* the last one's numbers */
    struct spipe_unmet unmet[4];
    struct spipe_command_result result[AGENT_STREAM_RESULTS];
    size_t result_count;
    char last_text[AGENT_STREAM_TEXT];  /* of the last Refusal or Goodbye */
    char last_string[AGENT_STREAM_TEXT];
    struct spipe_markers marker;        /* the last one's numbers */
    uint32_t marker_phase;
    int32_t marker_value;
    uint32_t marker_thread_id;
    uint32_t stand_in[16];              /* stacks since the last Checkpoint that begin with such a frame */
    uint32_t audits;
    uint32_t audits_skipped;
    struct spipe_audit audit;           /* the last one; its bytes are gone, their lengths are there */
    struct spipe_goodbye goodbye;
    uint64_t last_time;                 /* of the last sample that was read */
    size_t deepest;                     /* nodes of the deepest stack of a sample */
};

/* Reads all that was written. A breach of a rule fails the test. The stream may end anywhere but inside a message. */
void agent_stream_read(struct agent_stream *stream, struct spipe_bytes bytes);

/* The thread with that tid; fails the test when the stream has none. */
const struct agent_stream_thread *agent_stream_thread(const struct agent_stream *stream, int tid);

/* The result of the command; fails the test when there is none, or two. */
const struct spipe_command_result *agent_stream_result(const struct agent_stream *stream, uint32_t command_id);

/* Fails the test unless each account closes, nothing is pending, and what was sent is what the samples weigh. */
void agent_stream_assert_closed(const struct agent_stream *stream);

#endif
