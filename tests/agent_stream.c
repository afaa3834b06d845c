/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent_stream.h"
#include "protocol/arena.h"
#include "protocol/decode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#define IDS_MAX (256u * 1024u)

/* By id, since the last Checkpoint: what agent_stream_read() needs while it reads. */
static uint32_t stack_depth[IDS_MAX];
static uint32_t stack_frame[IDS_MAX];
static uint32_t stack_stand_in[IDS_MAX];        /* of the outermost frame, plus one; 0: it is a real place */
static uint32_t frame_stand_in[IDS_MAX];
static uint32_t frame_offset[IDS_MAX];

static void keep_text(char *to, const char *text)
{
    size_t len = strlen(text) < AGENT_STREAM_TEXT - 1 ? strlen(text) : AGENT_STREAM_TEXT - 1;
    memcpy(to, text, len);
    to[len] = '\0';
}

/* Also one that is gone: its last samples and accounts may come later. */
static struct agent_stream_thread *find_thread(struct agent_stream *stream, uint32_t thread_id)
{
    for (size_t i = stream->thread_count; i-- > 0;) {
        if (stream->thread[i].thread_id == thread_id)
            return &stream->thread[i];
    }
    fail_msg("thread %u is not known, or not any more", thread_id);
    return NULL;
}

static void read_thread(struct agent_stream *stream, const struct spipe_thread *thread)
{
    for (size_t i = 0; i < stream->thread_count; i++) {
        if (stream->thread[i].tid != thread->tid || stream->thread[i].is_gone)
            continue;
        if (stream->thread[i].thread_id == 0)
            assert_int_equal(thread->thread_id, ++stream->threads);
        stream->thread[i].thread_id = thread->thread_id;
        return;
    }
    assert_true(stream->thread_count < AGENT_STREAM_THREADS);
    assert_int_equal(thread->thread_id, ++stream->threads);
    struct agent_stream_thread *added = &stream->thread[stream->thread_count++];
    *added = (struct agent_stream_thread){.thread_id = thread->thread_id, .tid = thread->tid};
}

static void read_threads(struct agent_stream *stream, const struct spipe_threads *threads)
{
    for (size_t i = 0; i < threads->thread_count; i++)
        read_thread(stream, &threads->thread[i]);
    for (size_t i = 0; i < threads->gone_count; i++)
        find_thread(stream, threads->gone_thread_id[i])->is_gone = true;
}

static void read_images(struct agent_stream *stream, const struct spipe_images *images)
{
    for (size_t i = 0; i < images->image_count; i++)
        assert_int_equal(images->image[i].image_id, ++stream->images);
    for (size_t i = 0; i < images->gone_count; i++)
        assert_in_range(images->gone_image_id[i], 1, stream->images);
}

static void read_frames(struct agent_stream *stream, const struct spipe_frames *frames)
{
    assert_int_equal(frames->first_frame_id, stream->frames + 1);
    for (size_t i = 0; i < frames->count; i++) {
        assert_true(frames->image_id[i] <= stream->images);
        frame_stand_in[++stream->frames] = frames->image_id[i] == 0 ? frames->offset[i] + 1 : 0;
        frame_offset[stream->frames] = frames->offset[i];
    }
}

static void read_stacks(struct agent_stream *stream, const struct spipe_stacks *stacks)
{
    assert_int_equal(stacks->first_stack_id, stream->stacks + 1);
    for (size_t i = 0; i < stacks->count; i++) {
        uint32_t stack_id = ++stream->stacks;
        uint32_t back = stacks->parent_back[i];
        uint32_t frame_id = stacks->frame_id[i];
        assert_true(back < stack_id);
        assert_in_range(frame_id, 1, stream->frames);
        stack_depth[stack_id] = back == 0 ? 1 : stack_depth[stack_id - back] + 1;
        stack_frame[stack_id] = frame_id;
        stack_stand_in[stack_id] = back == 0 ? frame_stand_in[frame_id] : stack_stand_in[stack_id - back];
        if (back == 0 && frame_stand_in[frame_id] != 0 && frame_stand_in[frame_id] <= 16)
            stream->stand_in[frame_stand_in[frame_id] - 1]++;
    }
}

static void read_wall_sample(struct agent_stream_wall *wall, uint32_t stack_id, uint32_t weight, uint32_t state)
{
    assert_in_range(state, 0, AGENT_STREAM_STATES - 1);
    assert_in_range(weight, 1, UINT32_MAX);
    wall->samples++;
    wall->weight[state] += weight;
    if (stack_stand_in[stack_id] == SPIPE_STAND_IN_NOT_SEEN + 1)
        wall->not_seen[state] += weight;
    wall->leaf_offset[state] = frame_offset[stack_frame[stack_id]];
    wall->depth[state] = stack_depth[stack_id];
}

/* Of a thread the times never go backwards, within a message and from one to the next. */
static void read_wall_samples(struct agent_stream *stream, const struct spipe_samples *samples)
{
    size_t at = 0;
    for (size_t run = 0; run < samples->run_count; run++) {
        struct agent_stream_wall *wall = &find_thread(stream, samples->run_thread_id[run])->wall;
        uint64_t time = samples->start_time;
        for (uint32_t i = 0; i < samples->run_length[run]; i++, at++) {
            time += samples->time_delta[at];
            assert_true(time >= wall->last_time);
            assert_in_range(samples->stack_id[at], 1, stream->stacks);
            read_wall_sample(wall, samples->stack_id[at], samples->weight == NULL ? 1 : samples->weight[at],
                             samples->state == NULL ? 0 : samples->state[at]);
            wall->last_time = time;
        }
    }
    assert_int_equal(at, samples->sample_count);
}

static void read_samples(struct agent_stream *stream, const struct spipe_samples *samples)
{
    size_t at = 0;
    if (samples->source_id == 2) {
        read_wall_samples(stream, samples);
        return;
    }
    assert_int_equal(samples->source_id, 1);
    assert_null(samples->state);
    for (size_t run = 0; run < samples->run_count; run++) {
        struct agent_stream_thread *thread = find_thread(stream, samples->run_thread_id[run]);
        stream->last_time = samples->start_time;
        for (uint32_t i = 0; i < samples->run_length[run]; i++, at++) {
            uint32_t weight = samples->weight == NULL ? 1 : samples->weight[at];
            assert_in_range(samples->stack_id[at], 1, stream->stacks);
            if (stack_depth[samples->stack_id[at]] > stream->deepest)
                stream->deepest = stack_depth[samples->stack_id[at]];
            stream->last_time += samples->time_delta[at];
            thread->samples++;
            thread->weight += weight;
            stream->samples++;
            stream->weight += weight;
        }
    }
    assert_int_equal(at, samples->sample_count);
}

static uint64_t drops_of(const struct spipe_thread_ledger *entry)
{
    return entry->dropped_ring_full + entry->dropped_pipe_full + entry->dropped_paused + entry->dropped_no_slot +
           entry->dropped_in_agent + entry->dropped_blocked + entry->dropped_other;
}

static uint64_t wall_weight(const struct agent_stream_wall *wall)
{
    uint64_t sum = 0;
    for (unsigned state = 0; state < AGENT_STREAM_STATES; state++)
        sum += wall->weight[state];
    return sum;
}

/* At its place in the stream an account agrees with the samples before it. */
static void read_wall_account(struct agent_stream_wall *wall, const struct spipe_thread_ledger *entry)
{
    assert_int_equal(entry->sent, wall_weight(wall));
    assert_int_equal(entry->cpu_us, 0);
    wall->ledger = *entry;
}

static void read_ledger(struct agent_stream *stream, const struct spipe_ledger *ledger)
{
    assert_true(ledger->time >= stream->ledger.time);
    assert_true(ledger->complete_until >= stream->ledger.complete_until);
    for (size_t i = 0; i < ledger->thread_count; i++) {
        const struct spipe_thread_ledger *entry = &ledger->thread[i];
        assert_int_equal(entry->attempted, entry->sent + entry->pending + drops_of(entry));
        if (entry->thread_id == 0)
            stream->unknown = *entry;
        else if (entry->source_id == 2)
            read_wall_account(&find_thread(stream, entry->thread_id)->wall, entry);
        else
            find_thread(stream, entry->thread_id)->ledger = *entry;
    }
    stream->ledger = *ledger;
    stream->ledger.thread = NULL;
}

static void read_applied(struct agent_stream *stream, const struct spipe_applied *applied)
{
    stream->applied = *applied;
    for (size_t i = 0; i < applied->unmet_count && i < 4; i++)
        stream->unmet[i].field_number = applied->unmet[i].field_number;
    assert_int_equal(applied->time_quantum_ns, 1000);
    assert_int_equal(applied->configuration_hash.len, 8);
}

static void read_markers(struct agent_stream *stream, const struct spipe_markers *markers)
{
    assert_int_equal(markers->count, 1);
    assert_in_range(markers->name_string_id[0], 1, stream->strings);
    stream->marker = *markers;
    stream->marker_phase = markers->phase == NULL ? SPIPE_PHASE_INSTANT : markers->phase[0];
    stream->marker_value = markers->value == NULL ? 0 : markers->value[0];
    stream->marker_thread_id = markers->thread_id[0];
    if (stream->marker_thread_id != 0)
        (void)find_thread(stream, stream->marker_thread_id);
}

static void read_strings(struct agent_stream *stream, const struct spipe_strings *strings)
{
    assert_int_equal(strings->first_string_id, stream->strings + 1);
    stream->strings += (uint32_t)strings->count;
    if (strings->count > 0)
        keep_text(stream->last_string, strings->text[strings->count - 1]);
}

/* Each names a stack that was defined before, and comes right behind its sample. */
static void read_audits(struct agent_stream *stream, const struct spipe_audits *audits)
{
    assert_in_range(audits->own_image_id, 0, stream->images);
    assert_true(audits->skipped >= stream->audits_skipped);
    stream->audits_skipped = audits->skipped;
    for (size_t i = 0; i < audits->count; i++) {
        const struct spipe_audit *audit = &audits->audit[i];
        assert_int_equal(audit->registers.len, SPIPE_AUDIT_REGISTERS * 8);
        assert_in_range(audit->thread_id, 1, stream->threads);
        assert_in_range(audit->stack_id, 1, stream->stacks);
        assert_int_equal(audit->time, stream->last_time);
        stream->audit = *audit;
        stream->audits++;
    }
}

static void read_checkpoint(struct agent_stream *stream, const struct spipe_checkpoint *checkpoint)
{
    assert_int_equal(checkpoint->checkpoint_number, stream->count[SPIPE_RECORD_CHECKPOINT]);
    assert_int_equal(checkpoint->sync.len, SPIPE_SYNC_LEN);
    assert_memory_equal(checkpoint->sync.data, spipe_preface, SPIPE_PREFACE_LEN);
    stream->frames = 0;
    stream->stacks = 0;
    stream->strings = 0;
    stream->images = 0;
    stream->threads = 0;
    memset(stream->stand_in, 0, sizeof stream->stand_in);
    for (size_t i = 0; i < stream->thread_count; i++)
        stream->thread[i].thread_id = 0;
}

static void keep_id(uint8_t *to, struct spipe_bytes id)
{
    if (id.len == 16)
        memcpy(to, id.data, id.len);
}

static void take_hello(struct agent_stream *stream, const struct spipe_hello *hello)
{
    stream->hello = *hello;
    keep_id(stream->session_id, hello->session_id);
    keep_id(stream->previous_session_id, hello->previous_session_id);
}

static void read_record(struct agent_stream *stream, const struct spipe_record *record)
{
    assert_int_equal(stream->count[SPIPE_RECORD_GOODBYE], 0);
    assert_true(record->kind > SPIPE_RECORD_UNKNOWN && record->kind <= SPIPE_RECORD_AUDITS);
    stream->count[record->kind]++;
    switch (record->kind) {
    case SPIPE_RECORD_REFUSAL: keep_text(stream->last_text, record->refusal.text); break;
    case SPIPE_RECORD_HELLO: take_hello(stream, &record->hello); break;
    case SPIPE_RECORD_APPLIED: read_applied(stream, &record->applied); break;
    case SPIPE_RECORD_SAMPLES: read_samples(stream, &record->samples); break;
    case SPIPE_RECORD_STACKS: read_stacks(stream, &record->stacks); break;
    case SPIPE_RECORD_FRAMES: read_frames(stream, &record->frames); break;
    case SPIPE_RECORD_IMAGES: read_images(stream, &record->images); break;
    case SPIPE_RECORD_THREADS: read_threads(stream, &record->threads); break;
    case SPIPE_RECORD_LEDGER: read_ledger(stream, &record->ledger); break;
    case SPIPE_RECORD_MARKERS: read_markers(stream, &record->markers); break;
    case SPIPE_RECORD_STRINGS: read_strings(stream, &record->strings); break;
    case SPIPE_RECORD_AUDITS: read_audits(stream, &record->audits); break;
    case SPIPE_RECORD_CHECKPOINT: read_checkpoint(stream, &record->checkpoint); break;
    case SPIPE_RECORD_COMMAND_RESULT:
        assert_true(stream->result_count < AGENT_STREAM_RESULTS);
        stream->result[stream->result_count++] = record->command_result;
        break;
    case SPIPE_RECORD_GOODBYE:
        keep_text(stream->last_text, record->goodbye.text);
        stream->goodbye = record->goodbye;
        break;
    case SPIPE_RECORD_METHODS:
    case SPIPE_RECORD_UNKNOWN: break;
    }
}

/* Messages stand one behind the other, as in a capture. */
static void read_messages(struct agent_stream *stream, struct spipe_bytes bytes)
{
    struct spipe_message_reader reader;
    struct spipe_arena arena;
    struct spipe_bytes message;
    struct spipe_record record;
    uint8_t major;
    size_t arena_size = SPIPE_DECODE_ARENA_FOR(SPIPE_AGENT_MESSAGE_MAX);
    void *arena_memory = malloc(arena_size);
    uint8_t *memory = malloc(bytes.len + SPIPE_AGENT_MESSAGE_MAX + 16);
    assert_non_null(arena_memory);
    assert_non_null(memory);
    memcpy(memory, bytes.data, bytes.len);
    spipe_arena_init(&arena, arena_memory, arena_size);
    spipe_message_reader_init(&reader, memory, bytes.len + SPIPE_AGENT_MESSAGE_MAX + 16, SPIPE_AGENT_MESSAGE_MAX);
    spipe_message_reader_fed(&reader, bytes.len);
    assert_int_equal(spipe_message_reader_preface(&reader, &major), 0);
    while (spipe_message_reader_next(&reader, &message) == 0) {
        assert_true(message.len <= SPIPE_AGENT_MESSAGE_USUAL_MAX);
        assert_int_equal(spipe_decode_record(message, &arena, &record), 0);
        read_record(stream, &record);
    }
    assert_false(spipe_message_reader_is_cut(&reader));
    free(arena_memory);
    free(memory);
}

void agent_stream_read(struct agent_stream *stream, struct spipe_bytes bytes)
{
    memset(stream, 0, sizeof *stream);
    read_messages(stream, bytes);
}

const struct agent_stream_thread *agent_stream_thread(const struct agent_stream *stream, int tid)
{
    for (size_t i = stream->thread_count; i-- > 0;) {
        if (stream->thread[i].tid == (uint32_t)tid)
            return &stream->thread[i];
    }
    fail_msg("no thread has the tid %d", tid);
    return NULL;
}

const struct spipe_command_result *agent_stream_result(const struct agent_stream *stream, uint32_t command_id)
{
    const struct spipe_command_result *found = NULL;
    for (size_t i = 0; i < stream->result_count; i++) {
        if (stream->result[i].command_id != command_id)
            continue;
        assert_null(found);
        found = &stream->result[i];
    }
    assert_non_null(found);
    return found;
}

void agent_stream_assert_closed(const struct agent_stream *stream)
{
    for (size_t i = 0; i < stream->thread_count; i++) {
        const struct agent_stream_thread *thread = &stream->thread[i];
        assert_int_equal(thread->ledger.pending, 0);
        assert_int_equal(thread->ledger.sent, thread->weight);
        assert_int_equal(thread->wall.ledger.pending, 0);
        assert_int_equal(thread->wall.ledger.sent, wall_weight(&thread->wall));
    }
}
