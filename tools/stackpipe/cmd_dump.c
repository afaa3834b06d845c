/* SPDX-License-Identifier: MIT */
#include "capture_end.h"
#include "dump_record.h"
#include "options.h"

#include "protocol/status.h"

#include <stdio.h>

static int dump_item(void *user, const struct spipe_capture_item *item)
{
    struct spipe_dump_writer *writer = user;
    const char *kind = item->record != NULL ? spipe_record_kind_name(item->record->kind) : "preface";
    spipe_dump_writer_begin_line(writer, item->offset, item->raw.len, kind);
    spipe_dump_writer_bool(writer, "after_damage", item->resumed);
    if (item->record != NULL) {
        spipe_dump_record(writer, item->record);
    } else {
        spipe_dump_writer_unsigned(writer, "major", item->raw.data[SPIPE_PREFACE_LEN - 1]);
    }
    spipe_dump_writer_end_line(writer);
    /* A reader that has left is no reason to go through the rest. */
    return ferror(writer->stream) ? SPIPE_E_CANCELLED : 0;
}

int cmd_dump(const struct spipe_options *options)
{
    struct spipe_dump_writer writer;
    spipe_dump_writer_init(&writer, stdout, spipe_options_has(options, "json"));
    struct spipe_capture_end end;
    int status = spipe_capture_read_file(options->operand[0], dump_item, &writer, &end);
    fflush(stdout);
    return spipe_capture_end_tell(options->operand[0], status, &end);
}
