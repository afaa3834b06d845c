/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include "profile.pb-c.h"
#include "status.h"

#include <string.h>

#define ID_LEN 16u                          /* of a session and of a process */
#define HASH_LEN 8u
#define TIME_MAX ((uint64_t)1 << 53)        /* what a double in JavaScript holds exactly */

/* protobuf-c's allocator over the arena. It remembers a refusal, since protobuf-c does not say why it failed. */
struct allocation {
    ProtobufCAllocator functions;
    struct spipe_arena *arena;
    bool refused;
};

static void *allocate(void *data, size_t size)
{
    struct allocation *allocation = data;
    void *taken = spipe_arena_take(allocation->arena, size);
    allocation->refused = allocation->refused || taken == NULL;
    return taken;
}

static void forget(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static int unpack(const ProtobufCMessageDescriptor *type, struct spipe_bytes message, struct spipe_arena *arena,
                  ProtobufCMessage **ret_unpacked)
{
    size_t need = SPIPE_DECODE_ARENA_FOR(message.len);
    struct allocation allocation = {{allocate, forget, &allocation}, arena, false};
    spipe_arena_reset(arena);
    arena->limit = need < arena->capacity ? need : arena->capacity;
    *ret_unpacked = protobuf_c_message_unpack(type, &allocation.functions, message.len, message.data);
    if (*ret_unpacked != NULL) {
        return SPIPE_OK;
    }
    return allocation.refused ? SPIPE_E_LIMIT : SPIPE_E_FORMAT;
}

/* Takes room for `count` of our structs; never NULL unless the limit is reached. */
static void *take_array(struct spipe_arena *arena, size_t count, size_t size)
{
    return spipe_arena_take(arena, count * size);
}

static struct spipe_bytes view(ProtobufCBinaryData bytes)
{
    return (struct spipe_bytes){bytes.data, bytes.len};
}

static bool has_size(ProtobufCBinaryData bytes, size_t size)
{
    return bytes.len == 0 || bytes.len == size;
}

/* An empty column stands for defaults; any other has one entry for each thing that its group describes. */
static bool is_column(size_t column_count, size_t count)
{
    return column_count == 0 || column_count == count;
}

/* Dense ids from `first` on: not 0, and the last one still fits. */
static bool are_ids(uint32_t first, size_t count)
{
    return count == 0 || (first != 0 && count - 1 <= UINT32_MAX - first);
}

static bool has_zero(const uint32_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == 0) {
            return true;
        }
    }
    return false;
}

static void convert_configuration(const Stackpipe__V1__Configuration *from, struct spipe_configuration *to)
{
    *to = (struct spipe_configuration){
        .token = from->token,
        .hold = from->hold != 0,
        .cpu_period_us = from->cpu_period_us,
        .wall_period_us = from->wall_period_us,
        .allocation_bytes = from->allocation_bytes,
        .max_depth = from->max_depth,
        .flush_interval_ms = from->flush_interval_ms,
        .buffer_kib = from->buffer_kib,
        .checkpoint_interval_ms = from->checkpoint_interval_ms,
        .stop_after_ms = from->stop_after_ms,
        .send_arguments = from->send_arguments != 0,
        .follow_children = from->follow_children != 0,
        .reconnect_ms = from->reconnect_ms,
        .audit_interval = from->audit_interval,
        .budget_ppm = from->budget_ppm,
    };
}

/* --------------------------------------------------------------------------------------- one function for each kind */

static int decode_refusal(const Stackpipe__V1__Refusal *from, struct spipe_refusal *to)
{
    *to = (struct spipe_refusal){from->supported_major, from->text};
    return SPIPE_OK;
}

static int decode_hello(const Stackpipe__V1__Hello *from, struct spipe_hello *to)
{
    if (!has_size(from->session_id, ID_LEN) || !has_size(from->process_id, ID_LEN) ||
        !has_size(from->parent_process_id, ID_LEN) || !has_size(from->previous_session_id, ID_LEN)) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_hello){
        .protocol_minor = from->protocol_minor,
        .agent_version = from->agent_version,
        .session_id = view(from->session_id),
        .process_id = view(from->process_id),
        .session_number = from->session_number,
        .pid = from->pid,
        .parent_pid = from->parent_pid,
        .start_time_us = from->start_time_us,
        .executable = from->executable,
        .argument = (const char *const *)from->argument,
        .argument_count = from->n_argument,
        .operating_system = from->operating_system,
        .architecture = from->architecture,
        .cpu_model = from->cpu_model,
        .cpu_count = from->cpu_count,
        .kernel_tick_hz = from->kernel_tick_hz,
        .origin_ns = from->origin_ns,
        .origin_unix_us = from->origin_unix_us,
        .capability = (const char *const *)from->capability,
        .capability_count = from->n_capability,
        .parent_process_id = view(from->parent_process_id),
        .previous_session_id = view(from->previous_session_id),
    };
    return SPIPE_OK;
}

static int decode_sources(const Stackpipe__V1__Applied *from, struct spipe_arena *arena, struct spipe_applied *to)
{
    struct spipe_source *source = take_array(arena, from->n_source, sizeof(*source));
    if (source == NULL) {
        return SPIPE_E_LIMIT;
    }
    for (size_t i = 0; i < from->n_source; i++) {
        const Stackpipe__V1__Source *item = from->source[i];
        if (item->source_id == 0) {
            return SPIPE_E_FORMAT;
        }
        source[i] = (struct spipe_source){
            .source_id = item->source_id,
            .kind = (enum spipe_source_kind)item->kind,
            .unit = (enum spipe_unit)item->unit,
            .weight_quantum = item->weight_quantum,
            .mechanism = item->mechanism,
            .tick_aligned = item->tick_aligned != 0,
        };
    }
    to->source = source;
    to->source_count = from->n_source;
    return SPIPE_OK;
}

static int decode_unmet(const Stackpipe__V1__Applied *from, struct spipe_arena *arena, struct spipe_applied *to)
{
    struct spipe_unmet *unmet = take_array(arena, from->n_unmet, sizeof(*unmet));
    if (unmet == NULL) {
        return SPIPE_E_LIMIT;
    }
    for (size_t i = 0; i < from->n_unmet; i++) {
        unmet[i] = (struct spipe_unmet){from->unmet[i]->field_number, from->unmet[i]->text};
    }
    to->unmet = unmet;
    to->unmet_count = from->n_unmet;
    return SPIPE_OK;
}

static int decode_applied(const Stackpipe__V1__Applied *from, struct spipe_arena *arena, struct spipe_applied *to)
{
    if (!has_size(from->configuration_hash, HASH_LEN) || from->time > TIME_MAX) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_applied){
        .configuration.token = "",
        .time_quantum_ns = from->time_quantum_ns,
        .configuration_hash = view(from->configuration_hash),
        .time = from->time,
    };
    if (from->configuration != NULL) {
        convert_configuration(from->configuration, &to->configuration);
    }
    int status = decode_sources(from, arena, to);
    return status == SPIPE_OK ? decode_unmet(from, arena, to) : status;
}

/* The sum of the runs cannot overflow: a message holds fewer than 2^18 of them, each below 2^32. */
static uint64_t sum_of_runs(const Stackpipe__V1__Samples *from)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < from->n_run_length; i++) {
        sum += from->run_length[i];
    }
    return sum;
}

static int decode_samples(const Stackpipe__V1__Samples *from, struct spipe_samples *to)
{
    size_t count = from->n_time_delta;
    if (from->source_id == 0 || from->start_time > TIME_MAX || from->n_run_thread_id != from->n_run_length ||
        has_zero(from->run_thread_id, from->n_run_thread_id)) {
        return SPIPE_E_FORMAT;
    }
    if (from->n_stack_id != count || !is_column(from->n_weight, count) || !is_column(from->n_state, count) ||
        sum_of_runs(from) != count) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_samples){
        .source_id = from->source_id,
        .start_time = from->start_time,
        .run_thread_id = from->run_thread_id,
        .run_length = from->run_length,
        .run_count = from->n_run_length,
        .time_delta = from->time_delta,
        .stack_id = from->stack_id,
        .weight = from->n_weight != 0 ? from->weight : NULL,
        .state = from->n_state != 0 ? (const uint32_t *)from->state : NULL,
        .sample_count = count,
    };
    return SPIPE_OK;
}

static int decode_stacks(const Stackpipe__V1__Stacks *from, struct spipe_stacks *to)
{
    size_t count = from->n_parent_back;
    if (from->n_frame_id != count || !are_ids(from->first_stack_id, count) || has_zero(from->frame_id, count)) {
        return SPIPE_E_FORMAT;
    }
    for (size_t i = 0; i < count; i++) {
        if (from->parent_back[i] >= from->first_stack_id + i) {
            return SPIPE_E_FORMAT;
        }
    }
    *to = (struct spipe_stacks){from->first_stack_id, from->parent_back, from->frame_id, count};
    return SPIPE_OK;
}

static int decode_frames(const Stackpipe__V1__Frames *from, struct spipe_frames *to)
{
    size_t count = from->n_image_id;
    if (from->n_offset != count || !is_column(from->n_method_id, count) || !are_ids(from->first_frame_id, count)) {
        return SPIPE_E_FORMAT;
    }
    for (size_t i = 0; i < from->n_method_id; i++) {
        if (from->image_id[i] != 0 && from->method_id[i] != 0) {
            return SPIPE_E_FORMAT;
        }
    }
    *to = (struct spipe_frames){
        .first_frame_id = from->first_frame_id,
        .image_id = from->image_id,
        .offset = from->offset,
        .method_id = from->n_method_id != 0 ? from->method_id : NULL,
        .count = count,
    };
    return SPIPE_OK;
}

static int decode_images(const Stackpipe__V1__Images *from, struct spipe_arena *arena, struct spipe_images *to)
{
    struct spipe_image *image = take_array(arena, from->n_image, sizeof(*image));
    if (image == NULL) {
        return SPIPE_E_LIMIT;
    }
    for (size_t i = 0; i < from->n_image; i++) {
        const Stackpipe__V1__Image *item = from->image[i];
        if (item->image_id == 0) {
            return SPIPE_E_FORMAT;
        }
        image[i] = (struct spipe_image){
            .image_id = item->image_id,
            .path = item->path,
            .build_id = view(item->build_id),
            .load_address = item->load_address,
            .size = item->size,
            .address_in_file = item->address_in_file,
            .unwind = (enum spipe_unwind)item->unwind,
        };
    }
    if (has_zero(from->gone_image_id, from->n_gone_image_id)) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_images){image, from->n_image, from->gone_image_id, from->n_gone_image_id};
    return SPIPE_OK;
}

static int decode_threads(const Stackpipe__V1__Threads *from, struct spipe_arena *arena, struct spipe_threads *to)
{
    struct spipe_thread *thread = take_array(arena, from->n_thread, sizeof(*thread));
    if (thread == NULL) {
        return SPIPE_E_LIMIT;
    }
    for (size_t i = 0; i < from->n_thread; i++) {
        const Stackpipe__V1__Thread *item = from->thread[i];
        if (item->thread_id == 0 || item->time > TIME_MAX) {
            return SPIPE_E_FORMAT;
        }
        thread[i] = (struct spipe_thread){item->thread_id, item->tid, item->name, item->time};
    }
    if (has_zero(from->gone_thread_id, from->n_gone_thread_id)) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_threads){thread, from->n_thread, from->gone_thread_id, from->n_gone_thread_id};
    return SPIPE_OK;
}

static struct spipe_thread_ledger convert_thread_ledger(const Stackpipe__V1__ThreadLedger *from)
{
    return (struct spipe_thread_ledger){
        .thread_id = from->thread_id,
        .source_id = from->source_id,
        .attempted = from->attempted,
        .sent = from->sent,
        .pending = from->pending,
        .cpu_us = from->cpu_us,
        .dropped_ring_full = from->dropped_ring_full,
        .dropped_pipe_full = from->dropped_pipe_full,
        .dropped_paused = from->dropped_paused,
        .dropped_no_slot = from->dropped_no_slot,
        .dropped_in_agent = from->dropped_in_agent,
        .dropped_blocked = from->dropped_blocked,
        .dropped_other = from->dropped_other,
    };
}

/*
 * A thread's ledger is the record that grows most by decoding: 7 bytes become a struct of 120, and thousands of short
 * threads may stand in one message. The arena hands out in order, so each struct lies behind the one before it and is
 * larger than ours, and holds nothing that points elsewhere: ours take their place, one after another, and never reach
 * one that is not read yet.
 */
static const struct spipe_thread_ledger *convert_thread_ledgers(Stackpipe__V1__ThreadLedger *const *items, size_t count)
{
    _Static_assert(sizeof(struct spipe_thread_ledger) <= sizeof(Stackpipe__V1__ThreadLedger), "ours must fit in place");
    char *place = count > 0 ? (char *)items[0] : NULL;
    for (size_t i = 0; i < count; i++) {
        struct spipe_thread_ledger converted = convert_thread_ledger(items[i]);
        memcpy(place + i * sizeof(converted), &converted, sizeof(converted));
    }
    return (const struct spipe_thread_ledger *)(const void *)place;
}

static int decode_ledger(const Stackpipe__V1__Ledger *from, struct spipe_ledger *to)
{
    if (from->time > TIME_MAX || from->complete_until > TIME_MAX) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_ledger){
        .time = from->time,
        .complete_until = from->complete_until,
        .thread = convert_thread_ledgers(from->thread, from->n_thread),
        .thread_count = from->n_thread,
        .bytes_sent = from->bytes_sent,
        .agent_cpu_us = from->agent_cpu_us,
        .handler_p50_ns = from->handler_p50_ns,
        .handler_p99_ns = from->handler_p99_ns,
        .handler_max_ns = from->handler_max_ns,
        .unwind_faults = from->unwind_faults,
        .sleeps_cut_short = from->sleeps_cut_short,
        .unix_us = from->unix_us,
        .process_user_us = from->process_user_us,
        .process_system_us = from->process_system_us,
        .handler_cpu_us = from->handler_cpu_us,
        .stretch_percent = from->stretch_percent,
        .longest_stretch_percent = from->longest_stretch_percent,
        .sampling_cpu_us = from->sampling_cpu_us,
        .previous_attempted = from->previous_attempted,
        .lost_between = from->lost_between,
    };
    return SPIPE_OK;
}

static int decode_markers(const Stackpipe__V1__Markers *from, struct spipe_markers *to)
{
    size_t count = from->n_time_delta;
    if (from->start_time > TIME_MAX || from->n_thread_id != count || from->n_name_string_id != count ||
        !is_column(from->n_phase, count) || !is_column(from->n_value, count)) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_markers){
        .start_time = from->start_time,
        .time_delta = from->time_delta,
        .thread_id = from->thread_id,
        .name_string_id = from->name_string_id,
        .phase = from->n_phase != 0 ? (const uint32_t *)from->phase : NULL,
        .value = from->n_value != 0 ? from->value : NULL,
        .count = count,
    };
    return SPIPE_OK;
}

static int decode_strings(const Stackpipe__V1__Strings *from, struct spipe_strings *to)
{
    if (!are_ids(from->first_string_id, from->n_text)) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_strings){from->first_string_id, (const char *const *)from->text, from->n_text};
    return SPIPE_OK;
}

static int decode_methods(const Stackpipe__V1__Methods *from, struct spipe_arena *arena, struct spipe_methods *to)
{
    struct spipe_method *method = take_array(arena, from->n_method, sizeof(*method));
    if (method == NULL) {
        return SPIPE_E_LIMIT;
    }
    for (size_t i = 0; i < from->n_method; i++) {
        const Stackpipe__V1__Method *item = from->method[i];
        if (item->method_id == 0) {
            return SPIPE_E_FORMAT;
        }
        method[i] = (struct spipe_method){item->method_id, item->name_string_id, item->file_string_id, item->line,
                                          (enum spipe_method_kind)item->kind};
    }
    *to = (struct spipe_methods){method, from->n_method};
    return SPIPE_OK;
}

static int decode_checkpoint(const Stackpipe__V1__Checkpoint *from, struct spipe_checkpoint *to)
{
    if (!has_size(from->sync, SPIPE_SYNC_LEN) || from->time > TIME_MAX) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_checkpoint){from->checkpoint_number, from->time, view(from->sync)};
    return SPIPE_OK;
}

static int decode_command_result(const Stackpipe__V1__CommandResult *from, struct spipe_command_result *to)
{
    if (from->time > TIME_MAX) {
        return SPIPE_E_FORMAT;
    }
    *to = (struct spipe_command_result){
        .command_id = from->command_id,
        .status = (enum spipe_command_status)from->status,
        .text = from->text,
        .time = from->time,
    };
    return SPIPE_OK;
}

static int decode_goodbye(const Stackpipe__V1__Goodbye *from, struct spipe_goodbye *to)
{
    *to = (struct spipe_goodbye){(enum spipe_goodbye_reason)from->reason, from->text, from->samples_sent,
                                 from->samples_dropped};
    return SPIPE_OK;
}

static int decode_audits(const Stackpipe__V1__Audits *from, struct spipe_arena *arena, struct spipe_audits *to)
{
    struct spipe_audit *audit = take_array(arena, from->n_audit, sizeof(*audit));
    if (audit == NULL) {
        return SPIPE_E_LIMIT;
    }
    for (size_t i = 0; i < from->n_audit; i++) {
        const Stackpipe__V1__Audit *item = from->audit[i];
        if (item->thread_id == 0 || item->time > TIME_MAX || item->registers.len % 8 != 0) {
            return SPIPE_E_FORMAT;
        }
        audit[i] = (struct spipe_audit){
            .thread_id = item->thread_id,
            .time = item->time,
            .stack_id = item->stack_id,
            .registers = view(item->registers),
            .stack_address = item->stack_address,
            .stack = view(item->stack),
            .is_cut = item->is_cut != 0,
        };
    }
    *to = (struct spipe_audits){audit, from->n_audit, from->own_image_id, from->skipped};
    return SPIPE_OK;
}

static int decode_kind(const Stackpipe__V1__AgentMessage *from, struct spipe_arena *arena, struct spipe_record *to)
{
    switch (from->kind_case) {
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_REFUSAL:
        return decode_refusal(from->refusal, &to->refusal);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_HELLO:
        return decode_hello(from->hello, &to->hello);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_APPLIED:
        return decode_applied(from->applied, arena, &to->applied);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_SAMPLES:
        return decode_samples(from->samples, &to->samples);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_STACKS:
        return decode_stacks(from->stacks, &to->stacks);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_FRAMES:
        return decode_frames(from->frames, &to->frames);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_IMAGES:
        return decode_images(from->images, arena, &to->images);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_THREADS:
        return decode_threads(from->threads, arena, &to->threads);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_LEDGER:
        return decode_ledger(from->ledger, &to->ledger);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_MARKERS:
        return decode_markers(from->markers, &to->markers);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_STRINGS:
        return decode_strings(from->strings, &to->strings);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_METHODS:
        return decode_methods(from->methods, arena, &to->methods);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_CHECKPOINT:
        return decode_checkpoint(from->checkpoint, &to->checkpoint);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_COMMAND_RESULT:
        return decode_command_result(from->command_result, &to->command_result);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_GOODBYE:
        return decode_goodbye(from->goodbye, &to->goodbye);
    case STACKPIPE__V1__AGENT_MESSAGE__KIND_AUDITS:
        return decode_audits(from->audits, arena, &to->audits);
    default:
        return SPIPE_OK;
    }
}

/* ------------------------------------------------------------------------------------------------------------- host */

static void decode_command(const Stackpipe__V1__Command *from, struct spipe_command *to)
{
    *to = (struct spipe_command){
        .command_id = from->command_id,
        .action = (enum spipe_action)from->action_case,
        .configure.token = "",
        .text = "",
    };
    switch (from->action_case) {
    case STACKPIPE__V1__COMMAND__ACTION_CONFIGURE:
        convert_configuration(from->configure, &to->configure);
        break;
    case STACKPIPE__V1__COMMAND__ACTION_MARK:
        to->text = from->mark->text;
        break;
    case STACKPIPE__V1__COMMAND__ACTION_STOP:
        to->text = from->stop->text;
        to->do_not_reconnect = from->stop->do_not_reconnect != 0;
        break;
    default:
        break;
    }
}

/* ----------------------------------------------------------------------------------------------------------- public */

int spipe_decode_record(struct spipe_bytes message, struct spipe_arena *arena, struct spipe_record *ret_record)
{
    ProtobufCMessage *unpacked = NULL;
    struct spipe_record record = {.kind = SPIPE_RECORD_UNKNOWN};
    int status = unpack(&stackpipe__v1__agent_message__descriptor, message, arena, &unpacked);
    if (status != SPIPE_OK) {
        return status;
    }
    const Stackpipe__V1__AgentMessage *from = (const Stackpipe__V1__AgentMessage *)unpacked;
    record.kind = (enum spipe_record_kind)from->kind_case;
    status = decode_kind(from, arena, &record);
    if (status == SPIPE_OK) {
        *ret_record = record;
    }
    return status;
}

int spipe_decode_host_record(struct spipe_bytes message, struct spipe_arena *arena,
                             struct spipe_host_record *ret_record)
{
    ProtobufCMessage *unpacked = NULL;
    int status = unpack(&stackpipe__v1__host_message__descriptor, message, arena, &unpacked);
    if (status != SPIPE_OK) {
        return status;
    }
    const Stackpipe__V1__HostMessage *from = (const Stackpipe__V1__HostMessage *)unpacked;
    *ret_record = (struct spipe_host_record){.kind = (enum spipe_host_record_kind)from->kind_case};
    if (from->kind_case == STACKPIPE__V1__HOST_MESSAGE__KIND_CONFIGURATION) {
        convert_configuration(from->configuration, &ret_record->configuration);
    } else if (from->kind_case == STACKPIPE__V1__HOST_MESSAGE__KIND_COMMAND) {
        decode_command(from->command, &ret_record->command);
    }
    return SPIPE_OK;
}
