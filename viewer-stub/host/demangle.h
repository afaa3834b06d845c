/* SPDX-License-Identifier: MIT */
/*
 * Names as the linker knows them to names as people write them: C++ (Itanium) and Rust (both manglings).
 *
 * A name that is no mangled one comes out as it is, and so does one that cannot be read. Control characters and bytes
 * that are no UTF-8 become '?'. A result longer than SPIPE_NAME_MAX bytes is cut and ends in an ellipsis, and a name is
 * never worked on beyond that, whatever it would expand to. Any thread may call.
 */
#ifndef SPIPE_HOST_DEMANGLE_H
#define SPIPE_HOST_DEMANGLE_H

#include <stddef.h>

/* The longest name that comes out, its NUL not counted. */
#define SPIPE_NAME_MAX 4096u
/* Mangled names longer than this are not read, only cut. */
#define SPIPE_MANGLED_MAX 65536u

/* Returns the readable name, to be freed by the caller; NULL when there is no memory. A version behind '@', as linkers
 * write it, is left out. */
char *spipe_demangle(const char *name);

/* The same for a name that is never a mangled one: made clean and cut only. */
char *spipe_name_copy(const char *name);

/* Where a demangler puts its output. */
struct spipe_demangle_sink {
    char text[SPIPE_NAME_MAX + 1];
    size_t len;
};

/* The engine, one file for each library that can do it. Writes the readable form of `name`, or its first SPIPE_NAME_MAX
 * + 1 bytes, into the sink; returns 1, or 0 when the name is not one it can read. */
int spipe_demangle_read(const char *name, struct spipe_demangle_sink *sink);

#endif
