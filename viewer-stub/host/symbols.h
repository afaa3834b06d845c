/* SPDX-License-Identifier: MIT */
/*
 * Names for the frames of a store: functions, inlined functions, files and lines.
 *
 * Everything is looked up on demand and once: an image's file is opened when the first of its frames is asked for, and
 * what a frame stands for is kept. Native code is named from the files on this machine (symbol_file.h tells which ones
 * count), managed methods and stand-ins from the store. There is never a wrong name: code without one is called
 * "image+0xaddress", by its address in the file, and by that of its function's start where the unwind tables tell it,
 * so that a stripped program's functions stay apart.
 *
 * Function ids are small numbers from 0 on. Texts never move and live as long as the object, which must not outlive its
 * store. The store may grow meanwhile. One thread at a time.
 */
#ifndef SPIPE_HOST_SYMBOLS_H
#define SPIPE_HOST_SYMBOLS_H

#include "calltree.h"
#include "host_api.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spipe_symbols;

enum spipe_symbols_kind {
    SPIPE_SYMBOLS_NAMED = 0,     /* a function with a name */
    SPIPE_SYMBOLS_NAMELESS = 1,  /* "image+0xaddress" */
    SPIPE_SYMBOLS_METHOD = 2,    /* a managed method, named by the agent */
    SPIPE_SYMBOLS_GENERATED = 3, /* code in memory without a file: "[generated code]" */
    SPIPE_SYMBOLS_STAND_IN = 4   /* why a stack ends, or what is not shown, such as "[too deep]" */
};

struct spipe_symbols_function {
    const char *name;
    uint32_t image;         /* its index in the store; SPIPE_STORE_NONE for methods and stand-ins */
    const char *image_path; /* "" when it has none */
    const char *image_name; /* the last part of the path */
    const char *file;       /* where the function is declared, "" when not known */
    uint32_t line;
    enum spipe_symbols_kind kind;
};

/* One function that a frame stands for. */
struct spipe_symbols_place {
    uint32_t function;
    const char *file; /* the line that runs, or that calls the next inlined function; "" when not known */
    uint32_t line;
};

/* Returns NULL when there is no memory. Nothing is read yet. */
SPIPE_HOST_API struct spipe_symbols *spipe_symbols_new(const struct spipe_store *store);
SPIPE_HOST_API void spipe_symbols_free(struct spipe_symbols *symbols);

/* What a frame stands for, the outermost function first, inlined ones after it. Returns how many: at least one, also
 * when there is no memory to find out (a function called "[out of memory]"). Borrowed until the next call. */
SPIPE_HOST_API size_t spipe_symbols_frame(struct spipe_symbols *symbols, uint32_t frame,
                                          const struct spipe_symbols_place **ret_places);

/* How many functions have been named so far, and one of them. */
SPIPE_HOST_API uint32_t spipe_symbols_function_count(const struct spipe_symbols *symbols);
SPIPE_HOST_API void spipe_symbols_get_function(const struct spipe_symbols *symbols, uint32_t function,
                                               struct spipe_symbols_function *ret_function);

/* Where the names of an image come from, or why it has none, in a few words: "debug info", "symtab", "dynsym",
 * "stripped", "build id differs", "file missing", "unreadable", "no file". Opens the file if that has not happened.
 * `ret_is_unproven` (may be NULL): the file was taken although neither side has a build id to compare. */
SPIPE_HOST_API const char *spipe_symbols_image_source(struct spipe_symbols *symbols, uint32_t image,
                                                      bool *ret_is_unproven);

/* The same as an answer for spipe_calltree_init() and spipe_summary_init(). Valid as long as `symbols`. */
SPIPE_HOST_API struct spipe_naming spipe_symbols_naming(struct spipe_symbols *symbols);

#ifdef __cplusplus
}
#endif

#endif
