/* SPDX-License-Identifier: MIT */
/*
 * Where the names of one image come from: its own file, if it is the very file that ran (see image_file.h), or its
 * separate debug file.
 *
 * Separate debug files are found by build id under /usr/lib/debug, by .gnu_debuglink and .gnu_debugdata; one that is no plain
 * file is never opened. A debuginfod server is asked only when DEBUGINFOD_URLS is set in the environment. Not for several
 * threads at once.
 */
#ifndef SPIPE_HOST_SYMBOL_FILE_H
#define SPIPE_HOST_SYMBOL_FILE_H

#include "protocol/record.h"
#include "viewer-stub/host/debug_info.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the names of an image come from, or why there are none. */
enum spipe_symbol_source {
    SPIPE_SYMBOL_SOURCE_DEBUG_INFO = 0,
    SPIPE_SYMBOL_SOURCE_SYMTAB = 1,
    SPIPE_SYMBOL_SOURCE_DYNSYM = 2,
    SPIPE_SYMBOL_SOURCE_STRIPPED = 3,
    SPIPE_SYMBOL_SOURCE_BUILD_ID_DIFFERS = 4,
    SPIPE_SYMBOL_SOURCE_FILE_MISSING = 5,
    SPIPE_SYMBOL_SOURCE_UNREADABLE = 6, /* no permission, no plain file, no ELF image */
    SPIPE_SYMBOL_SOURCE_NO_FILE = 7     /* memory without a file */
};

/* One function that runs at a place. All texts are borrowed from the file's object and never NULL. */
struct spipe_symbol_place {
    const char *name; /* as the linker knows it, maybe mangled; "" when there is none */
    bool is_plt;      /* the stub that leads to `name` */
    uint64_t start;   /* with a name of the symbol table, or with none: the start of the function, or the
                         address itself when that is not known */
    const char *file; /* what runs, or the call of the next inlined function */
    uint32_t line;
    const char *declared_file;
    uint32_t declared_line;
};

struct spipe_symbol_file;

/* Finds and opens the file for an image. Fails with SPIPE_E_NO_MEMORY only: without a file the object says why. */
int spipe_symbol_file_open(const char *path, struct spipe_bytes build_id, struct spipe_symbol_file **ret_file);
void spipe_symbol_file_close(struct spipe_symbol_file *file);

enum spipe_symbol_source spipe_symbol_file_source(const struct spipe_symbol_file *file);

/* True when the file was taken although neither it nor the recorded image has a build id. */
bool spipe_symbol_file_is_unproven(const struct spipe_symbol_file *file);

/* The functions that run at an address of the file, outermost first: at least one, whose name may be "". Returns their
 * number; `ret_places` has room for SPIPE_INLINED_MAX. */
size_t spipe_symbol_file_find(struct spipe_symbol_file *file, uint64_t address, struct spipe_symbol_place *ret_places);

/* In a few words, such as "dynsym" or "build id differs". A static string. */
const char *spipe_symbol_source_name(enum spipe_symbol_source source);

#endif
