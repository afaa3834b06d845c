/* SPDX-License-Identifier: MIT */
#include "fake_agent.h"

#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/message.h"
#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS     10000u
#define SAMPLE_US       10000u
#define MESSAGE_SAMPLES 1000u

int fake_agent_connect(struct fake_agent *agent, const char *endpoint_text)
{
    struct spipe_endpoint endpoint;
    *agent = (struct fake_agent){.pipe = SPIPE_PIPE_NONE};
    int status = spipe_endpoint_parse(endpoint_text, getenv("TMPDIR"), &endpoint, NULL);
    return status != 0 ? status : spipe_pipe_connect(&endpoint, PATIENCE_MS, &agent->pipe);
}

/* Reads more into the reader. */
static int read_more(struct fake_agent *agent, struct spipe_message_reader *reader)
{
    uint32_t events = 0;
    int status = spipe_pipe_wait(&agent->pipe, SPIPE_PIPE_READABLE, -1, PATIENCE_MS, &events);
    if (status == 0 && events == 0) {
        return SPIPE_E_TIME_OUT;
    }
    size_t room = 0;
    size_t len = 0;
    void *space = spipe_message_reader_space(reader, &room);
    status = status != 0 ? status : spipe_pipe_read(&agent->pipe, space, room, &len);
    if (status == 0) {
        spipe_message_reader_fed(reader, len);
    }
    return status;
}

int fake_agent_read_configuration(struct fake_agent *agent, struct spipe_configuration *ret_configuration)
{
    static uint8_t memory[SPIPE_HOST_MESSAGE_MAX + 10];
    static uint8_t arena_memory[SPIPE_DECODE_ARENA_FOR(SPIPE_HOST_MESSAGE_MAX)];
    struct spipe_message_reader reader;
    struct spipe_bytes message;
    uint8_t major = 0;
    int status;
    spipe_message_reader_init(&reader, memory, sizeof memory, SPIPE_HOST_MESSAGE_MAX);
    while ((status = spipe_message_reader_preface(&reader, &major)) == SPIPE_E_AGAIN) {
        if ((status = read_more(agent, &reader)) != 0) {
            return status;
        }
    }
    while (status == 0 && (status = spipe_message_reader_next(&reader, &message)) == SPIPE_E_AGAIN) {
        status = read_more(agent, &reader);
    }
    if (status != 0) {
        return status;
    }
    struct spipe_arena arena;
    struct spipe_host_record record;
    spipe_arena_init(&arena, arena_memory, sizeof arena_memory);
    status = spipe_decode_host_record(message, &arena, &record);
    if (status == 0 && record.kind != SPIPE_HOST_RECORD_CONFIGURATION) {
        status = SPIPE_E_FORMAT;
    }
    if (status == 0) {
        *ret_configuration = record.configuration;
    }
    return status;
}

bool fake_agent_is_readable(struct fake_agent *agent, uint32_t timeout_ms)
{
    uint32_t events = 0;
    return spipe_pipe_wait(&agent->pipe, SPIPE_PIPE_READABLE, -1, timeout_ms, &events) == 0 && events != 0;
}

int fake_agent_send_raw(struct fake_agent *agent, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        size_t written = 0;
        int status = spipe_pipe_write(&agent->pipe, at, len, &written);
        if (status == SPIPE_E_AGAIN) {
            uint32_t events = 0;
            status = spipe_pipe_wait(&agent->pipe, SPIPE_PIPE_WRITABLE, -1, PATIENCE_MS, &events);
            status = status == 0 && events == 0 ? SPIPE_E_TIME_OUT : status;
        }
        if (status != 0) {
            return status;
        }
        at += written;
        len -= written;
        agent->sent_bytes += written;
    }
    return 0;
}

int fake_agent_send(struct fake_agent *agent, const struct spipe_record *record)
{
    static uint8_t bytes[SPIPE_AGENT_MESSAGE_MAX + 10];
    static uint8_t scratch_memory[64 * 1024];
    struct spipe_buffer buffer = {bytes, 0, sizeof bytes};
    struct spipe_arena scratch;
    spipe_arena_init(&scratch, scratch_memory, sizeof scratch_memory);
    int status = spipe_encode_record(record, &scratch, &buffer);
    return status != 0 ? status : fake_agent_send_raw(agent, buffer.data, buffer.len);
}

static int send_hello(struct fake_agent *agent)
{
    static const uint8_t some_id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct spipe_record hello = {
        .kind = SPIPE_RECORD_HELLO,
        .hello = {.agent_version = "fake",
                  .session_id = {some_id, 16},
                  .process_id = {some_id, 16},
                  .session_number = 1,
                  .pid = (uint32_t)getpid(),
                  .executable = "/usr/bin/fake",
                  .operating_system = "linux",
                  .architecture = "x86_64",
                  .cpu_model = "",
                  .cpu_count = 1,
                  .kernel_tick_hz = 250,
                  .origin_ns = 1},
    };
    return fake_agent_send(agent, &hello);
}

static int send_applied(struct fake_agent *agent)
{
    static const uint8_t hash[8] = {1};
    struct spipe_source source = {.source_id = 1,
                                  .kind = SPIPE_SOURCE_CPU,
                                  .unit = SPIPE_UNIT_NANOSECONDS,
                                  .weight_quantum = SAMPLE_US * 1000,
                                  .mechanism = "thread-cpu-timer"};
    struct spipe_record applied = {
        .kind = SPIPE_RECORD_APPLIED,
        .applied = {.configuration = {.token = "", .cpu_period_us = SAMPLE_US},
                    .time_quantum_ns = 1000,
                    .configuration_hash = {hash, 8},
                    .source = &source,
                    .source_count = 1},
    };
    return fake_agent_send(agent, &applied);
}

static int send_definitions(struct fake_agent *agent)
{
    static const uint32_t zero = 0;
    static const uint32_t one = 1;
    static const uint32_t offset = 0x1234;
    struct spipe_thread thread = {.thread_id = 1, .tid = (uint32_t)getpid(), .name = "fake"};
    struct spipe_image image = {.image_id = 1, .path = "/no/such/image", .load_address = 0x10000, .size = 0x10000};
    struct spipe_record threads = {.kind = SPIPE_RECORD_THREADS, .threads = {.thread = &thread, .thread_count = 1}};
    struct spipe_record images = {.kind = SPIPE_RECORD_IMAGES, .images = {.image = &image, .image_count = 1}};
    struct spipe_record frames = {.kind = SPIPE_RECORD_FRAMES,
                                  .frames = {.first_frame_id = 1, .image_id = &one, .offset = &offset, .count = 1}};
    struct spipe_record stacks = {.kind = SPIPE_RECORD_STACKS,
                                  .stacks = {.first_stack_id = 1, .parent_back = &zero, .frame_id = &one, .count = 1}};
    int status = fake_agent_send(agent, &threads);
    status = status != 0 ? status : fake_agent_send(agent, &images);
    status = status != 0 ? status : fake_agent_send(agent, &frames);
    return status != 0 ? status : fake_agent_send(agent, &stacks);
}

int fake_agent_send_opening(struct fake_agent *agent)
{
    int status = fake_agent_send_raw(agent, spipe_preface, SPIPE_PREFACE_LEN);
    status = status != 0 ? status : send_hello(agent);
    status = status != 0 ? status : send_applied(agent);
    return status != 0 ? status : send_definitions(agent);
}

int fake_agent_send_samples(struct fake_agent *agent, uint32_t count)
{
    static uint32_t deltas[MESSAGE_SAMPLES];
    static uint32_t stacks[MESSAGE_SAMPLES];
    static const uint32_t one = 1;
    int status = 0;
    for (uint32_t i = 0; i < MESSAGE_SAMPLES; i++) {
        deltas[i] = SAMPLE_US;
        stacks[i] = 1;
    }
    while (count > 0 && status == 0) {
        uint32_t part = count < MESSAGE_SAMPLES ? count : MESSAGE_SAMPLES;
        struct spipe_record samples = {
            .kind = SPIPE_RECORD_SAMPLES,
            .samples = {.source_id = 1,
                        .start_time = agent->samples * SAMPLE_US,
                        .run_thread_id = &one,
                        .run_length = &part,
                        .run_count = 1,
                        .time_delta = deltas,
                        .stack_id = stacks,
                        .sample_count = part},
        };
        status = fake_agent_send(agent, &samples);
        agent->samples += part;
        count -= part;
    }
    return status;
}

int fake_agent_send_ending(struct fake_agent *agent, enum spipe_goodbye_reason reason)
{
    struct spipe_thread_ledger thread = {
        .thread_id = 1, .attempted = agent->samples, .sent = agent->samples, .cpu_us = agent->samples * SAMPLE_US};
    struct spipe_record ledger = {
        .kind = SPIPE_RECORD_LEDGER,
        .ledger = {.time = agent->samples * SAMPLE_US,
                   .complete_until = agent->samples * SAMPLE_US,
                   .thread = &thread,
                   .thread_count = 1,
                   .bytes_sent = agent->sent_bytes,
                   .process_user_us = agent->samples * SAMPLE_US},
    };
    struct spipe_record goodbye = {.kind = SPIPE_RECORD_GOODBYE,
                                   .goodbye = {.reason = reason, .text = "", .samples_sent = agent->samples}};
    int status = fake_agent_send(agent, &ledger);
    return status != 0 ? status : fake_agent_send(agent, &goodbye);
}

int fake_agent_send_refusal(struct fake_agent *agent, const char *text)
{
    struct spipe_record refusal = {.kind = SPIPE_RECORD_REFUSAL, .refusal = {.supported_major = 1, .text = text}};
    int status = fake_agent_send_raw(agent, spipe_preface, SPIPE_PREFACE_LEN);
    return status != 0 ? status : fake_agent_send(agent, &refusal);
}

void fake_agent_finish(struct fake_agent *agent)
{
    uint8_t bytes[512];
    size_t len = 0;
    spipe_pipe_shut_write(&agent->pipe);
    while (fake_agent_is_readable(agent, PATIENCE_MS) &&
           spipe_pipe_read(&agent->pipe, bytes, sizeof bytes, &len) == 0) {
    }
    spipe_pipe_close(&agent->pipe);
}
