/* SPDX-License-Identifier: MIT */
#include "example_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "protocol/status.h"

static const uint8_t session_id[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const uint8_t process_id[16] = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
static const uint8_t configuration_hash[8] = {0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7};
static const uint8_t build_id[4] = {0xAB, 0xCD, 0xEF, 0x01};

static const struct spipe_host_record configuration = {
    .kind = SPIPE_HOST_RECORD_CONFIGURATION,
    .configuration = {.token = "s3cret", .cpu_period_us = 10000, .wall_period_us = 1000, .max_depth = 64},
};

static const struct spipe_host_record stop = {
    .kind = SPIPE_HOST_RECORD_COMMAND,
    .command = {.command_id = 1, .action = SPIPE_ACTION_STOP, .configure.token = "", .text = "seen enough"},
};

static const struct spipe_record hello = {
    .kind = SPIPE_RECORD_HELLO,
    .hello = {
        .agent_version = "0.1.0",
        .session_id = {session_id, sizeof(session_id)},
        .process_id = {process_id, sizeof(process_id)},
        .session_number = 1,
        .pid = 4242,
        .parent_pid = 4200,
        .start_time_us = 1764000000000000,
        .executable = "/usr/bin/demo",
        .operating_system = "linux",
        .architecture = "x86_64",
        .cpu_model = "",
        .cpu_count = 2,
        .kernel_tick_hz = 250,
        .origin_ns = 5000000000,
        .origin_unix_us = 1764000000500000,
    },
};

static const struct spipe_source source = {1, SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS,
                                           10000000, "thread-cpu-timer", true};
static const struct spipe_unmet unmet = {4, "no wall-clock sampling"};

static const struct spipe_record applied = {
    .kind = SPIPE_RECORD_APPLIED,
    .applied = {
        .configuration = {.token = "", .cpu_period_us = 10000, .max_depth = 64,
                          .flush_interval_ms = 40, .buffer_kib = 4096},
        .time_quantum_ns = 1000,
        .configuration_hash = {configuration_hash, sizeof(configuration_hash)},
        .source = &source,
        .source_count = 1,
        .unmet = &unmet,
        .unmet_count = 1,
        .time = 150,
    },
};

static const struct spipe_image image = {
    .image_id = 1,
    .path = "/usr/bin/demo",
    .build_id = {build_id, sizeof(build_id)},
    .load_address = 0x555555554000,
    .size = 0x4000,
    .unwind = SPIPE_UNWIND_FULL,
};
static const struct spipe_record images = {.kind = SPIPE_RECORD_IMAGES, .images = {&image, 1, NULL, 0}};

static const struct spipe_thread thread = {.thread_id = 1, .tid = 4242, .name = "demo", .time = 200};
static const struct spipe_record threads = {.kind = SPIPE_RECORD_THREADS, .threads = {&thread, 1, NULL, 0}};

static const uint32_t frame_image[] = {1, 1, 1, 0};
static const uint32_t frame_offset[] = {0x1050, 0x1139, 0x1200, SPIPE_STAND_IN_NO_TABLE};
static const struct spipe_record frames = {
    .kind = SPIPE_RECORD_FRAMES,
    .frames = {.first_frame_id = 1, .image_id = frame_image, .offset = frame_offset, .count = 4},
};

static const uint32_t parent_back[] = {0, 1, 1, 0, 1};
static const uint32_t node_frame[] = {1, 2, 3, 4, 3};
static const struct spipe_record stacks = {.kind = SPIPE_RECORD_STACKS, .stacks = {1, parent_back, node_frame, 5}};

static const uint32_t run_thread[] = {1};
static const uint32_t run_length[] = {3};
static const uint32_t time_delta[] = {0, 10000, 20000};
static const uint32_t stack_id[] = {3, 3, 5};
static const uint32_t weight[] = {1, 1, 2};
static const struct spipe_record samples = {
    .kind = SPIPE_RECORD_SAMPLES,
    .samples = {
        .source_id = 1,
        .start_time = 12000,
        .run_thread_id = run_thread,
        .run_length = run_length,
        .run_count = 1,
        .time_delta = time_delta,
        .stack_id = stack_id,
        .weight = weight,
        .sample_count = 3,
    },
};

static const struct spipe_record command_result = {
    .kind = SPIPE_RECORD_COMMAND_RESULT,
    .command_result = {.command_id = 1, .status = SPIPE_COMMAND_DONE, .text = "", .time = 45000},
};

static const struct spipe_thread_ledger thread_ledger = {.thread_id = 1, .attempted = 5, .sent = 4, .cpu_us = 50300,
                                                         .dropped_ring_full = 1};

static const struct spipe_record goodbye = {
    .kind = SPIPE_RECORD_GOODBYE,
    .goodbye = {.reason = SPIPE_GOODBYE_TOLD_TO_STOP, .text = "", .samples_sent = 3, .samples_dropped = 1},
};

static struct spipe_record ledger(uint64_t bytes_sent)
{
    return (struct spipe_record){
        .kind = SPIPE_RECORD_LEDGER,
        .ledger = {
            .time = 45100,
            .complete_until = 45100,
            .thread = &thread_ledger,
            .thread_count = 1,
            .bytes_sent = bytes_sent,
            .agent_cpu_us = 310,
            .handler_p50_ns = 600,
            .handler_p99_ns = 900,
            .handler_max_ns = 1100,
            .unix_us = 1764000000545100,
            .process_user_us = 50100,
            .process_system_us = 200,
        },
    };
}

static void put_record(struct spipe_buffer *buffer, const struct spipe_record *record)
{
    _Alignas(max_align_t) unsigned char memory[SPIPE_ENCODE_SCRATCH_FOR(4)];
    struct spipe_arena scratch;
    spipe_arena_init(&scratch, memory, sizeof(memory));
    assert_int_equal(spipe_encode_record(record, &scratch, buffer), SPIPE_OK);
}

static void put_host_record(struct spipe_buffer *buffer, const struct spipe_host_record *record)
{
    unsigned char memory[64];
    struct spipe_arena scratch;
    spipe_arena_init(&scratch, memory, sizeof(memory));
    assert_int_equal(spipe_encode_host_record(record, &scratch, buffer), SPIPE_OK);
}

static void put_preface(struct spipe_buffer *buffer)
{
    assert_true(SPIPE_PREFACE_LEN <= buffer->capacity - buffer->len);
    memcpy(buffer->data + buffer->len, spipe_preface, SPIPE_PREFACE_LEN);
    buffer->len += SPIPE_PREFACE_LEN;
}

void example_session_host_bytes(struct spipe_buffer *buffer)
{
    put_preface(buffer);
    put_host_record(buffer, &configuration);
    put_host_record(buffer, &stop);
}

void example_session_agent_bytes(struct spipe_buffer *buffer)
{
    const struct spipe_record *const before[] = {&hello, &applied, &images, &threads, &frames, &stacks, &samples,
                                                 &command_result};
    put_preface(buffer);
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        put_record(buffer, before[i]);
    }
    struct spipe_record account = ledger(buffer->len);
    put_record(buffer, &account);
    put_record(buffer, &goodbye);
}
