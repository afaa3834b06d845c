/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/debug_info.h"

#include "protocol/status.h"
#include "viewer-stub/host/ranges.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries of a unit are nested; hostile input could nest them without end. */
#define NESTING_MAX     200u
#define SCOPED_NAME_MAX 1024u

/* A function as kept: the public part, and which entry declares it. */
struct function {
    struct spipe_debug_function known;
    const void *declared_at; /* the entry's bytes */
    char *scoped_name;       /* owned, may be NULL */
};

struct unit {
    Dwarf_Die die;              /* of the split unit where there is one */
    Dwarf_Die line_die;         /* which has the line table */
    struct spipe_ranges ranges; /* of its functions; values are indexes into `code_die` */
    Dwarf_Die *code_die;
    size_t count;
    size_t capacity;
    bool is_indexed;
};

struct spipe_debug_info {
    uint64_t bias; /* what libdw's addresses must be moved by to be the file's */
    spipe_debug_is_code is_code;
    const void *user;
    struct unit *unit;
    size_t count;
    size_t capacity;
    struct spipe_ranges ranges; /* values are indexes into `unit` */
    void *functions;            /* a tree of struct function by `declared_at` */
};

static int compare_functions(const void *left, const void *right)
{
    const struct function *a = left;
    const struct function *b = right;

    return (a->declared_at > b->declared_at) - (a->declared_at < b->declared_at);
}

static void free_function(void *node)
{
    struct function *function = node;

    free(function->scoped_name);
    free(function);
}

static const char *linkage_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = NULL;

    if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute))
        name = dwarf_formstring(&attribute);
    if (!name && dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
        name = dwarf_formstring(&attribute);
    return name;
}

/* The entry that declares what `die` is an instance of: abstract origin and specification followed to their end. */
static Dwarf_Die find_declaration(Dwarf_Die *die)
{
    Dwarf_Die current = *die;

    for (unsigned steps = 0; steps < 8; steps++) {
        Dwarf_Attribute attribute;
        Dwarf_Die next;
        if (!dwarf_attr(&current, DW_AT_abstract_origin, &attribute) &&
            !dwarf_attr(&current, DW_AT_specification, &attribute))
            break;
        if (!dwarf_formref_die(&attribute, &next))
            break;
        current = next;
    }
    return current;
}

static bool language_has_scopes(Dwarf_Die *unit_die)
{
    switch (dwarf_srclang(unit_die)) {
    case DW_LANG_C:
    case DW_LANG_C89:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case DW_LANG_Mips_Assembler:
        return false;
    default:
        return true;
    }
}

static bool is_scope(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type ||
           tag == DW_TAG_union_type || tag == DW_TAG_module || tag == DW_TAG_subprogram;
}

/* What a scope is called; the class of a lambda has no name. */
static const char *scope_name(Dwarf_Die *scope)
{
    const char *name = dwarf_diename(scope);

    if (name)
        return name;
    return dwarf_tag(scope) == DW_TAG_namespace ? "(anonymous namespace)" : "{unnamed}";
}

/* "outer::inner::name" from the entries around a declaration, in memory of its own; NULL when there are none. */
static char *scoped_name(Dwarf_Die *declaration, const char *name)
{
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(declaration, &scopes);
    char text[SCOPED_NAME_MAX];
    size_t len = 0;

    for (int i = count; i-- > 1;) {
        int added = 0;
        if (!is_scope(dwarf_tag(&scopes[i])))
            continue;
        added = snprintf(text + len, sizeof text - len, "%s::", scope_name(&scopes[i]));
        if (added < 0 || (size_t)added >= sizeof text - len)
            break;
        len += (size_t)added;
    }
    free(scopes);
    if (len == 0)
        return NULL;
    snprintf(text + len, sizeof text - len, "%s", name);
    return strdup(text);
}

static void fill_function(struct function *function, Dwarf_Die *die, Dwarf_Die *declaration, bool has_scopes)
{
    /* In C a linkage name is an alias for the library's own use, such as __GI___qsort_r. */
    const char *name = has_scopes ? linkage_name(die) : NULL;
    const char *file = dwarf_decl_file(die);
    int line = 0;

    function->known.is_linkage_name = name != NULL;
    function->known.is_in_scopes = has_scopes;
    if (!name)
        name = dwarf_diename(die);
    if (name && !function->known.is_linkage_name && has_scopes)
        function->scoped_name = scoped_name(declaration, name);
    function->known.name = function->scoped_name ? function->scoped_name : name ? name : "";
    function->known.file = file ? file : "";
    if (dwarf_decl_line(die, &line) == 0 && line > 0)
        function->known.line = (uint32_t)line;
}

/* The one object for the function that `die` is an instance of, or NULL when there is no memory. */
static const struct spipe_debug_function *get_function(struct spipe_debug_info *info, struct unit *unit, Dwarf_Die *die)
{
    Dwarf_Die declaration = find_declaration(die);
    struct function key = {.declared_at = declaration.addr};
    struct function *function = NULL;
    void *node = tfind(&key, &info->functions, compare_functions);

    if (node)
        return &(*(struct function **)node)->known;
    function = calloc(1, sizeof *function);
    if (!function)
        return NULL;
    function->declared_at = declaration.addr;
    fill_function(function, die, &declaration, language_has_scopes(&unit->die));
    if (!tsearch(function, &info->functions, compare_functions)) {
        free_function(function);
        return NULL;
    }
    return &function->known;
}

/* Adds the address ranges of an entry that begin in code. */
static int add_ranges(struct spipe_debug_info *info, Dwarf_Die *die, uint32_t value, struct spipe_ranges *ranges)
{
    Dwarf_Addr base = 0;
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    ptrdiff_t offset = 0;
    int status = SPIPE_OK;

    while (status == SPIPE_OK && (offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0) {
        if (info->is_code(info->user, start + info->bias))
            status = spipe_ranges_add(ranges, start + info->bias, end + info->bias, value);
    }
    return status;
}

static int add_code_die(struct spipe_debug_info *info, struct unit *unit, Dwarf_Die *die)
{
    if (unit->count == unit->capacity) {
        size_t capacity = unit->capacity ? unit->capacity * 2 : 32;
        Dwarf_Die *grown = realloc(unit->code_die, capacity * sizeof *grown);
        if (!grown)
            return SPIPE_E_NO_MEMORY;
        unit->code_die = grown;
        unit->capacity = capacity;
    }
    unit->code_die[unit->count] = *die;
    return add_ranges(info, die, (uint32_t)unit->count++, &unit->ranges);
}

/* Finds every function with code among the children of `parent`, at any depth. */
static int index_children(struct spipe_debug_info *info, struct unit *unit, Dwarf_Die *parent, unsigned depth)
{
    Dwarf_Die die;
    int status = SPIPE_OK;

    if (depth == NESTING_MAX || dwarf_child(parent, &die) != 0)
        return SPIPE_OK;
    do {
        int tag = dwarf_tag(&die);
        if (tag == DW_TAG_subprogram && (dwarf_hasattr(&die, DW_AT_low_pc) || dwarf_hasattr(&die, DW_AT_ranges)))
            status = add_code_die(info, unit, &die);
        if (status == SPIPE_OK && tag != DW_TAG_inlined_subroutine && tag != DW_TAG_enumeration_type &&
            tag != DW_TAG_subroutine_type && dwarf_haschildren(&die) == 1)
            status = index_children(info, unit, &die, depth + 1);
    } while (status == SPIPE_OK && dwarf_siblingof(&die, &die) == 0);
    return status;
}

static int index_unit(struct spipe_debug_info *info, struct unit *unit)
{
    int status = SPIPE_OK;

    if (unit->is_indexed)
        return SPIPE_OK;
    unit->is_indexed = true;
    status = index_children(info, unit, &unit->die, 0);
    return status == SPIPE_OK ? spipe_ranges_finish(&unit->ranges) : status;
}

/* The child of `die`, through lexical blocks, that is a function inlined at `pc`. */
static bool find_inlined(Dwarf_Die *die, Dwarf_Addr pc, unsigned depth, Dwarf_Die *ret_die)
{
    Dwarf_Die child;

    if (depth == NESTING_MAX || dwarf_child(die, &child) != 0)
        return false;
    do {
        int tag = dwarf_tag(&child);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
            continue;
        if (dwarf_haspc(&child, pc) <= 0)
            continue;
        if (tag == DW_TAG_inlined_subroutine) {
            *ret_die = child;
            return true;
        }
        if (find_inlined(&child, pc, depth + 1, ret_die))
            return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

static uint32_t attribute_number(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;

    if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0 || value > UINT32_MAX)
        return 0;
    return (uint32_t)value;
}

/* Where the inlined function `die` was called. */
static void fill_call(struct unit *unit, Dwarf_Die *die, struct spipe_debug_place *place)
{
    Dwarf_Files *files = NULL;
    size_t count = 0;
    uint32_t file = attribute_number(die, DW_AT_call_file);
    const char *name = NULL;

    place->line = attribute_number(die, DW_AT_call_line);
    if (dwarf_getsrcfiles(&unit->line_die, &files, &count) == 0 && file < count)
        name = dwarf_filesrc(files, file, NULL, NULL);
    place->file = name ? name : "";
}

static void fill_line(struct unit *unit, Dwarf_Addr pc, struct spipe_debug_place *place)
{
    Dwarf_Line *line = dwarf_getsrc_die(&unit->line_die, pc);
    const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    int number = 0;

    place->file = file ? file : "";
    place->line = line && dwarf_lineno(line, &number) == 0 && number > 0 ? (uint32_t)number : 0;
}

static int add_unit(struct spipe_debug_info *info, Dwarf_Die *die)
{
    struct unit *unit = NULL;
    Dwarf_Die split;
    uint8_t kind = 0;

    if (info->count == info->capacity) {
        size_t capacity = info->capacity ? info->capacity * 2 : 64;
        struct unit *grown = realloc(info->unit, capacity * sizeof *grown);
        if (!grown)
            return SPIPE_E_NO_MEMORY;
        info->unit = grown;
        info->capacity = capacity;
    }
    unit = &info->unit[info->count];
    memset(unit, 0, sizeof *unit);
    spipe_ranges_init(&unit->ranges);
    unit->die = *die;
    unit->line_die = *die;
    if (dwarf_cu_info(die->cu, NULL, &kind, NULL, &split, NULL, NULL, NULL) == 0 && kind == DW_UT_skeleton &&
        split.addr)
        unit->die = split;
    return add_ranges(info, die, (uint32_t)info->count++, &info->ranges);
}

static int index_units(struct spipe_debug_info *info, Dwfl_Module *module)
{
    Dwarf_Die *die = NULL;
    Dwarf_Addr bias = 0;
    int status = SPIPE_OK;

    while (status == SPIPE_OK && (die = dwfl_module_nextcu(module, die, &bias)) != NULL)
        status = add_unit(info, die);
    return status == SPIPE_OK ? spipe_ranges_finish(&info->ranges) : status;
}

int spipe_debug_info_new(Dwfl_Module *module, spipe_debug_is_code is_code, const void *user,
                         struct spipe_debug_info **ret_info)
{
    Dwarf_Addr bias = 0;
    GElf_Addr elf_bias = 0;
    struct spipe_debug_info *info = NULL;
    int status = SPIPE_OK;

    if (!dwfl_module_getdwarf(module, &bias) || !dwfl_module_getelf(module, &elf_bias))
        return SPIPE_E_NOT_FOUND;
    info = calloc(1, sizeof *info);
    if (!info)
        return SPIPE_E_NO_MEMORY;
    info->bias = bias - elf_bias;
    info->is_code = is_code;
    info->user = user;
    spipe_ranges_init(&info->ranges);
    status = index_units(info, module);
    if (status == SPIPE_OK && info->count == 0)
        status = SPIPE_E_NOT_FOUND;
    if (status != SPIPE_OK) {
        spipe_debug_info_free(info);
        return status;
    }
    *ret_info = info;
    return SPIPE_OK;
}

void spipe_debug_info_free(struct spipe_debug_info *info)
{
    if (!info)
        return;
    for (size_t i = 0; i < info->count; i++) {
        spipe_ranges_done(&info->unit[i].ranges);
        free(info->unit[i].code_die);
    }
    spipe_ranges_done(&info->ranges);
    tdestroy(info->functions, free_function);
    free(info->unit);
    free(info);
}

size_t spipe_debug_info_find(struct spipe_debug_info *info, uint64_t address, struct spipe_debug_place *ret_places)
{
    const struct spipe_range *range = spipe_ranges_find(&info->ranges, address);
    Dwarf_Addr pc = address - info->bias;
    struct unit *unit = range ? &info->unit[range->value] : NULL;
    Dwarf_Die die;
    size_t count = 0;

    if (!unit || index_unit(info, unit) != SPIPE_OK)
        return 0;
    range = spipe_ranges_find(&unit->ranges, address);
    if (range) {
        die = unit->code_die[range->value];
        ret_places[count++].function = get_function(info, unit, &die);
        while (count < SPIPE_INLINED_MAX && find_inlined(&die, pc, 0, &die)) {
            fill_call(unit, &die, &ret_places[count - 1]);
            ret_places[count++].function = get_function(info, unit, &die);
        }
    } else {
        ret_places[count++].function = NULL;
    }
    fill_line(unit, pc, &ret_places[count - 1]);
    return count;
}
