/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "protocol/message.h"
#include "record_kit.h"

#define COUNT_MAX 20u

/* ----------------------------------------------------------------------------------------------------------- random */

uint64_t record_kit_next(struct record_kit_random *random)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state;
}

/* Numbers of all lengths up to `bits`, so that varints of all lengths occur; never 0, so that a forgotten field
 * shows. */
static uint64_t number(struct record_kit_random *random, unsigned bits)
{
    uint64_t value = record_kit_next(random) >> (64 - bits);
    return (value >> (record_kit_next(random) % bits)) | 1u;
}

static uint32_t number32(struct record_kit_random *random)
{
    return (uint32_t)number(random, 32);
}

static size_t count(struct record_kit_random *random)
{
    return record_kit_next(random) % COUNT_MAX;
}

static bool chance(struct record_kit_random *random)
{
    return (record_kit_next(random) & 0x100) != 0;
}

static void *take(struct spipe_arena *arena, size_t size)
{
    void *taken = spipe_arena_take(arena, size);
    assert_non_null(taken);
    return taken;
}

static const char *text(struct record_kit_random *random, struct spipe_arena *arena)
{
    size_t len = record_kit_next(random) % 40;
    char *made = take(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        made[i] = (char)('a' + record_kit_next(random) % 26);
    }
    made[len] = '\0';
    return made;
}

static const char *const *texts(struct record_kit_random *random, size_t len, struct spipe_arena *arena)
{
    const char **made = take(arena, len * sizeof(*made));
    for (size_t i = 0; i < len; i++) {
        made[i] = text(random, arena);
    }
    return made;
}

static struct spipe_bytes bytes(struct record_kit_random *random, size_t len, struct spipe_arena *arena)
{
    uint8_t *made = take(arena, len);
    for (size_t i = 0; i < len; i++) {
        made[i] = (uint8_t)record_kit_next(random);
    }
    return (struct spipe_bytes){made, len};
}

static uint32_t *column(struct record_kit_random *random, size_t len, struct spipe_arena *arena)
{
    uint32_t *made = take(arena, len * sizeof(*made));
    for (size_t i = 0; i < len; i++) {
        made[i] = number32(random);
    }
    return made;
}

static const uint32_t *small_column(struct record_kit_random *random, size_t len, uint32_t below,
                                    struct spipe_arena *arena)
{
    uint32_t *made = column(random, len, arena);
    for (size_t i = 0; i < len; i++) {
        made[i] %= below;
    }
    return made;
}

static struct spipe_configuration configuration(struct record_kit_random *random, struct spipe_arena *arena)
{
    return (struct spipe_configuration){
        .token = text(random, arena),
        .hold = chance(random),
        .cpu_period_us = number32(random),
        .wall_period_us = number32(random),
        .allocation_bytes = number32(random),
        .max_depth = number32(random),
        .flush_interval_ms = number32(random),
        .buffer_kib = number32(random),
        .checkpoint_interval_ms = number32(random),
        .stop_after_ms = number32(random),
        .send_arguments = chance(random),
        .follow_children = chance(random),
        .reconnect_ms = number32(random),
        .audit_interval = number32(random),
        .budget_ppm = number32(random),
    };
}

static void make_hello(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_hello *to)
{
    *to = (struct spipe_hello){
        .protocol_minor = number32(random),
        .agent_version = text(random, arena),
        .session_id = bytes(random, 16, arena),
        .process_id = bytes(random, 16, arena),
        .session_number = number32(random),
        .pid = number32(random),
        .parent_pid = number32(random),
        .start_time_us = number(random, 64),
        .executable = text(random, arena),
        .argument_count = count(random),
        .operating_system = text(random, arena),
        .architecture = text(random, arena),
        .cpu_model = text(random, arena),
        .cpu_count = number32(random),
        .kernel_tick_hz = number32(random),
        .origin_ns = number(random, 64),
        .origin_unix_us = number(random, 64),
        .capability_count = count(random),
        .parent_process_id = bytes(random, 16, arena),
        .previous_session_id = bytes(random, 16, arena),
    };
    to->argument = texts(random, to->argument_count, arena);
    to->capability = texts(random, to->capability_count, arena);
}

static void make_applied(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_applied *to)
{
    struct spipe_source *source = take(arena, COUNT_MAX * sizeof(*source));
    struct spipe_unmet *unmet = take(arena, COUNT_MAX * sizeof(*unmet));
    for (size_t i = 0; i < COUNT_MAX; i++) {
        source[i] = (struct spipe_source){number32(random), SPIPE_SOURCE_WALL, SPIPE_UNIT_BYTES,
                                          number32(random), text(random, arena), chance(random)};
        unmet[i] = (struct spipe_unmet){number32(random), text(random, arena)};
    }
    *to = (struct spipe_applied){
        .configuration = configuration(random, arena),
        .time_quantum_ns = number32(random),
        .configuration_hash = bytes(random, 8, arena),
        .source = source,
        .source_count = count(random),
        .unmet = unmet,
        .unmet_count = count(random),
        .time = number(random, 53),
    };
}

static void make_samples(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_samples *to)
{
    size_t runs = count(random);
    size_t samples = 0;
    uint32_t *length = column(random, runs, arena);
    for (size_t i = 0; i < runs; i++) {
        length[i] %= 200;
        samples += length[i];
    }
    *to = (struct spipe_samples){
        .source_id = number32(random),
        .start_time = number(random, 53),
        .run_thread_id = column(random, runs, arena),
        .run_length = length,
        .run_count = runs,
        .time_delta = column(random, samples, arena),
        .stack_id = column(random, samples, arena),
        .weight = samples > 0 && chance(random) ? column(random, samples, arena) : NULL,
        .state = samples > 0 && chance(random) ? small_column(random, samples, 3, arena) : NULL,
        .sample_count = samples,
    };
}

static void make_stacks(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_stacks *to)
{
    size_t len = count(random);
    uint32_t first = 1 + number32(random) / 2;
    *to = (struct spipe_stacks){first, small_column(random, len, first, arena), column(random, len, arena), len};
}

static void make_frames(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_frames *to)
{
    size_t len = count(random);
    bool managed = len > 0 && chance(random);
    *to = (struct spipe_frames){
        .first_frame_id = 1 + number32(random) / 2,
        .image_id = managed ? small_column(random, len, 1, arena) : column(random, len, arena),
        .offset = column(random, len, arena),
        .method_id = managed ? column(random, len, arena) : NULL,
        .count = len,
    };
}

static void make_images(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_images *to)
{
    struct spipe_image *image = take(arena, COUNT_MAX * sizeof(*image));
    for (size_t i = 0; i < COUNT_MAX; i++) {
        image[i] = (struct spipe_image){
            .image_id = number32(random),
            .path = text(random, arena),
            .build_id = bytes(random, i, arena),
            .load_address = number(random, 64),
            .size = number(random, 64),
            .address_in_file = number(random, 64),
            .unwind = SPIPE_UNWIND_PARTIAL,
        };
    }
    *to = (struct spipe_images){image, count(random), NULL, count(random)};
    to->gone_image_id = column(random, to->gone_count, arena);
}

static void make_audits(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_audits *to)
{
    struct spipe_audit *audit = take(arena, COUNT_MAX * sizeof(*audit));
    for (size_t i = 0; i < COUNT_MAX; i++) {
        audit[i] = (struct spipe_audit){
            .thread_id = 1 + number32(random) / 2,
            .time = number(random, 53),
            .stack_id = number32(random),
            .registers = bytes(random, i * 8, arena),
            .stack_address = number(random, 64),
            .stack = bytes(random, i, arena),
            .is_cut = i % 2 != 0,
        };
    }
    *to = (struct spipe_audits){audit, count(random), number32(random), number32(random)};
}

static void make_threads(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_threads *to)
{
    struct spipe_thread *thread = take(arena, COUNT_MAX * sizeof(*thread));
    for (size_t i = 0; i < COUNT_MAX; i++) {
        thread[i] = (struct spipe_thread){number32(random), number32(random), text(random, arena), number(random, 53)};
    }
    *to = (struct spipe_threads){thread, count(random), NULL, count(random)};
    to->gone_thread_id = column(random, to->gone_count, arena);
}

static void make_ledger(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_ledger *to)
{
    struct spipe_thread_ledger *thread = take(arena, COUNT_MAX * sizeof(*thread));
    size_t total_count = (sizeof(*thread) - offsetof(struct spipe_thread_ledger, attempted)) / sizeof(uint64_t);
    for (size_t i = 0; i < COUNT_MAX; i++) {
        uint64_t *totals = &thread[i].attempted;
        thread[i].thread_id = number32(random);
        for (size_t k = 0; k < total_count; k++) {
            totals[k] = number(random, 64);
        }
    }
    *to = (struct spipe_ledger){
        .time = number(random, 53),
        .complete_until = number(random, 53),
        .thread = thread,
        .thread_count = count(random),
        .bytes_sent = number(random, 64),
        .agent_cpu_us = number(random, 64),
        .handler_p50_ns = number32(random),
        .handler_p99_ns = number32(random),
        .handler_max_ns = number32(random),
        .unwind_faults = number32(random),
        .sleeps_cut_short = number32(random),
        .unix_us = number(random, 64),
        .process_user_us = number(random, 64),
        .process_system_us = number(random, 64),
        .handler_cpu_us = number(random, 64),
        .stretch_percent = number32(random),
        .longest_stretch_percent = number32(random),
        .sampling_cpu_us = number(random, 64),
        .previous_attempted = number(random, 64),
        .lost_between = number(random, 64),
    };
}

static void make_markers(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_markers *to)
{
    size_t len = count(random);
    *to = (struct spipe_markers){
        .start_time = number(random, 53),
        .time_delta = column(random, len, arena),
        .thread_id = column(random, len, arena),
        .name_string_id = column(random, len, arena),
        .phase = len > 0 && chance(random) ? small_column(random, len, 4, arena) : NULL,
        .value = len > 0 && chance(random) ? (const int32_t *)column(random, len, arena) : NULL,
        .count = len,
    };
}

static void make_methods(struct record_kit_random *random, struct spipe_arena *arena, struct spipe_methods *to)
{
    struct spipe_method *method = take(arena, COUNT_MAX * sizeof(*method));
    for (size_t i = 0; i < COUNT_MAX; i++) {
        method[i] = (struct spipe_method){number32(random), number32(random), number32(random), number32(random),
                                          SPIPE_METHOD_STUB};
    }
    *to = (struct spipe_methods){method, count(random)};
}

struct spipe_record record_kit_record(struct record_kit_random *random, enum spipe_record_kind kind,
                                      struct spipe_arena *arena)
{
    struct spipe_record record = {.kind = kind};
    switch (kind) {
    case SPIPE_RECORD_REFUSAL:
        record.refusal = (struct spipe_refusal){number32(random), text(random, arena)};
        break;
    case SPIPE_RECORD_HELLO:
        make_hello(random, arena, &record.hello);
        break;
    case SPIPE_RECORD_APPLIED:
        make_applied(random, arena, &record.applied);
        break;
    case SPIPE_RECORD_SAMPLES:
        make_samples(random, arena, &record.samples);
        break;
    case SPIPE_RECORD_STACKS:
        make_stacks(random, arena, &record.stacks);
        break;
    case SPIPE_RECORD_FRAMES:
        make_frames(random, arena, &record.frames);
        break;
    case SPIPE_RECORD_IMAGES:
        make_images(random, arena, &record.images);
        break;
    case SPIPE_RECORD_THREADS:
        make_threads(random, arena, &record.threads);
        break;
    case SPIPE_RECORD_LEDGER:
        make_ledger(random, arena, &record.ledger);
        break;
    case SPIPE_RECORD_MARKERS:
        make_markers(random, arena, &record.markers);
        break;
    case SPIPE_RECORD_STRINGS:
        record.strings = (struct spipe_strings){1 + number32(random) / 2, NULL, count(random)};
        record.strings.text = texts(random, record.strings.count, arena);
        break;
    case SPIPE_RECORD_METHODS:
        make_methods(random, arena, &record.methods);
        break;
    case SPIPE_RECORD_AUDITS:
        make_audits(random, arena, &record.audits);
        break;
    case SPIPE_RECORD_CHECKPOINT:
        record.checkpoint = (struct spipe_checkpoint){number32(random), number(random, 53), bytes(random, 24, arena)};
        break;
    case SPIPE_RECORD_COMMAND_RESULT:
        record.command_result = (struct spipe_command_result){
            .command_id = number32(random),
            .status = SPIPE_COMMAND_PARTLY,
            .text = text(random, arena),
            .time = number(random, 53),
        };
        break;
    case SPIPE_RECORD_GOODBYE:
        record.goodbye = (struct spipe_goodbye){SPIPE_GOODBYE_TIME_IS_UP, text(random, arena), number(random, 64),
                                                number(random, 64)};
        break;
    case SPIPE_RECORD_UNKNOWN:
    default:
        fail_msg("no such kind");
    }
    return record;
}

struct spipe_host_record record_kit_configuration(struct record_kit_random *random, struct spipe_arena *arena)
{
    return (struct spipe_host_record){
        .kind = SPIPE_HOST_RECORD_CONFIGURATION,
        .configuration = configuration(random, arena),
    };
}

struct spipe_host_record record_kit_command(struct record_kit_random *random, enum spipe_action action,
                                            struct spipe_arena *arena)
{
    struct spipe_host_record record = {.kind = SPIPE_HOST_RECORD_COMMAND};
    record.command = (struct spipe_command){
        .command_id = number32(random),
        .action = action,
        .configure.token = "",
        .text = "",
    };
    if (action == SPIPE_ACTION_CONFIGURE) {
        record.command.configure = configuration(random, arena);
    }
    if (action == SPIPE_ACTION_MARK || action == SPIPE_ACTION_STOP) {
        record.command.text = text(random, arena);
    }
    record.command.do_not_reconnect = action == SPIPE_ACTION_STOP && chance(random);
    return record;
}

/* -------------------------------------------------------------------------------------------------------- comparing */

#define SAME(field) assert_true(a->field == b->field)
#define SAME_TEXT(field) assert_string_equal(a->field, b->field)
#define SAME_BYTES(field) assert_same_bytes(a->field, b->field)
#define SAME_COLUMN(field, len) assert_same_column(a->field, b->field, (len) * sizeof(*a->field))

static void assert_same_bytes(struct spipe_bytes a, struct spipe_bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len > 0) {
        assert_memory_equal(a.data, b.data, a.len);
    }
}

static void assert_same_column(const void *a, const void *b, size_t size)
{
    if (size > 0) {
        assert_true((a == NULL) == (b == NULL));
    }
    if (size > 0 && a != NULL) {
        assert_memory_equal(a, b, size);
    }
}

static void assert_same_texts(const char *const *a, const char *const *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_string_equal(a[i], b[i]);
    }
}

static void same_configuration(const struct spipe_configuration *a, const struct spipe_configuration *b)
{
    SAME_TEXT(token);
    SAME(hold);
    SAME(cpu_period_us);
    SAME(wall_period_us);
    SAME(allocation_bytes);
    SAME(max_depth);
    SAME(flush_interval_ms);
    SAME(buffer_kib);
    SAME(checkpoint_interval_ms);
    SAME(stop_after_ms);
    SAME(send_arguments);
    SAME(follow_children);
    SAME(reconnect_ms);
    SAME(audit_interval);
    SAME(budget_ppm);
}

static void same_hello(const struct spipe_hello *a, const struct spipe_hello *b)
{
    SAME(protocol_minor);
    SAME_TEXT(agent_version);
    SAME_BYTES(session_id);
    SAME_BYTES(process_id);
    SAME(session_number);
    SAME(pid);
    SAME(parent_pid);
    SAME(start_time_us);
    SAME_TEXT(executable);
    SAME(argument_count);
    assert_same_texts(a->argument, b->argument, a->argument_count);
    SAME_TEXT(operating_system);
    SAME_TEXT(architecture);
    SAME_TEXT(cpu_model);
    SAME(cpu_count);
    SAME(kernel_tick_hz);
    SAME(origin_ns);
    SAME(origin_unix_us);
    SAME(capability_count);
    assert_same_texts(a->capability, b->capability, a->capability_count);
    SAME_BYTES(parent_process_id);
    SAME_BYTES(previous_session_id);
}

static void same_source(const struct spipe_source *a, const struct spipe_source *b)
{
    SAME(source_id);
    SAME(kind);
    SAME(unit);
    SAME(weight_quantum);
    SAME_TEXT(mechanism);
    SAME(tick_aligned);
}

static void same_applied(const struct spipe_applied *a, const struct spipe_applied *b)
{
    same_configuration(&a->configuration, &b->configuration);
    SAME(time_quantum_ns);
    SAME_BYTES(configuration_hash);
    SAME(source_count);
    SAME(unmet_count);
    for (size_t i = 0; i < a->source_count; i++) {
        same_source(&a->source[i], &b->source[i]);
    }
    for (size_t i = 0; i < a->unmet_count; i++) {
        SAME(unmet[i].field_number);
        SAME_TEXT(unmet[i].text);
    }
    SAME(time);
}

static void same_samples(const struct spipe_samples *a, const struct spipe_samples *b)
{
    SAME(source_id);
    SAME(start_time);
    SAME(run_count);
    SAME_COLUMN(run_thread_id, a->run_count);
    SAME_COLUMN(run_length, a->run_count);
    SAME(sample_count);
    SAME_COLUMN(time_delta, a->sample_count);
    SAME_COLUMN(stack_id, a->sample_count);
    SAME_COLUMN(weight, a->sample_count);
    SAME_COLUMN(state, a->sample_count);
}

static void same_stacks(const struct spipe_stacks *a, const struct spipe_stacks *b)
{
    SAME(first_stack_id);
    SAME(count);
    SAME_COLUMN(parent_back, a->count);
    SAME_COLUMN(frame_id, a->count);
}

static void same_frames(const struct spipe_frames *a, const struct spipe_frames *b)
{
    SAME(first_frame_id);
    SAME(count);
    SAME_COLUMN(image_id, a->count);
    SAME_COLUMN(offset, a->count);
    SAME_COLUMN(method_id, a->count);
}

static void same_image(const struct spipe_image *a, const struct spipe_image *b)
{
    SAME(image_id);
    SAME_TEXT(path);
    SAME_BYTES(build_id);
    SAME(load_address);
    SAME(size);
    SAME(address_in_file);
    SAME(unwind);
}

static void same_images(const struct spipe_images *a, const struct spipe_images *b)
{
    SAME(image_count);
    SAME(gone_count);
    for (size_t i = 0; i < a->image_count; i++) {
        same_image(&a->image[i], &b->image[i]);
    }
    SAME_COLUMN(gone_image_id, a->gone_count);
}

static void same_audits(const struct spipe_audits *a, const struct spipe_audits *b)
{
    SAME(count);
    SAME(own_image_id);
    SAME(skipped);
    for (size_t i = 0; i < a->count; i++) {
        SAME(audit[i].thread_id);
        SAME(audit[i].time);
        SAME(audit[i].stack_id);
        SAME_BYTES(audit[i].registers);
        SAME(audit[i].stack_address);
        SAME_BYTES(audit[i].stack);
        SAME(audit[i].is_cut);
    }
}

static void same_threads(const struct spipe_threads *a, const struct spipe_threads *b)
{
    SAME(thread_count);
    SAME(gone_count);
    for (size_t i = 0; i < a->thread_count; i++) {
        SAME(thread[i].thread_id);
        SAME(thread[i].tid);
        SAME_TEXT(thread[i].name);
        SAME(thread[i].time);
    }
    SAME_COLUMN(gone_thread_id, a->gone_count);
}

static void same_thread_ledger(const struct spipe_thread_ledger *a, const struct spipe_thread_ledger *b)
{
    SAME(thread_id);
    SAME(attempted);
    SAME(sent);
    SAME(pending);
    SAME(cpu_us);
    SAME(dropped_ring_full);
    SAME(dropped_pipe_full);
    SAME(dropped_paused);
    SAME(dropped_no_slot);
    SAME(dropped_in_agent);
    SAME(dropped_blocked);
    SAME(dropped_other);
    SAME(source_id);
}

static void same_ledger(const struct spipe_ledger *a, const struct spipe_ledger *b)
{
    SAME(time);
    SAME(complete_until);
    SAME(thread_count);
    for (size_t i = 0; i < a->thread_count; i++) {
        same_thread_ledger(&a->thread[i], &b->thread[i]);
    }
    SAME(bytes_sent);
    SAME(agent_cpu_us);
    SAME(handler_p50_ns);
    SAME(handler_p99_ns);
    SAME(handler_max_ns);
    SAME(unwind_faults);
    SAME(sleeps_cut_short);
    SAME(unix_us);
    SAME(process_user_us);
    SAME(process_system_us);
    SAME(handler_cpu_us);
    SAME(stretch_percent);
    SAME(longest_stretch_percent);
    SAME(sampling_cpu_us);
    SAME(previous_attempted);
    SAME(lost_between);
}

static void same_markers(const struct spipe_markers *a, const struct spipe_markers *b)
{
    SAME(start_time);
    SAME(count);
    SAME_COLUMN(time_delta, a->count);
    SAME_COLUMN(thread_id, a->count);
    SAME_COLUMN(name_string_id, a->count);
    SAME_COLUMN(phase, a->count);
    SAME_COLUMN(value, a->count);
}

static void same_methods(const struct spipe_methods *a, const struct spipe_methods *b)
{
    SAME(count);
    for (size_t i = 0; i < a->count; i++) {
        SAME(method[i].method_id);
        SAME(method[i].name_string_id);
        SAME(method[i].file_string_id);
        SAME(method[i].line);
        SAME(method[i].kind);
    }
}

void record_kit_assert_equal(const struct spipe_record *a, const struct spipe_record *b)
{
    SAME(kind);
    switch (a->kind) {
    case SPIPE_RECORD_REFUSAL:
        SAME(refusal.supported_major);
        SAME_TEXT(refusal.text);
        return;
    case SPIPE_RECORD_HELLO:
        same_hello(&a->hello, &b->hello);
        return;
    case SPIPE_RECORD_APPLIED:
        same_applied(&a->applied, &b->applied);
        return;
    case SPIPE_RECORD_SAMPLES:
        same_samples(&a->samples, &b->samples);
        return;
    case SPIPE_RECORD_STACKS:
        same_stacks(&a->stacks, &b->stacks);
        return;
    case SPIPE_RECORD_FRAMES:
        same_frames(&a->frames, &b->frames);
        return;
    case SPIPE_RECORD_IMAGES:
        same_images(&a->images, &b->images);
        return;
    case SPIPE_RECORD_THREADS:
        same_threads(&a->threads, &b->threads);
        return;
    case SPIPE_RECORD_LEDGER:
        same_ledger(&a->ledger, &b->ledger);
        return;
    case SPIPE_RECORD_MARKERS:
        same_markers(&a->markers, &b->markers);
        return;
    case SPIPE_RECORD_STRINGS:
        SAME(strings.first_string_id);
        SAME(strings.count);
        assert_same_texts(a->strings.text, b->strings.text, a->strings.count);
        return;
    case SPIPE_RECORD_METHODS:
        same_methods(&a->methods, &b->methods);
        return;
    case SPIPE_RECORD_AUDITS:
        same_audits(&a->audits, &b->audits);
        return;
    case SPIPE_RECORD_CHECKPOINT:
        SAME(checkpoint.checkpoint_number);
        SAME(checkpoint.time);
        SAME_BYTES(checkpoint.sync);
        return;
    case SPIPE_RECORD_COMMAND_RESULT:
        SAME(command_result.command_id);
        SAME(command_result.status);
        SAME_TEXT(command_result.text);
        SAME(command_result.time);
        return;
    case SPIPE_RECORD_GOODBYE:
        SAME(goodbye.reason);
        SAME_TEXT(goodbye.text);
        SAME(goodbye.samples_sent);
        SAME(goodbye.samples_dropped);
        return;
    case SPIPE_RECORD_UNKNOWN:
    default:
        fail_msg("records of an unknown kind cannot be compared");
    }
}

void record_kit_assert_host_equal(const struct spipe_host_record *a, const struct spipe_host_record *b)
{
    SAME(kind);
    if (a->kind == SPIPE_HOST_RECORD_CONFIGURATION) {
        same_configuration(&a->configuration, &b->configuration);
        return;
    }
    SAME(command.command_id);
    SAME(command.action);
    same_configuration(&a->command.configure, &b->command.configure);
    SAME_TEXT(command.text);
    SAME(command.do_not_reconnect);
}

/* ---------------------------------------------------------------------------------------------------- bytes by hand */

void record_kit_put(struct spipe_buffer *buffer, const void *from, size_t len)
{
    assert_true(len <= buffer->capacity - buffer->len);
    if (len > 0) {
        memcpy(buffer->data + buffer->len, from, len);
    }
    buffer->len += len;
}

void record_kit_put_varint(struct spipe_buffer *buffer, uint64_t value)
{
    uint8_t varint[10];
    record_kit_put(buffer, varint, spipe_varint_write(value, varint));
}

void record_kit_put_number(struct spipe_buffer *buffer, uint32_t field, uint64_t value)
{
    record_kit_put_varint(buffer, (uint64_t)field << 3);
    record_kit_put_varint(buffer, value);
}

void record_kit_put_block(struct spipe_buffer *buffer, uint32_t field, const void *from, size_t len)
{
    record_kit_put_varint(buffer, (uint64_t)field << 3 | 2u);
    record_kit_put_varint(buffer, len);
    record_kit_put(buffer, from, len);
}

void record_kit_put_column(struct spipe_buffer *buffer, uint32_t field, const uint32_t *from, size_t len)
{
    uint8_t packed[4096];
    size_t packed_len = 0;
    for (size_t i = 0; i < len; i++) {
        assert_true(packed_len + 10 <= sizeof(packed));
        packed_len += spipe_varint_write(from[i], packed + packed_len);
    }
    record_kit_put_block(buffer, field, packed, packed_len);
}
