/* SPDX-License-Identifier: MIT */
/*
 * The symbols of one ELF image, for looking addresses up: .symtab or .dynsym, .gnu_debugdata where there is one, the
 * names of x86-64 PLT stubs, and the starts of nameless functions as the unwind tables tell them.
 *
 * An address has a name only inside its symbol: [value, value + size), or, for a symbol of assembly code without a
 * size, up to the next symbol of its section. Addresses are those in the file. Built once, then read only; not for
 * several threads while it is built.
 */
#ifndef SPIPE_HOST_SYMBOL_TABLE_H
#define SPIPE_HOST_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

enum spipe_symbol_table_kind {
    SPIPE_SYMBOL_TABLE_NONE = 0,
    SPIPE_SYMBOL_TABLE_DYNSYM = 1,
    SPIPE_SYMBOL_TABLE_SYMTAB = 2
};

struct spipe_symbol_table;

/* Reads the symbols of a module, whose ELF data must outlive the table. Returns SPIPE_E_NO_MEMORY, or SPIPE_E_FORMAT
 * when the module is no ELF image; an image without any symbol gives an empty table. */
int spipe_symbol_table_new(Dwfl_Module *module, struct spipe_symbol_table **ret_table);
void spipe_symbol_table_free(struct spipe_symbol_table *table);

enum spipe_symbol_table_kind spipe_symbol_table_kind(const struct spipe_symbol_table *table);

/* True when the address lies in a section that holds code. */
bool spipe_symbol_table_is_code(const struct spipe_symbol_table *table, uint64_t address);

/* The name of the symbol that holds the address, as the linker knows it, or NULL; a PLT stub has the name of the
 * function it leads to, and `ret_is_plt` says so. `ret_start` is where the symbol begins. Borrowed until the table is
 * freed. */
const char *spipe_symbol_table_find(const struct spipe_symbol_table *table, uint64_t address, bool *ret_is_plt,
                                    uint64_t *ret_start);

/* The start of the function that holds the address by the word of the unwind tables. Returns false when they do not
 * say. */
bool spipe_symbol_table_function_start(const struct spipe_symbol_table *table, uint64_t address, uint64_t *ret_start);

#endif
