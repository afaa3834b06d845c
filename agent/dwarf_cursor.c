/* SPDX-License-Identifier: MIT */
#include "dwarf_cursor.h"

uint64_t spipe_dwarf_cursor_fixed(struct spipe_dwarf_cursor *cursor, unsigned size)
{
    if (spipe_dwarf_cursor_left(cursor) < size) {
        spipe_dwarf_cursor_fail(cursor);
        return 0;
    }
    uint64_t number = 0;
    for (unsigned i = 0; i < size; i++)
        number |= (uint64_t)cursor->at[i] << (8 * i);
    cursor->at += size;
    return number;
}

/* Reads the 7-bit groups of a variable-length number. Returns how many bits they have, or 0 on failure. A tenth
 * group has room for one bit, which may be repeated as the sign. */
static unsigned read_groups(struct spipe_dwarf_cursor *cursor, bool is_signed, uint64_t *ret_number)
{
    uint64_t number = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = spipe_dwarf_cursor_byte(cursor);
        uint64_t group = byte & 0x7fu;
        bool fits = shift < 63 || (shift == 63 && (group <= 1 || (is_signed && group == 0x7f)));
        if (cursor->failed || !fits) {
            spipe_dwarf_cursor_fail(cursor);
            return 0;
        }
        number |= group << shift;
        shift += 7;
    } while (byte & 0x80u);
    *ret_number = number;
    return shift;
}

uint64_t spipe_dwarf_cursor_uleb(struct spipe_dwarf_cursor *cursor)
{
    if (cursor->at != cursor->end && *cursor->at < 0x80)
        return *cursor->at++;
    uint64_t number = 0;
    return read_groups(cursor, false, &number) == 0 ? 0 : number;
}

int64_t spipe_dwarf_cursor_sleb(struct spipe_dwarf_cursor *cursor)
{
    uint64_t number = 0;
    unsigned bits = read_groups(cursor, true, &number);
    if (bits != 0 && bits < 64 && (number >> (bits - 1)) & 1)
        number |= UINT64_MAX << bits;
    return (int64_t)number;
}

struct spipe_dwarf_cursor spipe_dwarf_cursor_take(struct spipe_dwarf_cursor *cursor, uint64_t len)
{
    struct spipe_dwarf_cursor part = *cursor;
    if (spipe_dwarf_cursor_left(cursor) < len) {
        spipe_dwarf_cursor_fail(cursor);
        return *cursor;
    }
    part.end = part.at + len;
    cursor->at = part.end;
    return part;
}

uint64_t spipe_dwarf_cursor_pointer(struct spipe_dwarf_cursor *cursor, uint8_t encoding)
{
    switch (encoding & SPIPE_POINTER_FORMAT_MASK) {
    case SPIPE_POINTER_ABSOLUTE:
    case SPIPE_POINTER_U8:
    case SPIPE_POINTER_S8:
        return spipe_dwarf_cursor_fixed(cursor, 8);
    case SPIPE_POINTER_ULEB:
        return spipe_dwarf_cursor_uleb(cursor);
    case SPIPE_POINTER_SLEB:
        return (uint64_t)spipe_dwarf_cursor_sleb(cursor);
    case SPIPE_POINTER_U2:
        return spipe_dwarf_cursor_fixed(cursor, 2);
    case SPIPE_POINTER_S2:
        return (uint64_t)(int16_t)spipe_dwarf_cursor_fixed(cursor, 2);
    case SPIPE_POINTER_U4:
        return spipe_dwarf_cursor_fixed(cursor, 4);
    case SPIPE_POINTER_S4:
        return (uint64_t)(int32_t)spipe_dwarf_cursor_fixed(cursor, 4);
    default:
        spipe_dwarf_cursor_fail(cursor);
        return 0;
    }
}
