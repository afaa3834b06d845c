/* SPDX-License-Identifier: MIT */
/*
 * What each kind of record says, field by field, under the names of profile.proto.
 */
#ifndef SPIPE_TOOL_DUMP_RECORD_H
#define SPIPE_TOOL_DUMP_RECORD_H

#include "dump_writer.h"

/* Writes the fields of `record`; none for a kind that is not known. */
void spipe_dump_record(struct spipe_dump_writer *writer, const struct spipe_record *record);

#endif
