/* SPDX-License-Identifier: MIT */
/* Which function each stub of an x86-64 image's procedure linkage table leads to. */
#ifndef SPIPE_HOST_PLT_NAMES_H
#define SPIPE_HOST_PLT_NAMES_H

#include <gelf.h>
#include <stdint.h>

/* Calls `found` for each stub whose target is certain: the stub jumps through a slot, or pushes an index, for which
 * there is a relocation with a symbol. `name` lies in the ELF data. Other machines' images have no stubs that we know.
 */
void spipe_plt_names(Elf *elf, void (*found)(void *user, uint64_t start, uint64_t end, const char *name), void *user);

#endif
