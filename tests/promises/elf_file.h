/* SPDX-License-Identifier: MIT */
/*
 * What an ELF file says of its symbols and needs, read from the file itself. 64 bit, of this machine's byte order; the
 * files are our own build's.
 */
#ifndef SPIPE_TESTS_ELF_FILE_H
#define SPIPE_TESTS_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>

struct elf_file {
    unsigned char *bytes;
    size_t len;
};

/* False when there is no such file, or it is something else. */
bool elf_file_open(const char *path, struct elf_file *ret_file);

/* Calls `visit` for each symbol of the table of that type (SHT_SYMTAB or SHT_DYNSYM) that has a name. */
void elf_file_each_symbol(const struct elf_file *file, unsigned table_type,
                          void (*visit)(void *user, const char *name, const Elf64_Sym *symbol), void *user);

/* Calls `visit` for each version of another library's symbols that the file needs, such as "GLIBC_2.17". */
void elf_file_each_needed_version(const struct elf_file *file, void (*visit)(void *user, const char *version),
                                  void *user);

/* Calls `visit` for each entry of the dynamic section; `text` is what its value names in the string table, when it
 * does. */
void elf_file_each_dynamic(const struct elf_file *file,
                           void (*visit)(void *user, const Elf64_Dyn *entry, const char *text), void *user);

void elf_file_close(struct elf_file *file);

#endif
