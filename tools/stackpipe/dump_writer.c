/* SPDX-License-Identifier: MIT */
#include "dump_writer.h"

#include "plain_text.h"

#include <inttypes.h>

/* How much of a column, and of a list, a line of text shows. */
#define COLUMN_SHOWN 6
#define LIST_SHOWN   3
/* And of bytes: any id or hash. */
#define BYTES_SHOWN 64

void spipe_dump_writer_init(struct spipe_dump_writer *writer, FILE *stream, bool is_json)
{
    writer->stream = stream;
    writer->is_json = is_json;
    spipe_json_init(&writer->json, stream, false);
}

void spipe_dump_writer_begin_line(struct spipe_dump_writer *writer, uint64_t offset, size_t len, const char *kind)
{
    if (writer->is_json) {
        spipe_json_begin_object(&writer->json);
        spipe_json_member_unsigned(&writer->json, "offset", offset);
        spipe_json_member_unsigned(&writer->json, "length", len);
        spipe_json_member_text(&writer->json, "kind", kind);
    } else {
        fprintf(writer->stream, "%10" PRIu64 " %7zu %-14s", offset, len, kind);
    }
}

void spipe_dump_writer_end_line(struct spipe_dump_writer *writer)
{
    if (writer->is_json) {
        spipe_json_end_object(&writer->json);
        /* The next line is an object of its own, not a member of anything. */
        spipe_json_init(&writer->json, writer->stream, false);
    }
    fputc('\n', writer->stream);
}

void spipe_dump_writer_unsigned(struct spipe_dump_writer *writer, const char *key, uint64_t value)
{
    if (writer->is_json) {
        spipe_json_member_unsigned(&writer->json, key, value);
    } else if (value != 0) {
        fprintf(writer->stream, " %s=%" PRIu64, key, value);
    }
}

void spipe_dump_writer_bool(struct spipe_dump_writer *writer, const char *key, bool value)
{
    if (writer->is_json) {
        spipe_json_member_bool(&writer->json, key, value);
    } else if (value) {
        fprintf(writer->stream, " %s", key);
    }
}

void spipe_dump_writer_text(struct spipe_dump_writer *writer, const char *key, const char *value)
{
    if (writer->is_json) {
        spipe_json_member_text(&writer->json, key, value);
    } else if (value[0] != '\0') {
        fprintf(writer->stream, " %s=\"", key);
        spipe_plain_text_write(value, writer->stream);
        fputc('"', writer->stream);
    }
}

void spipe_dump_writer_bytes(struct spipe_dump_writer *writer, const char *key, struct spipe_bytes value)
{
    if (writer->is_json) {
        spipe_json_key(&writer->json, key);
        spipe_json_hex(&writer->json, value.data, value.len);
    } else if (value.len > 0) {
        fprintf(writer->stream, " %s=", key);
        for (size_t i = 0; i < value.len && i < BYTES_SHOWN; i++) {
            fprintf(writer->stream, "%02x", value.data[i]);
        }
        if (value.len > BYTES_SHOWN) {
            fprintf(writer->stream, "...(%zu)", value.len);
        }
    }
}

/* Where a line of text stops showing a column; 0 when nothing is to be shown. Writes what stands before the first
 * entry. */
static size_t begin_text_column(struct spipe_dump_writer *writer, const char *key, size_t count)
{
    if (count > 0) {
        fprintf(writer->stream, " %s=[", key);
    }
    return count < COLUMN_SHOWN ? count : COLUMN_SHOWN;
}

static void end_text_column(struct spipe_dump_writer *writer, size_t count)
{
    if (count > COLUMN_SHOWN) {
        fprintf(writer->stream, ",...%zu", count);
    }
    if (count > 0) {
        fputc(']', writer->stream);
    }
}

static void begin_json_column(struct spipe_dump_writer *writer, const char *key)
{
    spipe_json_key(&writer->json, key);
    spipe_json_begin_array(&writer->json);
}

void spipe_dump_writer_column(struct spipe_dump_writer *writer, const char *key, const uint32_t *column, size_t count)
{
    count = column != NULL ? count : 0;
    if (writer->is_json) {
        begin_json_column(writer, key);
        for (size_t i = 0; i < count; i++) {
            spipe_json_unsigned(&writer->json, column[i]);
        }
        spipe_json_end_array(&writer->json);
        return;
    }
    size_t shown = begin_text_column(writer, key, count);
    for (size_t i = 0; i < shown; i++) {
        fprintf(writer->stream, "%s%" PRIu32, i > 0 ? "," : "", column[i]);
    }
    end_text_column(writer, count);
}

void spipe_dump_writer_signed_column(struct spipe_dump_writer *writer, const char *key, const int32_t *column,
                                     size_t count)
{
    count = column != NULL ? count : 0;
    if (writer->is_json) {
        begin_json_column(writer, key);
        for (size_t i = 0; i < count; i++) {
            spipe_json_signed(&writer->json, column[i]);
        }
        spipe_json_end_array(&writer->json);
        return;
    }
    size_t shown = begin_text_column(writer, key, count);
    for (size_t i = 0; i < shown; i++) {
        fprintf(writer->stream, "%s%" PRId32, i > 0 ? "," : "", column[i]);
    }
    end_text_column(writer, count);
}

void spipe_dump_writer_texts(struct spipe_dump_writer *writer, const char *key, const char *const *texts, size_t count)
{
    if (writer->is_json) {
        begin_json_column(writer, key);
        for (size_t i = 0; i < count; i++) {
            spipe_json_text(&writer->json, texts[i]);
        }
        spipe_json_end_array(&writer->json);
        return;
    }
    size_t shown = begin_text_column(writer, key, count);
    for (size_t i = 0; i < shown; i++) {
        fputs(i > 0 ? ",\"" : "\"", writer->stream);
        spipe_plain_text_write(texts[i], writer->stream);
        fputc('"', writer->stream);
    }
    end_text_column(writer, count);
}

void spipe_dump_writer_begin_list(struct spipe_dump_writer *writer, const char *key, size_t count)
{
    if (writer->is_json) {
        begin_json_column(writer, key);
    } else if (count > 0) {
        fprintf(writer->stream, " %s=[", key);
    }
}

bool spipe_dump_writer_begin_item(struct spipe_dump_writer *writer, size_t index)
{
    if (writer->is_json) {
        spipe_json_begin_object(&writer->json);
        return true;
    }
    if (index >= LIST_SHOWN) {
        return false;
    }
    fputs(index > 0 ? ", {" : "{", writer->stream);
    return true;
}

void spipe_dump_writer_end_item(struct spipe_dump_writer *writer)
{
    if (writer->is_json) {
        spipe_json_end_object(&writer->json);
    } else {
        fputs(" }", writer->stream);
    }
}

void spipe_dump_writer_end_list(struct spipe_dump_writer *writer, size_t count)
{
    if (writer->is_json) {
        spipe_json_end_array(&writer->json);
        return;
    }
    if (count > LIST_SHOWN) {
        fprintf(writer->stream, ", ...%zu", count);
    }
    if (count > 0) {
        fputc(']', writer->stream);
    }
}

void spipe_dump_writer_begin_group(struct spipe_dump_writer *writer, const char *key)
{
    if (writer->is_json) {
        spipe_json_key(&writer->json, key);
        spipe_json_begin_object(&writer->json);
    } else {
        fprintf(writer->stream, " %s={", key);
    }
}

void spipe_dump_writer_end_group(struct spipe_dump_writer *writer)
{
    spipe_dump_writer_end_item(writer);
}
