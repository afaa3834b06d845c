/* SPDX-License-Identifier: MIT */
/*
 * Reads the numbers of DWARF's call frame information from bytes that are not trusted.
 *
 * A read beyond the end, or of a number that does not fit, gives 0 and marks the cursor as failed; it then stays at
 * its end, so that a caller may read a whole group and look once. Any thread.
 */
#ifndef SPIPE_AGENT_DWARF_CURSOR_H
#define SPIPE_AGENT_DWARF_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spipe_dwarf_cursor {
    const unsigned char *at;
    const unsigned char *end;
    bool failed;
};

/* How a pointer is written: the low half is the format, the next three bits what it counts from. */
enum spipe_pointer_encoding {
    SPIPE_POINTER_ABSOLUTE = 0x00,
    SPIPE_POINTER_ULEB = 0x01,
    SPIPE_POINTER_U2 = 0x02,
    SPIPE_POINTER_U4 = 0x03,
    SPIPE_POINTER_U8 = 0x04,
    SPIPE_POINTER_SLEB = 0x09,
    SPIPE_POINTER_S2 = 0x0a,
    SPIPE_POINTER_S4 = 0x0b,
    SPIPE_POINTER_S8 = 0x0c,
    SPIPE_POINTER_FORMAT_MASK = 0x0f,
    SPIPE_POINTER_FROM_HERE = 0x10,     /* relative to the pointer's own place */
    SPIPE_POINTER_FROM_DATA = 0x30,     /* relative to the start of its table */
    SPIPE_POINTER_BASE_MASK = 0x70,
    SPIPE_POINTER_INDIRECT = 0x80,
    SPIPE_POINTER_NONE = 0xff
};

static inline void spipe_dwarf_cursor_init(struct spipe_dwarf_cursor *cursor, const unsigned char *bytes, size_t len)
{
    cursor->at = bytes;
    cursor->end = bytes + len;
    cursor->failed = false;
}

static inline size_t spipe_dwarf_cursor_left(const struct spipe_dwarf_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* Marks the cursor as failed. */
static inline void spipe_dwarf_cursor_fail(struct spipe_dwarf_cursor *cursor)
{
    cursor->at = cursor->end;
    cursor->failed = true;
}

/* Reads one byte. */
static inline uint8_t spipe_dwarf_cursor_byte(struct spipe_dwarf_cursor *cursor)
{
    if (cursor->at == cursor->end) {
        cursor->failed = true;
        return 0;
    }
    return *cursor->at++;
}

/* Reads a little-endian number of 1 to 8 bytes. */
uint64_t spipe_dwarf_cursor_fixed(struct spipe_dwarf_cursor *cursor, unsigned size);

/* Reads a variable-length number; one that does not fit 64 bits fails. */
uint64_t spipe_dwarf_cursor_uleb(struct spipe_dwarf_cursor *cursor);
int64_t spipe_dwarf_cursor_sleb(struct spipe_dwarf_cursor *cursor);

/* Takes the next `len` bytes as a cursor of their own. */
struct spipe_dwarf_cursor spipe_dwarf_cursor_take(struct spipe_dwarf_cursor *cursor, uint64_t len);

/* Reads the number of an encoded pointer, without what it is relative to. An unknown format fails. */
uint64_t spipe_dwarf_cursor_pointer(struct spipe_dwarf_cursor *cursor, uint8_t encoding);

#endif
