/* SPDX-License-Identifier: MIT */
/*
 * Functions, inlined functions, files and lines of one image, from its DWARF.
 *
 * Units are indexed by address when the object is made, functions of a unit on the first lookup inside it; nothing is
 * read twice. (.debug_aranges is not relied on: clang leaves it out.) Addresses are those in the file. Not for several
 * threads.
 */
#ifndef SPIPE_HOST_DEBUG_INFO_H
#define SPIPE_HOST_DEBUG_INFO_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest chain of inlined functions that is told; deeper ones lose their innermost. */
#define SPIPE_INLINED_MAX 64u

/* A function as the debug information declares it. One object for each function of an image. Texts are never NULL. */
struct spipe_debug_function {
    const char *name; /* as the linker knows it, maybe mangled, or else the name in the source */
    bool is_linkage_name;
    bool is_in_scopes; /* the language has namespaces or classes, so that the name in the source may not be all */
    const char *file;  /* where it is declared, "" when not known */
    uint32_t line;
};

/* One function that runs at a place. */
struct spipe_debug_place {
    const struct spipe_debug_function *function; /* NULL: a place outside all functions of the debug information */
    const char *file; /* what runs at this place, or the call of the next, inlined, function; "" when not known */
    uint32_t line;
};

struct spipe_debug_info;

/* Tells whether an address holds code of the image. */
typedef bool (*spipe_debug_is_code)(const void *user, uint64_t address);

/* Indexes the units of a module, which must outlive the object; it may look for separate debug files.
 * SPIPE_E_NOT_FOUND: the module has no debug information. `is_code` with `user` keeps what the linker threw away, whose
 * addresses lie elsewhere, out. */
int spipe_debug_info_new(Dwfl_Module *module, spipe_debug_is_code is_code, const void *user,
                         struct spipe_debug_info **ret_info);
void spipe_debug_info_free(struct spipe_debug_info *info);

/* The functions that run at an address, outermost first. Returns how many were put into `ret_places`, which has room
 * for SPIPE_INLINED_MAX; 0: the address is in no unit. What they point to lives as long as the object. */
size_t spipe_debug_info_find(struct spipe_debug_info *info, uint64_t address, struct spipe_debug_place *ret_places);

#endif
