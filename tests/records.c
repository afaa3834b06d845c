/* SPDX-License-Identifier: MIT */
#include "records.h"

#include "protocol/encode.h"
#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_LEN (8u << 20)
#define SECOND_NS   1000000000u

static void make_room(struct records *records, size_t more)
{
    while (records->capacity - records->len < more) {
        records->capacity = records->capacity == 0 ? 64 * 1024 : records->capacity * 2;
        records->data = realloc(records->data, records->capacity);
        if (records->data == NULL) {
            abort();
        }
    }
}

void records_init(struct records *records)
{
    *records = (struct records){.scratch = malloc(SCRATCH_LEN)};
    if (records->scratch == NULL) {
        abort();
    }
}

void records_done(struct records *records)
{
    free(records->data);
    free(records->scratch);
}

void records_clear(struct records *records)
{
    records->len = 0;
}

void records_add(struct records *records, const struct spipe_record *record)
{
    struct spipe_arena arena;
    make_room(records, SPIPE_AGENT_MESSAGE_MAX + 16);
    struct spipe_buffer buffer = {records->data, records->len, records->capacity};
    spipe_arena_init(&arena, records->scratch, SCRATCH_LEN);
    int status = spipe_encode_record(record, &arena, &buffer);
    if (status != SPIPE_OK) {
        fprintf(stderr, "records_add: %s\n", spipe_status_message(status));
        abort();
    }
    records->last = records->len;
    records->len = buffer.len;
}

void records_add_raw(struct records *records, const void *bytes, size_t len)
{
    make_room(records, len);
    records->last = records->len;
    memcpy(records->data + records->len, bytes, len);
    records->len += len;
}

static void begin(struct records *records, uint8_t number)
{
    memset(records->session_id, number, sizeof records->session_id);
    records_add_raw(records, spipe_preface, SPIPE_PREFACE_LEN);
    records_hello(records);
    records_applied(records, RECORDS_PERIOD_NS);
}

void records_begin(struct records *records, uint8_t number)
{
    records->has_previous = false;
    begin(records, number);
}

void records_begin_after(struct records *records, uint8_t number, uint8_t previous_number)
{
    memset(records->previous_session_id, previous_number, sizeof records->previous_session_id);
    records->has_previous = true;
    begin(records, number);
}

void records_hello(struct records *records)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_HELLO};
    record.hello = (struct spipe_hello){
        .agent_version = "1.0",
        .session_id = {records->session_id, sizeof records->session_id},
        .process_id = {records->session_id, sizeof records->session_id},
        .session_number = 1,
        .pid = 100,
        .executable = "/bin/demo",
        .operating_system = "linux",
        .architecture = "x86_64",
        .cpu_model = "",
        .cpu_count = 2,
        .origin_ns = (uint64_t)records->session_id[0] * SECOND_NS,
        .previous_session_id = {records->previous_session_id,
                                records->has_previous ? sizeof records->previous_session_id : 0},
    };
    records_add(records, &record);
}

void records_applied(struct records *records, uint32_t weight_quantum)
{
    struct spipe_source source = {1,   SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS, weight_quantum, "thread-cpu-timer",
                                  true};
    struct spipe_record record = {.kind = SPIPE_RECORD_APPLIED};
    record.applied = (struct spipe_applied){
        .configuration = {.token = "", .cpu_period_us = weight_quantum / 1000},
        .time_quantum_ns = 1000,
        .source = &source,
        .source_count = 1,
    };
    records_add(records, &record);
}

void records_applied_wall(struct records *records)
{
    struct spipe_source source[] = {
        {1, SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS, RECORDS_PERIOD_NS, "thread-cpu-timer", true},
        {2, SPIPE_SOURCE_WALL, SPIPE_UNIT_NANOSECONDS, RECORDS_WALL_NS, "thread-state", false}};
    struct spipe_record record = {.kind = SPIPE_RECORD_APPLIED};
    record.applied = (struct spipe_applied){
        .configuration = {.token = "",
                          .cpu_period_us = RECORDS_PERIOD_NS / 1000,
                          .wall_period_us = RECORDS_WALL_NS / 1000},
        .time_quantum_ns = 1000,
        .source = source,
        .source_count = 2,
    };
    records_add(records, &record);
}

void records_thread(struct records *records, uint32_t thread_id, uint32_t tid, const char *name)
{
    struct spipe_thread thread = {thread_id, tid, name, 0};
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {&thread, 1, NULL, 0}};
    records_add(records, &record);
}

void records_thread_gone(struct records *records, uint32_t thread_id)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS, .threads = {NULL, 0, &thread_id, 1}};
    records_add(records, &record);
}

void records_image(struct records *records, uint32_t image_id, const char *path, uint8_t build_id)
{
    uint8_t bytes[20];
    memset(bytes, build_id, sizeof bytes);
    struct spipe_image image = {
        image_id,         path, {bytes, build_id != 0 ? sizeof bytes : 0}, 0x400000 + image_id * 0x1000u, 0x100000, 0,
        SPIPE_UNWIND_FULL};
    struct spipe_record record = {.kind = SPIPE_RECORD_IMAGES, .images = {&image, 1, NULL, 0}};
    records_add(records, &record);
}

void records_frame(struct records *records, uint32_t frame_id, uint32_t image_id, uint32_t offset)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_FRAMES, .frames = {frame_id, &image_id, &offset, NULL, 1}};
    records_add(records, &record);
}

void records_stack(struct records *records, uint32_t stack_id, uint32_t parent_id, uint32_t frame_id)
{
    uint32_t back = parent_id != 0 ? stack_id - parent_id : 0;
    struct spipe_record record = {.kind = SPIPE_RECORD_STACKS, .stacks = {stack_id, &back, &frame_id, 1}};
    records_add(records, &record);
}

void records_sample(struct records *records, uint32_t thread_id, uint32_t stack_id, uint64_t time)
{
    uint32_t one = 1;
    uint32_t zero = 0;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples = (struct spipe_samples){1, time, &thread_id, &one, 1, &zero, &stack_id, NULL, NULL, 1};
    records_add(records, &record);
}

void records_ledger(struct records *records, uint32_t thread_id, uint64_t sent, uint64_t dropped, uint64_t time)
{
    struct spipe_thread_ledger thread = {.thread_id = thread_id,
                                         .attempted = sent + dropped,
                                         .sent = sent,
                                         .cpu_us = (sent + dropped) * (RECORDS_PERIOD_NS / 1000),
                                         .dropped_ring_full = dropped};
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER};
    record.ledger = (struct spipe_ledger){.time = time,
                                          .thread = &thread,
                                          .thread_count = 1,
                                          .bytes_sent = 1000,
                                          .agent_cpu_us = 7,
                                          .process_user_us = thread.cpu_us,
                                          .process_system_us = 500};
    records_add(records, &record);
}

void records_wall_sample(struct records *records, uint32_t thread_id, uint32_t stack_id, uint32_t weight,
                         enum spipe_state state, uint64_t time)
{
    uint32_t one = 1;
    uint32_t zero = 0;
    uint32_t number = (uint32_t)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};
    record.samples = (struct spipe_samples){2, time, &thread_id, &one, 1, &zero, &stack_id, &weight, &number, 1};
    records_add(records, &record);
}

void records_wall_ledger(struct records *records, uint32_t thread_id, uint64_t sent, uint64_t time)
{
    struct spipe_thread_ledger thread = {.thread_id = thread_id, .source_id = 2, .attempted = sent, .sent = sent};
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER};
    record.ledger = (struct spipe_ledger){.time = time, .thread = &thread, .thread_count = 1};
    records_add(records, &record);
}

void records_checkpoint(struct records *records, uint64_t time)
{
    uint8_t sync[SPIPE_SYNC_LEN];
    memcpy(sync, spipe_preface, SPIPE_PREFACE_LEN);
    memcpy(sync + SPIPE_PREFACE_LEN, records->session_id, sizeof records->session_id);
    struct spipe_record record = {.kind = SPIPE_RECORD_CHECKPOINT, .checkpoint = {1, time, {sync, sizeof sync}}};
    records_add(records, &record);
    records_hello(records);
    records_applied(records, RECORDS_PERIOD_NS);
}

void records_goodbye(struct records *records, enum spipe_goodbye_reason reason)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_GOODBYE, .goodbye = {reason, "", 0, 0}};
    records_add(records, &record);
}

void records_define(struct records *records)
{
    records_thread(records, 1, 100, "main");
    records_image(records, 1, "/bin/demo", 7);
    for (uint32_t i = 1; i <= 3; i++) {
        records_frame(records, i, 1, i * 0x10);
        records_stack(records, i, i - 1, i);
    }
}
