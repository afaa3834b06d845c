/* SPDX-License-Identifier: MIT */
#include "encode.h"

#include "message.h"
#include "profile.pb-c.h"
#include "status.h"
#include "wire_text.h"

#include <string.h>

#define LENGTH_PREFIX_MAX 10u

/* What one call works on, for the functions that each encode one kind. */
struct job {
    struct spipe_arena *scratch;
    struct spipe_buffer *buffer;
    bool lacks_memory;          /* the scratch arena was too small for some text */
};

/* Takes an array from the scratch arena; NULL when there is no room for it. */
static void *take_array(struct spipe_arena *scratch, size_t count, size_t size)
{
    return count <= SIZE_MAX / size ? spipe_arena_take(scratch, count * size) : NULL;
}

/* The text as protobuf wants it. The result is only read, but protobuf-c has no const. */
static char *borrow_text(struct job *job, const char *text)
{
    const char *clean = spipe_wire_text_clean(text, job->scratch);
    job->lacks_memory = job->lacks_memory || clean == NULL;
    return (char *)clean;
}

static char **borrow_texts(struct job *job, const char *const *texts, size_t count)
{
    char **borrowed = take_array(job->scratch, count, sizeof(*borrowed));
    if (borrowed == NULL) {
        job->lacks_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        borrowed[i] = borrow_text(job, texts[i]);
    }
    return borrowed;
}

static uint32_t *borrow_column(const uint32_t *column)
{
    return (uint32_t *)column;
}

static ProtobufCBinaryData borrow_bytes(struct spipe_bytes bytes)
{
    return (ProtobufCBinaryData){.len = bytes.len, .data = (uint8_t *)bytes.data};
}

/* Appends the message behind its length, or nothing. */
static int append(const ProtobufCMessage *message, size_t message_max, const struct job *job)
{
    uint8_t prefix[LENGTH_PREFIX_MAX];
    struct spipe_buffer *buffer = job->buffer;
    if (job->lacks_memory) {
        return SPIPE_E_NO_MEMORY;
    }
    size_t len = protobuf_c_message_get_packed_size(message);
    size_t prefix_len = spipe_varint_write(len, prefix);
    if (len > message_max) {
        return SPIPE_E_LIMIT;
    }
    if (prefix_len + len > buffer->capacity - buffer->len) {
        return SPIPE_E_NO_ROOM;
    }
    memcpy(buffer->data + buffer->len, prefix, prefix_len);
    protobuf_c_message_pack(message, buffer->data + buffer->len + prefix_len);
    buffer->len += prefix_len + len;
    return SPIPE_OK;
}

static int append_agent_message(const Stackpipe__V1__AgentMessage *message, const struct job *job)
{
    return append(&message->base, SPIPE_AGENT_MESSAGE_MAX, job);
}

static Stackpipe__V1__Configuration convert_configuration(struct job *job, const struct spipe_configuration *from)
{
    Stackpipe__V1__Configuration to = STACKPIPE__V1__CONFIGURATION__INIT;
    to.token = borrow_text(job, from->token);
    to.hold = from->hold;
    to.cpu_period_us = from->cpu_period_us;
    to.wall_period_us = from->wall_period_us;
    to.allocation_bytes = from->allocation_bytes;
    to.max_depth = from->max_depth;
    to.flush_interval_ms = from->flush_interval_ms;
    to.buffer_kib = from->buffer_kib;
    to.checkpoint_interval_ms = from->checkpoint_interval_ms;
    to.stop_after_ms = from->stop_after_ms;
    to.send_arguments = from->send_arguments;
    to.follow_children = from->follow_children;
    to.reconnect_ms = from->reconnect_ms;
    to.audit_interval = from->audit_interval;
    to.budget_ppm = from->budget_ppm;
    return to;
}

/* --------------------------------------------------------------------------------------- one function for each kind */

/* Declares the message of a kind on the stack, and the AgentMessage around it. */
#define AGENT_MESSAGE(TYPE, KIND, member)                                    \
    Stackpipe__V1__##TYPE to = STACKPIPE__V1__##KIND##__INIT;                \
    Stackpipe__V1__AgentMessage message = STACKPIPE__V1__AGENT_MESSAGE__INIT; \
    message.kind_case = STACKPIPE__V1__AGENT_MESSAGE__KIND_##KIND;           \
    message.member = &to

static int encode_refusal(const struct spipe_refusal *from, struct job *job)
{
    AGENT_MESSAGE(Refusal, REFUSAL, refusal);
    to.supported_major = from->supported_major;
    to.text = borrow_text(job, from->text);
    return append_agent_message(&message, job);
}

static int encode_hello(const struct spipe_hello *from, struct job *job)
{
    AGENT_MESSAGE(Hello, HELLO, hello);
    to.protocol_minor = from->protocol_minor;
    to.agent_version = borrow_text(job, from->agent_version);
    to.session_id = borrow_bytes(from->session_id);
    to.process_id = borrow_bytes(from->process_id);
    to.session_number = from->session_number;
    to.pid = from->pid;
    to.parent_pid = from->parent_pid;
    to.start_time_us = from->start_time_us;
    to.executable = borrow_text(job, from->executable);
    to.n_argument = from->argument_count;
    to.argument = borrow_texts(job, from->argument, from->argument_count);
    to.operating_system = borrow_text(job, from->operating_system);
    to.architecture = borrow_text(job, from->architecture);
    to.cpu_model = borrow_text(job, from->cpu_model);
    to.cpu_count = from->cpu_count;
    to.kernel_tick_hz = from->kernel_tick_hz;
    to.origin_ns = from->origin_ns;
    to.origin_unix_us = from->origin_unix_us;
    to.n_capability = from->capability_count;
    to.capability = borrow_texts(job, from->capability, from->capability_count);
    to.parent_process_id = borrow_bytes(from->parent_process_id);
    to.previous_session_id = borrow_bytes(from->previous_session_id);
    return append_agent_message(&message, job);
}

static int convert_sources(struct job *job, const struct spipe_applied *from, Stackpipe__V1__Applied *to)
{
    Stackpipe__V1__Source *items = take_array(job->scratch, from->source_count, sizeof(*items));
    to->source = take_array(job->scratch, from->source_count, sizeof(*to->source));
    if (items == NULL || to->source == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->source_count; i++) {
        const struct spipe_source *source = &from->source[i];
        stackpipe__v1__source__init(&items[i]);
        items[i].source_id = source->source_id;
        items[i].kind = (Stackpipe__V1__SourceKind)source->kind;
        items[i].unit = (Stackpipe__V1__Unit)source->unit;
        items[i].weight_quantum = source->weight_quantum;
        items[i].mechanism = borrow_text(job, source->mechanism);
        items[i].tick_aligned = source->tick_aligned;
        to->source[i] = &items[i];
    }
    to->n_source = from->source_count;
    return SPIPE_OK;
}

static int convert_unmet(struct job *job, const struct spipe_applied *from, Stackpipe__V1__Applied *to)
{
    Stackpipe__V1__Unmet *items = take_array(job->scratch, from->unmet_count, sizeof(*items));
    to->unmet = take_array(job->scratch, from->unmet_count, sizeof(*to->unmet));
    if (items == NULL || to->unmet == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->unmet_count; i++) {
        stackpipe__v1__unmet__init(&items[i]);
        items[i].field_number = from->unmet[i].field_number;
        items[i].text = borrow_text(job, from->unmet[i].text);
        to->unmet[i] = &items[i];
    }
    to->n_unmet = from->unmet_count;
    return SPIPE_OK;
}

static int encode_applied(const struct spipe_applied *from, struct job *job)
{
    AGENT_MESSAGE(Applied, APPLIED, applied);
    Stackpipe__V1__Configuration configuration = convert_configuration(job, &from->configuration);
    int status = convert_sources(job, from, &to);
    if (status == SPIPE_OK) {
        status = convert_unmet(job, from, &to);
    }
    if (status != SPIPE_OK) {
        return status;
    }
    to.configuration = &configuration;
    to.time_quantum_ns = from->time_quantum_ns;
    to.configuration_hash = borrow_bytes(from->configuration_hash);
    to.time = from->time;
    return append_agent_message(&message, job);
}

static int encode_samples(const struct spipe_samples *from, struct job *job)
{
    AGENT_MESSAGE(Samples, SAMPLES, samples);
    to.source_id = from->source_id;
    to.start_time = from->start_time;
    to.n_run_thread_id = from->run_count;
    to.run_thread_id = borrow_column(from->run_thread_id);
    to.n_run_length = from->run_count;
    to.run_length = borrow_column(from->run_length);
    to.n_time_delta = from->sample_count;
    to.time_delta = borrow_column(from->time_delta);
    to.n_stack_id = from->sample_count;
    to.stack_id = borrow_column(from->stack_id);
    to.n_weight = from->weight != NULL ? from->sample_count : 0;
    to.weight = borrow_column(from->weight);
    to.n_state = from->state != NULL ? from->sample_count : 0;
    to.state = (Stackpipe__V1__State *)from->state;
    return append_agent_message(&message, job);
}

static int encode_stacks(const struct spipe_stacks *from, struct job *job)
{
    AGENT_MESSAGE(Stacks, STACKS, stacks);
    to.first_stack_id = from->first_stack_id;
    to.n_parent_back = from->count;
    to.parent_back = borrow_column(from->parent_back);
    to.n_frame_id = from->count;
    to.frame_id = borrow_column(from->frame_id);
    return append_agent_message(&message, job);
}

static int encode_frames(const struct spipe_frames *from, struct job *job)
{
    AGENT_MESSAGE(Frames, FRAMES, frames);
    to.first_frame_id = from->first_frame_id;
    to.n_image_id = from->count;
    to.image_id = borrow_column(from->image_id);
    to.n_offset = from->count;
    to.offset = borrow_column(from->offset);
    to.n_method_id = from->method_id != NULL ? from->count : 0;
    to.method_id = borrow_column(from->method_id);
    return append_agent_message(&message, job);
}

static int encode_images(const struct spipe_images *from, struct job *job)
{
    AGENT_MESSAGE(Images, IMAGES, images);
    Stackpipe__V1__Image *items = take_array(job->scratch, from->image_count, sizeof(*items));
    to.image = take_array(job->scratch, from->image_count, sizeof(*to.image));
    if (items == NULL || to.image == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->image_count; i++) {
        const struct spipe_image *image = &from->image[i];
        stackpipe__v1__image__init(&items[i]);
        items[i].image_id = image->image_id;
        items[i].path = borrow_text(job, image->path);
        items[i].build_id = borrow_bytes(image->build_id);
        items[i].load_address = image->load_address;
        items[i].size = image->size;
        items[i].address_in_file = image->address_in_file;
        items[i].unwind = (Stackpipe__V1__Unwind)image->unwind;
        to.image[i] = &items[i];
    }
    to.n_image = from->image_count;
    to.n_gone_image_id = from->gone_count;
    to.gone_image_id = borrow_column(from->gone_image_id);
    return append_agent_message(&message, job);
}

static int encode_audits(const struct spipe_audits *from, struct job *job)
{
    AGENT_MESSAGE(Audits, AUDITS, audits);
    Stackpipe__V1__Audit *items = take_array(job->scratch, from->count, sizeof(*items));
    to.audit = take_array(job->scratch, from->count, sizeof(*to.audit));
    if (items == NULL || to.audit == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->count; i++) {
        const struct spipe_audit *audit = &from->audit[i];
        stackpipe__v1__audit__init(&items[i]);
        items[i].thread_id = audit->thread_id;
        items[i].time = audit->time;
        items[i].stack_id = audit->stack_id;
        items[i].registers = borrow_bytes(audit->registers);
        items[i].stack_address = audit->stack_address;
        items[i].stack = borrow_bytes(audit->stack);
        items[i].is_cut = audit->is_cut;
        to.audit[i] = &items[i];
    }
    to.n_audit = from->count;
    to.own_image_id = from->own_image_id;
    to.skipped = from->skipped;
    return append_agent_message(&message, job);
}

static int encode_threads(const struct spipe_threads *from, struct job *job)
{
    AGENT_MESSAGE(Threads, THREADS, threads);
    Stackpipe__V1__Thread *items = take_array(job->scratch, from->thread_count, sizeof(*items));
    to.thread = take_array(job->scratch, from->thread_count, sizeof(*to.thread));
    if (items == NULL || to.thread == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->thread_count; i++) {
        stackpipe__v1__thread__init(&items[i]);
        items[i].thread_id = from->thread[i].thread_id;
        items[i].tid = from->thread[i].tid;
        items[i].name = borrow_text(job, from->thread[i].name);
        items[i].time = from->thread[i].time;
        to.thread[i] = &items[i];
    }
    to.n_thread = from->thread_count;
    to.n_gone_thread_id = from->gone_count;
    to.gone_thread_id = borrow_column(from->gone_thread_id);
    return append_agent_message(&message, job);
}

static void convert_thread_ledger(const struct spipe_thread_ledger *from, Stackpipe__V1__ThreadLedger *to)
{
    stackpipe__v1__thread_ledger__init(to);
    to->thread_id = from->thread_id;
    to->source_id = from->source_id;
    to->attempted = from->attempted;
    to->sent = from->sent;
    to->pending = from->pending;
    to->cpu_us = from->cpu_us;
    to->dropped_ring_full = from->dropped_ring_full;
    to->dropped_pipe_full = from->dropped_pipe_full;
    to->dropped_paused = from->dropped_paused;
    to->dropped_no_slot = from->dropped_no_slot;
    to->dropped_in_agent = from->dropped_in_agent;
    to->dropped_blocked = from->dropped_blocked;
    to->dropped_other = from->dropped_other;
}

static int encode_ledger(const struct spipe_ledger *from, struct job *job)
{
    AGENT_MESSAGE(Ledger, LEDGER, ledger);
    Stackpipe__V1__ThreadLedger *items = take_array(job->scratch, from->thread_count, sizeof(*items));
    to.thread = take_array(job->scratch, from->thread_count, sizeof(*to.thread));
    if (items == NULL || to.thread == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->thread_count; i++) {
        convert_thread_ledger(&from->thread[i], &items[i]);
        to.thread[i] = &items[i];
    }
    to.n_thread = from->thread_count;
    to.time = from->time;
    to.complete_until = from->complete_until;
    to.bytes_sent = from->bytes_sent;
    to.agent_cpu_us = from->agent_cpu_us;
    to.handler_p50_ns = from->handler_p50_ns;
    to.handler_p99_ns = from->handler_p99_ns;
    to.handler_max_ns = from->handler_max_ns;
    to.unwind_faults = from->unwind_faults;
    to.sleeps_cut_short = from->sleeps_cut_short;
    to.unix_us = from->unix_us;
    to.process_user_us = from->process_user_us;
    to.process_system_us = from->process_system_us;
    to.handler_cpu_us = from->handler_cpu_us;
    to.stretch_percent = from->stretch_percent;
    to.longest_stretch_percent = from->longest_stretch_percent;
    to.sampling_cpu_us = from->sampling_cpu_us;
    to.previous_attempted = from->previous_attempted;
    to.lost_between = from->lost_between;
    return append_agent_message(&message, job);
}

static int encode_markers(const struct spipe_markers *from, struct job *job)
{
    AGENT_MESSAGE(Markers, MARKERS, markers);
    to.start_time = from->start_time;
    to.n_time_delta = from->count;
    to.time_delta = borrow_column(from->time_delta);
    to.n_thread_id = from->count;
    to.thread_id = borrow_column(from->thread_id);
    to.n_name_string_id = from->count;
    to.name_string_id = borrow_column(from->name_string_id);
    to.n_phase = from->phase != NULL ? from->count : 0;
    to.phase = (Stackpipe__V1__Phase *)from->phase;
    to.n_value = from->value != NULL ? from->count : 0;
    to.value = (int32_t *)from->value;
    return append_agent_message(&message, job);
}

static int encode_strings(const struct spipe_strings *from, struct job *job)
{
    AGENT_MESSAGE(Strings, STRINGS, strings);
    to.first_string_id = from->first_string_id;
    to.n_text = from->count;
    to.text = borrow_texts(job, from->text, from->count);
    return append_agent_message(&message, job);
}

static int encode_methods(const struct spipe_methods *from, struct job *job)
{
    AGENT_MESSAGE(Methods, METHODS, methods);
    Stackpipe__V1__Method *items = take_array(job->scratch, from->count, sizeof(*items));
    to.method = take_array(job->scratch, from->count, sizeof(*to.method));
    if (items == NULL || to.method == NULL) {
        return SPIPE_E_NO_MEMORY;
    }
    for (size_t i = 0; i < from->count; i++) {
        stackpipe__v1__method__init(&items[i]);
        items[i].method_id = from->method[i].method_id;
        items[i].name_string_id = from->method[i].name_string_id;
        items[i].file_string_id = from->method[i].file_string_id;
        items[i].line = from->method[i].line;
        items[i].kind = (Stackpipe__V1__MethodKind)from->method[i].kind;
        to.method[i] = &items[i];
    }
    to.n_method = from->count;
    return append_agent_message(&message, job);
}

static int encode_checkpoint(const struct spipe_checkpoint *from, struct job *job)
{
    AGENT_MESSAGE(Checkpoint, CHECKPOINT, checkpoint);
    to.checkpoint_number = from->checkpoint_number;
    to.time = from->time;
    to.sync = borrow_bytes(from->sync);
    return append_agent_message(&message, job);
}

static int encode_command_result(const struct spipe_command_result *from, struct job *job)
{
    AGENT_MESSAGE(CommandResult, COMMAND_RESULT, command_result);
    to.command_id = from->command_id;
    to.status = (Stackpipe__V1__CommandStatus)from->status;
    to.text = borrow_text(job, from->text);
    to.time = from->time;
    return append_agent_message(&message, job);
}

static int encode_goodbye(const struct spipe_goodbye *from, struct job *job)
{
    AGENT_MESSAGE(Goodbye, GOODBYE, goodbye);
    to.reason = (Stackpipe__V1__GoodbyeReason)from->reason;
    to.text = borrow_text(job, from->text);
    to.samples_sent = from->samples_sent;
    to.samples_dropped = from->samples_dropped;
    return append_agent_message(&message, job);
}

/* ------------------------------------------------------------------------------------------------------------- host */

/* The messages of all actions, of which a command uses one. */
struct action_messages {
    Stackpipe__V1__Configuration configure;
    Stackpipe__V1__Pause pause;
    Stackpipe__V1__Resume resume;
    Stackpipe__V1__Flush flush;
    Stackpipe__V1__Mark mark;
    Stackpipe__V1__RestartTables restart_tables;
    Stackpipe__V1__Stop stop;
};

static bool convert_action(struct job *job, const struct spipe_command *from, struct action_messages *messages,
                           Stackpipe__V1__Command *to)
{
    switch (from->action) {
    case SPIPE_ACTION_CONFIGURE:
        messages->configure = convert_configuration(job, &from->configure);
        to->configure = &messages->configure;
        break;
    case SPIPE_ACTION_PAUSE:
        stackpipe__v1__pause__init(to->pause = &messages->pause);
        break;
    case SPIPE_ACTION_RESUME:
        stackpipe__v1__resume__init(to->resume = &messages->resume);
        break;
    case SPIPE_ACTION_FLUSH:
        stackpipe__v1__flush__init(to->flush = &messages->flush);
        break;
    case SPIPE_ACTION_MARK:
        stackpipe__v1__mark__init(to->mark = &messages->mark);
        messages->mark.text = borrow_text(job, from->text);
        break;
    case SPIPE_ACTION_RESTART_TABLES:
        stackpipe__v1__restart_tables__init(to->restart_tables = &messages->restart_tables);
        break;
    case SPIPE_ACTION_STOP:
        stackpipe__v1__stop__init(to->stop = &messages->stop);
        messages->stop.text = borrow_text(job, from->text);
        messages->stop.do_not_reconnect = from->do_not_reconnect;
        break;
    default:
        return false;
    }
    to->action_case = (Stackpipe__V1__Command__ActionCase)from->action;
    return true;
}

static int encode_configuration(const struct spipe_configuration *from, struct job *job)
{
    Stackpipe__V1__HostMessage message = STACKPIPE__V1__HOST_MESSAGE__INIT;
    Stackpipe__V1__Configuration to = convert_configuration(job, from);
    message.kind_case = STACKPIPE__V1__HOST_MESSAGE__KIND_CONFIGURATION;
    message.configuration = &to;
    return append(&message.base, SPIPE_HOST_MESSAGE_MAX, job);
}

static int encode_command(const struct spipe_command *from, struct job *job)
{
    Stackpipe__V1__HostMessage message = STACKPIPE__V1__HOST_MESSAGE__INIT;
    Stackpipe__V1__Command to = STACKPIPE__V1__COMMAND__INIT;
    struct action_messages messages;
    if (!convert_action(job, from, &messages, &to)) {
        return SPIPE_E_ARGUMENT;
    }
    to.command_id = from->command_id;
    message.kind_case = STACKPIPE__V1__HOST_MESSAGE__KIND_COMMAND;
    message.command = &to;
    return append(&message.base, SPIPE_HOST_MESSAGE_MAX, job);
}

/* ----------------------------------------------------------------------------------------------------------- public */

int spipe_encode_record(const struct spipe_record *record, struct spipe_arena *scratch, struct spipe_buffer *buffer)
{
    struct job job = {scratch, buffer, false};
    spipe_arena_reset(scratch);
    switch (record->kind) {
    case SPIPE_RECORD_REFUSAL:
        return encode_refusal(&record->refusal, &job);
    case SPIPE_RECORD_HELLO:
        return encode_hello(&record->hello, &job);
    case SPIPE_RECORD_APPLIED:
        return encode_applied(&record->applied, &job);
    case SPIPE_RECORD_SAMPLES:
        return encode_samples(&record->samples, &job);
    case SPIPE_RECORD_STACKS:
        return encode_stacks(&record->stacks, &job);
    case SPIPE_RECORD_FRAMES:
        return encode_frames(&record->frames, &job);
    case SPIPE_RECORD_IMAGES:
        return encode_images(&record->images, &job);
    case SPIPE_RECORD_THREADS:
        return encode_threads(&record->threads, &job);
    case SPIPE_RECORD_LEDGER:
        return encode_ledger(&record->ledger, &job);
    case SPIPE_RECORD_MARKERS:
        return encode_markers(&record->markers, &job);
    case SPIPE_RECORD_STRINGS:
        return encode_strings(&record->strings, &job);
    case SPIPE_RECORD_METHODS:
        return encode_methods(&record->methods, &job);
    case SPIPE_RECORD_CHECKPOINT:
        return encode_checkpoint(&record->checkpoint, &job);
    case SPIPE_RECORD_COMMAND_RESULT:
        return encode_command_result(&record->command_result, &job);
    case SPIPE_RECORD_GOODBYE:
        return encode_goodbye(&record->goodbye, &job);
    case SPIPE_RECORD_AUDITS:
        return encode_audits(&record->audits, &job);
    case SPIPE_RECORD_UNKNOWN:
    default:
        return SPIPE_E_ARGUMENT;
    }
}

int spipe_encode_host_record(const struct spipe_host_record *record, struct spipe_arena *scratch,
                             struct spipe_buffer *buffer)
{
    struct job job = {scratch, buffer, false};
    spipe_arena_reset(scratch);
    switch (record->kind) {
    case SPIPE_HOST_RECORD_CONFIGURATION:
        return encode_configuration(&record->configuration, &job);
    case SPIPE_HOST_RECORD_COMMAND:
        return encode_command(&record->command, &job);
    case SPIPE_HOST_RECORD_UNKNOWN:
    default:
        return SPIPE_E_ARGUMENT;
    }
}
