/* SPDX-License-Identifier: MIT */
/*
 * Texts as protobuf wants them: well-formed UTF-8. Names of threads and files may hold any byte, and a cut name may
 * end within a character; many readers refuse a whole message for one such byte. For encode.c and the text dialect.
 * Calls memcpy and strlen, nothing else of libc.
 */
#ifndef SPIPE_PROTOCOL_WIRE_TEXT_H
#define SPIPE_PROTOCOL_WIRE_TEXT_H

#include "arena.h"

/* Returns `text` itself when it is well-formed; else a copy in the arena, with `?` for each byte that belongs to no
 * character; NULL when the arena has no room for it. NULL gives "". */
const char *spipe_wire_text_clean(const char *text, struct spipe_arena *arena);

#endif
