/* SPDX-License-Identifier: MIT */
#include "capture_session.h"

#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX (1u << 20)
#define TABLE_MAX   (1u << 22)
#define ROOTED      0u /* what a stack ends in: this, or one more than the stand-in */

/* Definitions, as far as the totals need them. */
struct tables {
    uint8_t *frame_end; /* by frame id */
    uint32_t frame_count;
    uint8_t *stack_end; /* by stack id */
    uint32_t stack_count;
};

static void *grow(void *memory, size_t count, size_t size)
{
    void *grown = realloc(memory, count * size);
    if (grown == NULL)
        abort();
    return grown;
}

void capture_session_feed(struct capture_session *session, const void *bytes, size_t len)
{
    if (len > session->capacity - session->len) {
        session->capacity = 2 * (session->len + len);
        session->bytes = grow(session->bytes, session->capacity, 1);
    }
    memcpy(session->bytes + session->len, bytes, len);
    session->len += len;
}

/* ---------------------------------------------------------------------------------------------------- definitions */

static void take_frames(struct tables *tables, const struct spipe_frames *frames)
{
    uint32_t count = frames->first_frame_id + (uint32_t)frames->count;
    if (count > TABLE_MAX)
        return;
    tables->frame_end = grow(tables->frame_end, count + 1u, 1);
    for (size_t i = 0; i < frames->count; i++) {
        bool is_stand_in = frames->image_id[i] == 0 && (frames->method_id == NULL || frames->method_id[i] == 0);
        uint32_t stand_in = frames->offset[i] < CAPTURE_STAND_INS ? frames->offset[i] : 0;
        tables->frame_end[frames->first_frame_id + i] = (uint8_t)(is_stand_in ? stand_in + 1 : ROOTED);
    }
    tables->frame_count = count;
}

static void take_stacks(struct capture_session *session, struct tables *tables, const struct spipe_stacks *stacks)
{
    uint32_t count = stacks->first_stack_id + (uint32_t)stacks->count;
    if (count > TABLE_MAX)
        return;
    tables->stack_end = grow(tables->stack_end, count + 1u, 1);
    for (size_t i = 0; i < stacks->count; i++) {
        uint32_t stack_id = stacks->first_stack_id + (uint32_t)i;
        uint32_t back = stacks->parent_back[i];
        uint8_t end = ROOTED;
        if (stacks->frame_id[i] >= tables->frame_count || back >= stack_id)
            session->unannounced_count++;
        else
            end = back != 0 ? tables->stack_end[stack_id - back] : tables->frame_end[stacks->frame_id[i]];
        tables->stack_end[stack_id] = end;
    }
    tables->stack_count = count;
}

static struct capture_thread *thread_of(struct capture_session *session, uint32_t thread_id)
{
    if (thread_id >= THREADS_MAX)
        return NULL;
    if (thread_id >= session->thread_count) {
        session->thread = grow(session->thread, thread_id + 1u, sizeof *session->thread);
        memset(session->thread + session->thread_count, 0,
               (thread_id + 1u - session->thread_count) * sizeof *session->thread);
        session->thread_count = thread_id + 1;
    }
    return &session->thread[thread_id];
}

static void take_threads(struct capture_session *session, const struct spipe_threads *threads)
{
    for (size_t i = 0; i < threads->thread_count; i++)
        (void)thread_of(session, threads->thread[i].thread_id);
}

/* -------------------------------------------------------------------------------------------------------- samples */

static void take_sample(struct capture_session *session, const struct tables *tables, uint32_t stack_id,
                        uint32_t weight)
{
    session->sample_count++;
    session->weight += weight;
    if (stack_id == 0)
        session->stackless_weight += weight;
    else if (stack_id >= tables->stack_count)
        session->unannounced_count++;
    else if (tables->stack_end[stack_id] == ROOTED)
        session->rooted_weight += weight;
    else
        session->end_weight[tables->stack_end[stack_id] - 1u] += weight;
}

static void take_samples(struct capture_session *session, const struct tables *tables,
                         const struct spipe_samples *samples)
{
    size_t at = 0;
    for (size_t run = 0; run < samples->run_count; run++) {
        uint32_t thread_id = samples->run_thread_id[run];
        uint64_t time = samples->start_time;
        if (thread_id == 0 || thread_id >= session->thread_count) {
            session->unannounced_count++;
            return;
        }
        for (uint32_t i = 0; i < samples->run_length[run] && at < samples->sample_count; i++, at++) {
            uint32_t weight = samples->weight == NULL ? 1 : samples->weight[at];
            time += samples->time_delta[at];
            take_sample(session, tables, samples->stack_id[at], weight);
            session->thread[thread_id].weight += weight;
            if (time > session->last_sample_time)
                session->last_sample_time = time;
        }
    }
}

static uint64_t dropped_of(const struct spipe_thread_ledger *entry)
{
    return entry->dropped_ring_full + entry->dropped_pipe_full + entry->dropped_paused + entry->dropped_no_slot +
           entry->dropped_in_agent + entry->dropped_blocked + entry->dropped_other;
}

static void take_ledger(struct capture_session *session, const struct spipe_ledger *ledger)
{
    session->ledger_count++;
    session->totals = *ledger;
    session->totals.thread = NULL;
    for (size_t i = 0; i < ledger->thread_count; i++) {
        const struct spipe_thread_ledger *entry = &ledger->thread[i];
        struct capture_thread *thread = thread_of(session, entry->thread_id);
        if (entry->attempted != entry->sent + entry->pending + dropped_of(entry))
            session->open_entry_count++;
        if (thread != NULL)
            thread->ledger = *entry;
    }
}

/* ----------------------------------------------------------------------------------------------------- the stream */

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

static void copy_id(uint8_t to[16], struct spipe_bytes id)
{
    if (id.len == 16)
        memcpy(to, id.data, id.len);
}

static void take_hello(struct capture_session *session, const struct spipe_hello *hello)
{
    session->has_hello = true;
    session->session_number = hello->session_number;
    session->pid = hello->pid;
    copy_text(session->executable, sizeof session->executable, hello->executable);
    copy_id(session->process_id, hello->process_id);
    copy_id(session->session_id, hello->session_id);
    copy_id(session->previous_session_id, hello->previous_session_id);
}

static void take_applied(struct capture_session *session, const struct spipe_applied *applied)
{
    session->period_us = applied->configuration.cpu_period_us;
    if (applied->source_count == 0)
        return;
    copy_text(session->mechanism, sizeof session->mechanism, applied->source[0].mechanism);
    if (session->first_mechanism[0] == '\0')
        copy_text(session->first_mechanism, sizeof session->first_mechanism, applied->source[0].mechanism);
}

static void take_goodbye(struct capture_session *session, const struct spipe_goodbye *goodbye)
{
    session->has_goodbye = true;
    session->goodbye = goodbye->reason;
    session->goodbye_sent = goodbye->samples_sent;
    session->goodbye_dropped = goodbye->samples_dropped;
}

static void take_record(struct capture_session *session, struct tables *tables, const struct spipe_record *record)
{
    switch (record->kind) {
    case SPIPE_RECORD_REFUSAL:
        session->has_refusal = true;
        copy_text(session->refusal, sizeof session->refusal, record->refusal.text);
        break;
    case SPIPE_RECORD_HELLO:
        take_hello(session, &record->hello);
        break;
    case SPIPE_RECORD_APPLIED:
        take_applied(session, &record->applied);
        break;
    case SPIPE_RECORD_FRAMES:
        take_frames(tables, &record->frames);
        break;
    case SPIPE_RECORD_STACKS:
        take_stacks(session, tables, &record->stacks);
        break;
    case SPIPE_RECORD_THREADS:
        take_threads(session, &record->threads);
        break;
    case SPIPE_RECORD_SAMPLES:
        take_samples(session, tables, &record->samples);
        break;
    case SPIPE_RECORD_LEDGER:
        take_ledger(session, &record->ledger);
        break;
    case SPIPE_RECORD_GOODBYE:
        take_goodbye(session, &record->goodbye);
        break;
    case SPIPE_RECORD_CHECKPOINT:
        session->checkpoint_count++;
        break;
    default:
        break;
    }
}

static int read_messages(struct capture_session *session, struct spipe_message_reader *reader, struct tables *tables)
{
    static uint8_t memory[SPIPE_DECODE_ARENA_FOR(SPIPE_AGENT_MESSAGE_MAX)];
    struct spipe_arena arena;
    struct spipe_record record;
    struct spipe_bytes message;
    int status;
    spipe_arena_init(&arena, memory, sizeof memory);
    while ((status = spipe_message_reader_next(reader, &message)) == 0) {
        status = spipe_decode_record(message, &arena, &record);
        if (status < 0)
            return status;
        take_record(session, tables, &record);
    }
    return status;
}

void capture_session_read(struct capture_session *session)
{
    struct spipe_message_reader reader;
    struct tables tables = {NULL, 0, NULL, 0};
    size_t capacity = session->len + SPIPE_AGENT_MESSAGE_MAX + 16u;
    uint8_t *memory = grow(NULL, capacity, 1);
    uint8_t major;
    size_t room;
    spipe_message_reader_init(&reader, memory, capacity, SPIPE_AGENT_MESSAGE_MAX);
    if (session->len > 0)
        memcpy(spipe_message_reader_space(&reader, &room), session->bytes, session->len);
    spipe_message_reader_fed(&reader, session->len);
    session->status = spipe_message_reader_preface(&reader, &major);
    if (session->status == 0)
        session->status = read_messages(session, &reader, &tables);
    if (session->status == SPIPE_E_AGAIN)
        session->status = spipe_message_reader_is_cut(&reader) ? SPIPE_E_TRUNCATED : 0;
    free(memory);
    free(tables.frame_end);
    free(tables.stack_end);
}

/* -------------------------------------------------------------------------------------------------------- answers */

struct capture_sums capture_session_sums(const struct capture_session *session)
{
    struct capture_sums sums = {0};
    for (uint32_t i = 0; i < session->thread_count; i++) {
        const struct spipe_thread_ledger *ledger = &session->thread[i].ledger;
        sums.sampled_threads += session->thread[i].weight > 0;
        sums.attempted += ledger->attempted;
        sums.sent += ledger->sent;
        sums.pending += ledger->pending;
        sums.dropped += dropped_of(ledger);
        sums.dropped_pipe_full += ledger->dropped_pipe_full;
        sums.dropped_no_slot += ledger->dropped_no_slot;
        sums.dropped_blocked += ledger->dropped_blocked;
        sums.cpu_us += ledger->cpu_us;
        sums.disagreeing_threads += ledger->sent != session->thread[i].weight;
    }
    return sums;
}

bool capture_session_is_sound(const struct capture_session *session)
{
    struct capture_sums sums = capture_session_sums(session);
    bool is_sound = session->status == 0 && session->has_hello && session->unannounced_count == 0 &&
                    session->open_entry_count == 0 && session->checkpoint_count == 0;
    bool is_closed = !session->has_goodbye || (sums.pending == 0 && sums.disagreeing_threads == 0 &&
                                               session->sample_count == session->goodbye_sent);
    if (!is_sound || !is_closed)
        fprintf(stderr,
                "session %u: status %s, %u not announced, %u open entries, goodbye %d (sent %llu, dropped %llu), "
                "ledger: attempted %llu, sent %llu, pending %llu, dropped %llu, %u threads disagree\n",
                session->session_number, spipe_status_name(session->status), session->unannounced_count,
                session->open_entry_count, session->has_goodbye, (unsigned long long)session->goodbye_sent,
                (unsigned long long)session->goodbye_dropped, (unsigned long long)sums.attempted,
                (unsigned long long)sums.sent, (unsigned long long)sums.pending, (unsigned long long)sums.dropped,
                sums.disagreeing_threads);
    return is_sound && is_closed;
}

double capture_session_coverage(const struct capture_session *session)
{
    uint64_t used_us = session->totals.process_user_us + session->totals.process_system_us;
    return used_us == 0 ? 0 : (double)(session->weight * session->period_us) / (double)used_us;
}

void capture_session_done(struct capture_session *session)
{
    free(session->bytes);
    free(session->thread);
    memset(session, 0, sizeof *session);
}
