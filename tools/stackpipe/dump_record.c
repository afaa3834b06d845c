/* SPDX-License-Identifier: MIT */
#include "dump_record.h"

/* A field under its own name. */
#define UNSIGNED(record, field)      spipe_dump_writer_unsigned(writer, #field, (record)->field)
#define BOOL(record, field)          spipe_dump_writer_bool(writer, #field, (record)->field)
#define TEXT(record, field)          spipe_dump_writer_text(writer, #field, (record)->field)
#define BYTES(record, field)         spipe_dump_writer_bytes(writer, #field, (record)->field)
#define COLUMN(record, field, count) spipe_dump_writer_column(writer, #field, (record)->field, (record)->count)

static void dump_refusal(struct spipe_dump_writer *writer, const struct spipe_refusal *refusal)
{
    UNSIGNED(refusal, supported_major);
    TEXT(refusal, text);
}

static void dump_hello(struct spipe_dump_writer *writer, const struct spipe_hello *hello)
{
    UNSIGNED(hello, protocol_minor);
    TEXT(hello, agent_version);
    BYTES(hello, session_id);
    BYTES(hello, process_id);
    UNSIGNED(hello, session_number);
    UNSIGNED(hello, pid);
    UNSIGNED(hello, parent_pid);
    UNSIGNED(hello, start_time_us);
    TEXT(hello, executable);
    spipe_dump_writer_texts(writer, "argument", hello->argument, hello->argument_count);
    TEXT(hello, operating_system);
    TEXT(hello, architecture);
    TEXT(hello, cpu_model);
    UNSIGNED(hello, cpu_count);
    UNSIGNED(hello, kernel_tick_hz);
    UNSIGNED(hello, origin_ns);
    UNSIGNED(hello, origin_unix_us);
    spipe_dump_writer_texts(writer, "capability", hello->capability, hello->capability_count);
    BYTES(hello, parent_process_id);
    BYTES(hello, previous_session_id);
}

static void dump_configuration(struct spipe_dump_writer *writer, const struct spipe_configuration *configuration)
{
    BOOL(configuration, hold);
    UNSIGNED(configuration, cpu_period_us);
    UNSIGNED(configuration, wall_period_us);
    UNSIGNED(configuration, allocation_bytes);
    UNSIGNED(configuration, max_depth);
    UNSIGNED(configuration, flush_interval_ms);
    UNSIGNED(configuration, buffer_kib);
    UNSIGNED(configuration, checkpoint_interval_ms);
    UNSIGNED(configuration, stop_after_ms);
    BOOL(configuration, send_arguments);
    BOOL(configuration, follow_children);
    UNSIGNED(configuration, reconnect_ms);
    UNSIGNED(configuration, audit_interval);
    UNSIGNED(configuration, budget_ppm);
}

static void dump_sources(struct spipe_dump_writer *writer, const struct spipe_source *source, size_t count)
{
    spipe_dump_writer_begin_list(writer, "source", count);
    for (size_t i = 0; i < count && spipe_dump_writer_begin_item(writer, i); i++) {
        UNSIGNED(&source[i], source_id);
        UNSIGNED(&source[i], kind);
        UNSIGNED(&source[i], unit);
        UNSIGNED(&source[i], weight_quantum);
        TEXT(&source[i], mechanism);
        BOOL(&source[i], tick_aligned);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, count);
}

static void dump_applied(struct spipe_dump_writer *writer, const struct spipe_applied *applied)
{
    UNSIGNED(applied, time);
    UNSIGNED(applied, time_quantum_ns);
    BYTES(applied, configuration_hash);
    spipe_dump_writer_begin_group(writer, "configuration");
    dump_configuration(writer, &applied->configuration);
    spipe_dump_writer_end_group(writer);
    dump_sources(writer, applied->source, applied->source_count);
    spipe_dump_writer_begin_list(writer, "unmet", applied->unmet_count);
    for (size_t i = 0; i < applied->unmet_count && spipe_dump_writer_begin_item(writer, i); i++) {
        UNSIGNED(&applied->unmet[i], field_number);
        TEXT(&applied->unmet[i], text);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, applied->unmet_count);
}

static void dump_samples(struct spipe_dump_writer *writer, const struct spipe_samples *samples)
{
    UNSIGNED(samples, source_id);
    UNSIGNED(samples, start_time);
    spipe_dump_writer_unsigned(writer, "samples", samples->sample_count);
    COLUMN(samples, run_thread_id, run_count);
    COLUMN(samples, run_length, run_count);
    COLUMN(samples, time_delta, sample_count);
    COLUMN(samples, stack_id, sample_count);
    COLUMN(samples, weight, sample_count);
    COLUMN(samples, state, sample_count);
}

static void dump_stacks(struct spipe_dump_writer *writer, const struct spipe_stacks *stacks)
{
    UNSIGNED(stacks, first_stack_id);
    COLUMN(stacks, parent_back, count);
    COLUMN(stacks, frame_id, count);
}

static void dump_frames(struct spipe_dump_writer *writer, const struct spipe_frames *frames)
{
    UNSIGNED(frames, first_frame_id);
    COLUMN(frames, image_id, count);
    COLUMN(frames, offset, count);
    COLUMN(frames, method_id, count);
}

static void dump_images(struct spipe_dump_writer *writer, const struct spipe_images *images)
{
    spipe_dump_writer_begin_list(writer, "image", images->image_count);
    for (size_t i = 0; i < images->image_count && spipe_dump_writer_begin_item(writer, i); i++) {
        const struct spipe_image *image = &images->image[i];
        UNSIGNED(image, image_id);
        TEXT(image, path);
        BYTES(image, build_id);
        UNSIGNED(image, load_address);
        UNSIGNED(image, size);
        UNSIGNED(image, address_in_file);
        UNSIGNED(image, unwind);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, images->image_count);
    COLUMN(images, gone_image_id, gone_count);
}

static void dump_threads(struct spipe_dump_writer *writer, const struct spipe_threads *threads)
{
    spipe_dump_writer_begin_list(writer, "thread", threads->thread_count);
    for (size_t i = 0; i < threads->thread_count && spipe_dump_writer_begin_item(writer, i); i++) {
        const struct spipe_thread *thread = &threads->thread[i];
        UNSIGNED(thread, thread_id);
        UNSIGNED(thread, tid);
        TEXT(thread, name);
        UNSIGNED(thread, time);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, threads->thread_count);
    COLUMN(threads, gone_thread_id, gone_count);
}

static void dump_thread_ledger(struct spipe_dump_writer *writer, const struct spipe_thread_ledger *thread)
{
    UNSIGNED(thread, thread_id);
    UNSIGNED(thread, attempted);
    UNSIGNED(thread, sent);
    UNSIGNED(thread, pending);
    UNSIGNED(thread, cpu_us);
    UNSIGNED(thread, dropped_ring_full);
    UNSIGNED(thread, dropped_pipe_full);
    UNSIGNED(thread, dropped_paused);
    UNSIGNED(thread, dropped_no_slot);
    UNSIGNED(thread, dropped_in_agent);
    UNSIGNED(thread, dropped_blocked);
    UNSIGNED(thread, dropped_other);
    UNSIGNED(thread, source_id);
}

static void dump_ledger(struct spipe_dump_writer *writer, const struct spipe_ledger *ledger)
{
    UNSIGNED(ledger, time);
    UNSIGNED(ledger, complete_until);
    spipe_dump_writer_begin_list(writer, "thread", ledger->thread_count);
    for (size_t i = 0; i < ledger->thread_count && spipe_dump_writer_begin_item(writer, i); i++) {
        dump_thread_ledger(writer, &ledger->thread[i]);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, ledger->thread_count);
    UNSIGNED(ledger, bytes_sent);
    UNSIGNED(ledger, agent_cpu_us);
    UNSIGNED(ledger, handler_p50_ns);
    UNSIGNED(ledger, handler_p99_ns);
    UNSIGNED(ledger, handler_max_ns);
    UNSIGNED(ledger, unwind_faults);
    UNSIGNED(ledger, sleeps_cut_short);
    UNSIGNED(ledger, unix_us);
    UNSIGNED(ledger, process_user_us);
    UNSIGNED(ledger, process_system_us);
    UNSIGNED(ledger, handler_cpu_us);
    UNSIGNED(ledger, stretch_percent);
    UNSIGNED(ledger, longest_stretch_percent);
    UNSIGNED(ledger, sampling_cpu_us);
    UNSIGNED(ledger, previous_attempted);
    UNSIGNED(ledger, lost_between);
}

static void dump_strings(struct spipe_dump_writer *writer, const struct spipe_strings *strings)
{
    UNSIGNED(strings, first_string_id);
    spipe_dump_writer_texts(writer, "text", strings->text, strings->count);
}

static void dump_methods(struct spipe_dump_writer *writer, const struct spipe_methods *methods)
{
    spipe_dump_writer_begin_list(writer, "method", methods->count);
    for (size_t i = 0; i < methods->count && spipe_dump_writer_begin_item(writer, i); i++) {
        const struct spipe_method *method = &methods->method[i];
        UNSIGNED(method, method_id);
        UNSIGNED(method, name_string_id);
        UNSIGNED(method, file_string_id);
        UNSIGNED(method, line);
        UNSIGNED(method, kind);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, methods->count);
}

static void dump_markers(struct spipe_dump_writer *writer, const struct spipe_markers *markers)
{
    UNSIGNED(markers, start_time);
    COLUMN(markers, time_delta, count);
    COLUMN(markers, thread_id, count);
    COLUMN(markers, name_string_id, count);
    COLUMN(markers, phase, count);
    spipe_dump_writer_signed_column(writer, "value", markers->value, markers->count);
}

static void dump_checkpoint(struct spipe_dump_writer *writer, const struct spipe_checkpoint *checkpoint)
{
    UNSIGNED(checkpoint, checkpoint_number);
    UNSIGNED(checkpoint, time);
    BYTES(checkpoint, sync);
}

static void dump_command_result(struct spipe_dump_writer *writer, const struct spipe_command_result *result)
{
    UNSIGNED(result, command_id);
    UNSIGNED(result, status);
    TEXT(result, text);
    UNSIGNED(result, time);
}

static void dump_goodbye(struct spipe_dump_writer *writer, const struct spipe_goodbye *goodbye)
{
    UNSIGNED(goodbye, reason);
    spipe_dump_writer_text(writer, "reason_name", spipe_goodbye_reason_name(goodbye->reason));
    TEXT(goodbye, text);
    UNSIGNED(goodbye, samples_sent);
    UNSIGNED(goodbye, samples_dropped);
}

static void dump_audits(struct spipe_dump_writer *writer, const struct spipe_audits *audits)
{
    spipe_dump_writer_begin_list(writer, "audit", audits->count);
    for (size_t i = 0; i < audits->count && spipe_dump_writer_begin_item(writer, i); i++) {
        const struct spipe_audit *audit = &audits->audit[i];
        UNSIGNED(audit, thread_id);
        UNSIGNED(audit, time);
        UNSIGNED(audit, stack_id);
        BYTES(audit, registers);
        UNSIGNED(audit, stack_address);
        BYTES(audit, stack);
        BOOL(audit, is_cut);
        spipe_dump_writer_end_item(writer);
    }
    spipe_dump_writer_end_list(writer, audits->count);
    UNSIGNED(audits, own_image_id);
    UNSIGNED(audits, skipped);
}

void spipe_dump_record(struct spipe_dump_writer *writer, const struct spipe_record *record)
{
    switch (record->kind) {
#define DUMP(name, field)                                                                                              \
    case SPIPE_RECORD_##name:                                                                                          \
        dump_##field(writer, &record->field);                                                                          \
        break
        DUMP(REFUSAL, refusal);
        DUMP(HELLO, hello);
        DUMP(APPLIED, applied);
        DUMP(SAMPLES, samples);
        DUMP(STACKS, stacks);
        DUMP(FRAMES, frames);
        DUMP(IMAGES, images);
        DUMP(THREADS, threads);
        DUMP(LEDGER, ledger);
        DUMP(MARKERS, markers);
        DUMP(STRINGS, strings);
        DUMP(METHODS, methods);
        DUMP(CHECKPOINT, checkpoint);
        DUMP(COMMAND_RESULT, command_result);
        DUMP(GOODBYE, goodbye);
        DUMP(AUDITS, audits);
#undef DUMP
    case SPIPE_RECORD_UNKNOWN:
        break;
    }
}
