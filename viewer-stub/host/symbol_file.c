/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/symbol_file.h"

#include "protocol/status.h"
#include "viewer-stub/host/image_file.h"
#include "viewer-stub/host/symbol_table.h"

#include <elfutils/libdwfl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct spipe_symbol_file {
    Dwfl *dwfl;
    Dwfl_Module *module;
    struct spipe_symbol_table *table;
    struct spipe_debug_info *debug; /* NULL when there is none */
    enum spipe_symbol_source source;
    bool is_unproven;
};

/* Could opening it do more than reading a file does? What is not there does no harm. */
static bool is_odd_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

/* The name that is looked for beside an image: the one that it links to, or its own with .debug behind it. */
static bool has_odd_file_beside(const char *image, const char *link)
{
    const char *slash = strrchr(image, '/');
    const char *base = slash ? slash + 1 : image;
    int folder_len = (int)(base - image);
    char path[2][PATH_MAX];

    if (link && link[0] == '/')
        return is_odd_file(link);
    for (int i = 0; i < 2; i++) {
        int len = snprintf(path[i], sizeof path[i], "%.*s%s%s%s", folder_len, image, i ? ".debug/" : "",
                           link ? link : base, link ? "" : ".debug");
        if (len >= (int)sizeof path[i] || is_odd_file(path[i]))
            return true;
    }
    return false;
}

/* libdw opens whatever has the right name, and waits for a FIFO until somebody writes to it. Then only what is found by
 * build id counts, which lies where the system keeps it. */
static int find_debug_info(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, const char *file,
                           const char *link, GElf_Word crc, char **ret_name)
{
    char resolved[PATH_MAX];
    bool is_odd = (link && link[0] == '\0') || (file && has_odd_file_beside(file, link)) ||
                  (file && realpath(file, resolved) && has_odd_file_beside(resolved, link));

    if (is_odd)
        return dwfl_build_id_find_debuginfo(module, user, name, base, file, link, crc, ret_name);
    return dwfl_standard_find_debuginfo(module, user, name, base, file, link, crc, ret_name);
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = find_debug_info,
    .section_address = dwfl_offline_section_address,
};

static void drop_module(struct spipe_symbol_file *file)
{
    if (file->dwfl)
        dwfl_end(file->dwfl);
    file->dwfl = NULL;
    file->module = NULL;
}

/* Makes a module of the ELF image in `fd`, which is taken over. */
static bool take_image(struct spipe_symbol_file *file, const char *path, int fd)
{
    GElf_Addr bias = 0;

    file->dwfl = dwfl_begin(&callbacks);
    if (file->dwfl) {
        dwfl_report_begin(file->dwfl);
        file->module = dwfl_report_elf(file->dwfl, path, path, fd, 0, true);
        dwfl_report_end(file->dwfl, NULL, NULL);
    }
    if (!file->module)
        close(fd);
    if (file->module && dwfl_module_getelf(file->module, &bias))
        return true;
    drop_module(file);
    return false;
}

/* Finds the file that ran; without it, `source` says why. */
static bool take_any(struct spipe_symbol_file *file, const char *path, struct spipe_bytes build_id)
{
    static const enum spipe_symbol_source by_verdict[] = {
        [SPIPE_IMAGE_FILE_PROVEN] = SPIPE_SYMBOL_SOURCE_UNREADABLE,
        [SPIPE_IMAGE_FILE_UNPROVEN] = SPIPE_SYMBOL_SOURCE_UNREADABLE,
        [SPIPE_IMAGE_FILE_BUILD_ID_DIFFERS] = SPIPE_SYMBOL_SOURCE_BUILD_ID_DIFFERS,
        [SPIPE_IMAGE_FILE_MISSING] = SPIPE_SYMBOL_SOURCE_FILE_MISSING,
        [SPIPE_IMAGE_FILE_UNREADABLE] = SPIPE_SYMBOL_SOURCE_UNREADABLE,
        [SPIPE_IMAGE_FILE_NONE] = SPIPE_SYMBOL_SOURCE_NO_FILE,
    };
    enum spipe_image_file_verdict verdict;
    int fd = spipe_image_file_open(path, build_id, &verdict);

    file->source = by_verdict[verdict];
    file->is_unproven = verdict == SPIPE_IMAGE_FILE_UNPROVEN;
    return fd >= 0 && take_image(file, path, fd);
}

static bool is_code(const void *user, uint64_t address)
{
    return spipe_symbol_table_is_code(user, address);
}

/* Reads the tables of the module and says what they are worth. */
static int read_tables(struct spipe_symbol_file *file)
{
    static const enum spipe_symbol_source by_kind[] = {
        [SPIPE_SYMBOL_TABLE_NONE] = SPIPE_SYMBOL_SOURCE_STRIPPED,
        [SPIPE_SYMBOL_TABLE_DYNSYM] = SPIPE_SYMBOL_SOURCE_DYNSYM,
        [SPIPE_SYMBOL_TABLE_SYMTAB] = SPIPE_SYMBOL_SOURCE_SYMTAB,
    };
    int status = spipe_symbol_table_new(file->module, &file->table);

    if (status == SPIPE_E_FORMAT) {
        file->source = SPIPE_SYMBOL_SOURCE_UNREADABLE;
        return SPIPE_OK;
    }
    if (status != SPIPE_OK)
        return status;
    file->source = by_kind[spipe_symbol_table_kind(file->table)];
    status = spipe_debug_info_new(file->module, is_code, file->table, &file->debug);
    if (status == SPIPE_OK)
        file->source = SPIPE_SYMBOL_SOURCE_DEBUG_INFO;
    return status == SPIPE_E_NO_MEMORY ? status : SPIPE_OK;
}

static bool is_mangled(const char *name)
{
    return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

/* A C function may have several names, and the debug information tells the one in the source, such as __libc_malloc.
 * The symbol table prefers the one that others call it by. A dot marks what the compiler has split or copied. */
static bool is_better_alias(const struct spipe_debug_function *function, const struct spipe_symbol_place *symbol)
{
    return !function->is_in_scopes && symbol->name[0] != '\0' && !symbol->is_plt && !strchr(symbol->name, '.');
}

/* What the symbol table says about an address. */
static struct spipe_symbol_place place_by_symbol(const struct spipe_symbol_file *file, uint64_t address)
{
    struct spipe_symbol_place place = {"", false, address, "", 0, "", 0};
    const char *name = spipe_symbol_table_find(file->table, address, &place.is_plt, &place.start);

    if (name)
        place.name = name;
    else
        spipe_symbol_table_function_start(file->table, address, &place.start);
    return place;
}

/* Puts what the debug information knows over what the symbol table says. Where it knows only the bare name of a
 * function in a namespace or class, the symbol of the whole function says more. */
static struct spipe_symbol_place merge(const struct spipe_debug_place *debug, const struct spipe_symbol_place *symbol,
                                       bool is_outermost)
{
    struct spipe_symbol_place place = *symbol;
    const struct spipe_debug_function *function = debug->function;

    place.file = debug->file;
    place.line = debug->line;
    if (!function)
        return place;
    place.declared_file = function->file;
    place.declared_line = function->line;
    if (function->name[0] == '\0')
        return place;
    if (is_outermost && function->is_in_scopes && !function->is_linkage_name && is_mangled(symbol->name))
        return place;
    if (is_outermost && is_better_alias(function, symbol))
        return place;
    place.name = function->name;
    place.is_plt = false;
    return place;
}

int spipe_symbol_file_open(const char *path, struct spipe_bytes build_id, struct spipe_symbol_file **ret_file)
{
    struct spipe_symbol_file *file = calloc(1, sizeof *file);
    int status = SPIPE_OK;

    if (!file)
        return SPIPE_E_NO_MEMORY;
    if (take_any(file, path, build_id))
        status = read_tables(file);
    if (status != SPIPE_OK) {
        spipe_symbol_file_close(file);
        return status;
    }
    *ret_file = file;
    return SPIPE_OK;
}

void spipe_symbol_file_close(struct spipe_symbol_file *file)
{
    if (!file)
        return;
    spipe_debug_info_free(file->debug);
    spipe_symbol_table_free(file->table);
    drop_module(file);
    free(file);
}

enum spipe_symbol_source spipe_symbol_file_source(const struct spipe_symbol_file *file)
{
    return file->source;
}

bool spipe_symbol_file_is_unproven(const struct spipe_symbol_file *file)
{
    return file->module && file->is_unproven;
}

size_t spipe_symbol_file_find(struct spipe_symbol_file *file, uint64_t address, struct spipe_symbol_place *ret_places)
{
    struct spipe_debug_place debug[SPIPE_INLINED_MAX];
    struct spipe_symbol_place symbol = {"", false, address, "", 0, "", 0};
    size_t count = 0;

    if (!file->table || !spipe_symbol_table_is_code(file->table, address)) {
        ret_places[0] = symbol;
        return 1;
    }
    symbol = place_by_symbol(file, address);
    if (file->debug)
        count = spipe_debug_info_find(file->debug, address, debug);
    for (size_t i = 0; i < count; i++)
        ret_places[i] = merge(&debug[i], &symbol, i == 0);
    if (count == 0)
        ret_places[0] = symbol;
    return count ? count : 1;
}

const char *spipe_symbol_source_name(enum spipe_symbol_source source)
{
    static const char *const name[] = {"debug info",       "symtab",       "dynsym",     "stripped",
                                       "build id differs", "file missing", "unreadable", "no file"};

    return (unsigned)source < sizeof name / sizeof name[0] ? name[source] : "unknown";
}
