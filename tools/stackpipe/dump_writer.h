/* SPDX-License-Identifier: MIT */
/*
 * The fields of a record, written as a line of text or as a JSON object, from one description.
 *
 * Text leaves out what is 0 or empty, which on the wire is the same as not given, and abbreviates long columns and
 * lists; JSON has all of it.
 */
#ifndef SPIPE_TOOL_DUMP_WRITER_H
#define SPIPE_TOOL_DUMP_WRITER_H

#include "protocol/record.h"
#include "viewer-stub/host/json.h"

#include <stdbool.h>
#include <stdio.h>

struct spipe_dump_writer {
    FILE *stream;
    bool is_json;
    struct spipe_json json;
};

void spipe_dump_writer_init(struct spipe_dump_writer *writer, FILE *stream, bool is_json);

/* A line for each record. */
void spipe_dump_writer_begin_line(struct spipe_dump_writer *writer, uint64_t offset, size_t len, const char *kind);
void spipe_dump_writer_end_line(struct spipe_dump_writer *writer);

void spipe_dump_writer_unsigned(struct spipe_dump_writer *writer, const char *key, uint64_t value);
void spipe_dump_writer_bool(struct spipe_dump_writer *writer, const char *key, bool value);
void spipe_dump_writer_text(struct spipe_dump_writer *writer, const char *key, const char *value);
void spipe_dump_writer_bytes(struct spipe_dump_writer *writer, const char *key, struct spipe_bytes value);

/* Columns. One that is NULL is empty on the wire, whatever `count` is. */
void spipe_dump_writer_column(struct spipe_dump_writer *writer, const char *key, const uint32_t *column, size_t count);
void spipe_dump_writer_signed_column(struct spipe_dump_writer *writer, const char *key, const int32_t *column,
                                     size_t count);
void spipe_dump_writer_texts(struct spipe_dump_writer *writer, const char *key, const char *const *texts, size_t count);

/* A list of things with fields: for each one begin_item, its fields, end_item. begin_item returns false for one that is
 * left out. */
void spipe_dump_writer_begin_list(struct spipe_dump_writer *writer, const char *key, size_t count);
bool spipe_dump_writer_begin_item(struct spipe_dump_writer *writer, size_t index);
void spipe_dump_writer_end_item(struct spipe_dump_writer *writer);
void spipe_dump_writer_end_list(struct spipe_dump_writer *writer, size_t count);

/* One thing with fields, within a record. */
void spipe_dump_writer_begin_group(struct spipe_dump_writer *writer, const char *key);
void spipe_dump_writer_end_group(struct spipe_dump_writer *writer);

#endif
