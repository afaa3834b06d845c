/* SPDX-License-Identifier: MIT */
/* Demangling by GNU libiberty, which reads C++ and both Rust manglings and hands its output over piece by piece. */
#include "viewer-stub/host/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

struct reading {
    struct spipe_demangle_sink *sink;
    jmp_buf full;
};

/* A name of a few hundred bytes can expand to gigabytes, so a full sink ends the work. The demangler holds nothing on
 * the heap while it prints through a callback, and a jump out of it loses nothing. */
static void take_piece(const char *piece, size_t len, void *opaque)
{
    struct reading *reading = opaque;
    size_t room = sizeof reading->sink->text - reading->sink->len;
    size_t take = len < room ? len : room;

    /* An empty piece may be NULL. */
    if (take > 0)
        memcpy(reading->sink->text + reading->sink->len, piece, take);
    reading->sink->len += take;
    if (take == room)
        longjmp(reading->full, 1);
}

int spipe_demangle_read(const char *name, struct spipe_demangle_sink *sink)
{
    const int options = DMGL_PARAMS | DMGL_ANSI;
    struct reading reading;

    reading.sink = sink;
    if (setjmp(reading.full))
        return 1;
    if (rust_demangle_callback(name, options, take_piece, &reading))
        return 1;
    sink->len = 0;
    return cplus_demangle_v3_callback(name, options, take_piece, &reading) ? 1 : 0;
}
