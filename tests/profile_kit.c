/* SPDX-License-Identifier: MIT */
#include "profile_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint8_t id_bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void add(struct profile_kit *kit, const struct spipe_record *record)
{
    assert_int_equal(spipe_store_add(kit->store, record, 0), 0);
}

static void begin_session(struct profile_kit *kit)
{
    static const char *const argument[] = {"/usr/bin/demo", "--rounds", "</script><b>5</b>"};
    struct spipe_record record = {.kind = SPIPE_RECORD_HELLO};

    record.hello = (struct spipe_hello){
        .agent_version = "1.0",
        .session_id = {id_bytes, sizeof id_bytes},
        .process_id = {id_bytes, sizeof id_bytes},
        .session_number = 1,
        .pid = 100,
        .executable = "/usr/bin/demo",
        .argument = argument,
        .argument_count = 3,
        .operating_system = "linux",
        .architecture = "x86_64",
        .cpu_model = "Test CPU",
        .cpu_count = 2,
        .kernel_tick_hz = 250,
        .origin_ns = 1000,
        .origin_unix_us = 1700000000000000,
    };
    add(kit, &record);
}

static void apply_settings(struct profile_kit *kit)
{
    static const struct spipe_source source = {
        1, SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS, PROFILE_KIT_PERIOD_NS, "thread-cpu-timer", true};
    struct spipe_record record = {.kind = SPIPE_RECORD_APPLIED};

    record.applied = (struct spipe_applied){
        .configuration = {.token = "", .cpu_period_us = PROFILE_KIT_PERIOD_NS / 1000},
        .time_quantum_ns = 1000,
        .configuration_hash = {id_bytes, 8},
        .source = &source,
        .source_count = 1,
    };
    add(kit, &record);
}

static uint32_t add_string(struct profile_kit *kit, const char *text)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_STRINGS};

    record.strings = (struct spipe_strings){++kit->strings, &text, 1};
    add(kit, &record);
    return kit->strings;
}

static uint32_t add_frame(struct profile_kit *kit, uint32_t image_id, uint32_t offset, uint32_t method_id)
{
    struct spipe_record record = {.kind = SPIPE_RECORD_FRAMES};

    record.frames = (struct spipe_frames){++kit->frames, &image_id, &offset, &method_id, 1};
    add(kit, &record);
    return kit->frames;
}

void profile_kit_init(struct profile_kit *kit)
{
    *kit = (struct profile_kit){.store = spipe_store_new(NULL)};
    assert_non_null(kit->store);
    begin_session(kit);
    apply_settings(kit);
}

void profile_kit_done(struct profile_kit *kit)
{
    spipe_store_free(kit->store);
}

uint32_t profile_kit_thread(struct profile_kit *kit, uint32_t tid, const char *name)
{
    struct spipe_thread thread = {++kit->threads, tid, name, 0};
    struct spipe_record record = {.kind = SPIPE_RECORD_THREADS};

    record.threads = (struct spipe_threads){&thread, 1, NULL, 0};
    add(kit, &record);
    return kit->threads;
}

uint32_t profile_kit_image(struct profile_kit *kit, const char *path, struct spipe_bytes build_id,
                           uint64_t address_in_file)
{
    struct spipe_image image = {++kit->images,    path, build_id, 0x7f0000000000, 0x1000000, address_in_file,
                                SPIPE_UNWIND_FULL};
    struct spipe_record record = {.kind = SPIPE_RECORD_IMAGES};

    record.images = (struct spipe_images){&image, 1, NULL, 0};
    add(kit, &record);
    return kit->images;
}

uint32_t profile_kit_function(struct profile_kit *kit, const char *name, const char *file, uint32_t line)
{
    struct spipe_method method = {++kit->methods, add_string(kit, name), 0, line, SPIPE_METHOD_JIT};
    struct spipe_record record = {.kind = SPIPE_RECORD_METHODS};

    method.file_string_id = file[0] ? add_string(kit, file) : 0;
    record.methods = (struct spipe_methods){&method, 1};
    add(kit, &record);
    return add_frame(kit, 0, 0, kit->methods);
}

uint32_t profile_kit_place(struct profile_kit *kit, uint32_t image_id, uint32_t offset)
{
    return add_frame(kit, image_id, offset, 0);
}

uint32_t profile_kit_stand_in(struct profile_kit *kit, enum spipe_stand_in stand_in)
{
    return add_frame(kit, 0, stand_in, 0);
}

uint32_t profile_kit_stack(struct profile_kit *kit, uint32_t parent_id, uint32_t frame_id)
{
    uint32_t stack_id = ++kit->stacks;
    uint32_t parent_back = parent_id ? stack_id - parent_id : 0;
    struct spipe_record record = {.kind = SPIPE_RECORD_STACKS};

    record.stacks = (struct spipe_stacks){stack_id, &parent_back, &frame_id, 1};
    add(kit, &record);
    return stack_id;
}

void profile_kit_sample(struct profile_kit *kit, uint32_t thread_id, uint32_t stack_id, uint32_t weight,
                        uint64_t time_us)
{
    uint32_t run_length = 1;
    uint32_t time_delta = 0;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};

    record.samples =
        (struct spipe_samples){1, time_us, &thread_id, &run_length, 1, &time_delta, &stack_id, &weight, NULL, 1};
    add(kit, &record);
    kit->samples++;
}

void profile_kit_begin_wall(struct profile_kit *kit)
{
    static const struct spipe_source source[] = {
        {1, SPIPE_SOURCE_CPU, SPIPE_UNIT_NANOSECONDS, PROFILE_KIT_PERIOD_NS, "thread-cpu-timer", true},
        {2, SPIPE_SOURCE_WALL, SPIPE_UNIT_NANOSECONDS, 2 * PROFILE_KIT_PERIOD_NS, "thread-state", false}};
    struct spipe_record record = {.kind = SPIPE_RECORD_APPLIED};

    record.applied = (struct spipe_applied){
        .configuration = {.token = ""},
        .time_quantum_ns = 1000,
        .configuration_hash = {id_bytes, 8},
        .source = source,
        .source_count = 2,
    };
    add(kit, &record);
}

void profile_kit_wall_sample(struct profile_kit *kit, uint32_t thread_id, uint32_t stack_id, uint32_t weight,
                             enum spipe_state state, uint64_t time_us)
{
    uint32_t run_length = 1;
    uint32_t time_delta = 0;
    uint32_t number = (uint32_t)state;
    struct spipe_record record = {.kind = SPIPE_RECORD_SAMPLES};

    record.samples =
        (struct spipe_samples){2, time_us, &thread_id, &run_length, 1, &time_delta, &stack_id, &weight, &number, 1};
    add(kit, &record);
}

void profile_kit_end(struct profile_kit *kit, uint64_t lost)
{
    struct spipe_thread_ledger thread = {.thread_id = 1};
    struct spipe_record record = {.kind = SPIPE_RECORD_LEDGER};

    thread.sent = kit->samples;
    thread.attempted = kit->samples + lost;
    thread.dropped_ring_full = lost;
    thread.cpu_us = thread.attempted * (PROFILE_KIT_PERIOD_NS / 1000);
    record.ledger = (struct spipe_ledger){.time = 5000000,
                                          .complete_until = 5000000,
                                          .thread = &thread,
                                          .thread_count = 1,
                                          .bytes_sent = 4321,
                                          .agent_cpu_us = 1234,
                                          .handler_p50_ns = 1100,
                                          .handler_p99_ns = 5200,
                                          .handler_max_ns = 40000};
    record.ledger.process_user_us = thread.cpu_us;
    add(kit, &record);
    record = (struct spipe_record){.kind = SPIPE_RECORD_GOODBYE};
    record.goodbye = (struct spipe_goodbye){SPIPE_GOODBYE_TARGET_EXITS, "", kit->samples, lost};
    add(kit, &record);
}
