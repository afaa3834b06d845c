/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/symbol_table.h"

#include "protocol/status.h"
#include "viewer-stub/host/plt_names.h"
#include "viewer-stub/host/ranges.h"
#include "viewer-stub/host/unwind_starts.h"

#include <stdlib.h>
#include <string.h>

struct symbol {
    uint64_t start;
    uint64_t end;     /* equal to `start` while the size is not known */
    const char *name; /* lies in the ELF data */
    uint32_t section; /* index into `code`, where it begins */
    unsigned char binding;
    bool is_plt;
};

/* A section that holds code; a segment where the file has no sections. */
struct code_section {
    uint64_t start;
    uint64_t end;
};

struct spipe_symbol_table {
    struct symbol *symbol;
    size_t count;
    size_t capacity;
    struct code_section *code;
    size_t code_count;
    struct spipe_ranges ranges; /* values are indexes into `symbol` */
    struct spipe_unwind_starts starts;
    enum spipe_symbol_table_kind kind;
    bool has_locals; /* no functions were left out, as .dynsym and some ways to strip do */
};

static size_t count_underscores(const char *name)
{
    return strspn(name, "_");
}

/* Which of two names for the same code is shown: a global one rather than a weak or local one, the one with fewer
 * leading underscores, the longer one, and then by letters, so that the choice never depends on the order in the file.
 */
static int compare_preference(const struct symbol *a, const struct symbol *b)
{
    static const int rank_by_binding[] = {[STB_LOCAL] = 2, [STB_GLOBAL] = 0, [STB_WEAK] = 1};
    int rank_a = a->binding <= STB_WEAK ? rank_by_binding[a->binding] : 0;
    int rank_b = b->binding <= STB_WEAK ? rank_by_binding[b->binding] : 0;
    size_t len_a = strlen(a->name);
    size_t len_b = strlen(b->name);

    if (a->is_plt != b->is_plt)
        return a->is_plt - b->is_plt;
    if (rank_a != rank_b)
        return rank_a - rank_b;
    if (count_underscores(a->name) != count_underscores(b->name))
        return count_underscores(a->name) < count_underscores(b->name) ? -1 : 1;
    if (len_a != len_b)
        return len_a > len_b ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int compare_symbols(const void *left, const void *right)
{
    const struct symbol *a = left;
    const struct symbol *b = right;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1;
    return compare_preference(a, b);
}

static int add_symbol(struct spipe_symbol_table *table, const struct symbol *symbol)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 256;
        struct symbol *grown = realloc(table->symbol, capacity * sizeof *grown);
        if (!grown)
            return SPIPE_E_NO_MEMORY;
        table->symbol = grown;
        table->capacity = capacity;
    }
    table->symbol[table->count++] = *symbol;
    return SPIPE_OK;
}

static int add_code(struct spipe_symbol_table *table, uint64_t start, uint64_t size)
{
    struct code_section *grown = NULL;

    if (size == 0 || size > UINT64_MAX - start)
        return SPIPE_OK;
    grown = realloc(table->code, (table->code_count + 1) * sizeof *grown);
    if (!grown)
        return SPIPE_E_NO_MEMORY;
    table->code = grown;
    grown[table->code_count++] = (struct code_section){start, start + size};
    return SPIPE_OK;
}

static int add_code_sections(struct spipe_symbol_table *table, Elf *elf)
{
    Elf_Scn *section = NULL;
    int status = SPIPE_OK;

    while (status == SPIPE_OK && (section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && (header.sh_flags & SHF_EXECINSTR) && (header.sh_flags & SHF_ALLOC))
            status = add_code(table, header.sh_addr, header.sh_size);
    }
    return status;
}

static int add_code_segments(struct spipe_symbol_table *table, Elf *elf)
{
    size_t count = 0;
    int status = SPIPE_OK;

    if (elf_getphdrnum(elf, &count) != 0)
        return SPIPE_OK;
    for (size_t i = 0; i < count && status == SPIPE_OK; i++) {
        GElf_Phdr header;
        if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD && (header.p_flags & PF_X))
            status = add_code(table, header.p_vaddr, header.p_filesz);
    }
    return status;
}

static bool find_code_section(const struct spipe_symbol_table *table, uint64_t address, uint32_t *ret_section)
{
    for (size_t i = 0; i < table->code_count; i++) {
        if (address >= table->code[i].start && address < table->code[i].end) {
            *ret_section = (uint32_t)i;
            return true;
        }
    }
    return false;
}

static bool may_be_code(const GElf_Sym *symbol, GElf_Word section, const char *name)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);

    if (section == SHN_UNDEF || section == SHN_ABS || section == SHN_COMMON || !name || name[0] == '\0')
        return false;
    /* Names such as $x and .L1 mark places inside functions. */
    if (name[0] == '$' || (name[0] == '.' && name[1] == 'L'))
        return false;
    return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

static bool has_symtab(Elf *elf)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(elf, section)) != NULL) {
        if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
            return true;
    }
    return false;
}

/* The symbols of the module one by one, those of .gnu_debugdata too. Addresses are the file's own. */
static bool read_symbol(Dwfl_Module *module, uint64_t bias, int i, struct symbol *ret_symbol, bool *ret_is_local,
                        Elf **ret_elf)
{
    GElf_Sym raw;
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    const char *name = dwfl_module_getsym_info(module, i, &raw, &address, &section, ret_elf, NULL);

    if (!name || !may_be_code(&raw, section, name))
        return false;
    address -= bias;
    if (raw.st_size > UINT64_MAX - address)
        return false;
    *ret_symbol = (struct symbol){.start = address, .end = address + raw.st_size, .name = name};
    ret_symbol->binding = (unsigned char)GELF_ST_BIND(raw.st_info);
    *ret_is_local = GELF_ST_BIND(raw.st_info) == STB_LOCAL;
    return true;
}

static int read_symbols(struct spipe_symbol_table *table, Dwfl_Module *module, uint64_t bias)
{
    int count = dwfl_module_getsymtab(module);
    Elf *last_elf = NULL;

    for (int i = 1; i < count; i++) {
        struct symbol symbol;
        Elf *elf = NULL;
        bool is_local = false;
        if (!read_symbol(module, bias, i, &symbol, &is_local, &elf) ||
            !find_code_section(table, symbol.start, &symbol.section))
            continue;
        if (add_symbol(table, &symbol) != SPIPE_OK)
            return SPIPE_E_NO_MEMORY;
        table->has_locals = table->has_locals || is_local;
        if (elf != last_elf && table->kind != SPIPE_SYMBOL_TABLE_SYMTAB)
            table->kind = has_symtab(elf) ? SPIPE_SYMBOL_TABLE_SYMTAB : SPIPE_SYMBOL_TABLE_DYNSYM;
        last_elf = elf;
    }
    return SPIPE_OK;
}

struct plt_context {
    struct spipe_symbol_table *table;
    int status;
};

static void add_plt_name(void *user, uint64_t start, uint64_t end, const char *name)
{
    struct plt_context *context = user;
    struct symbol symbol = {start, end, name, 0, STB_GLOBAL, true};

    if (find_code_section(context->table, start, &symbol.section) && context->status == SPIPE_OK)
        context->status = add_symbol(context->table, &symbol);
}

/* A symbol without a size ends where the next one of its section begins, or with the section. The table is sorted. */
static void end_sizeless(struct spipe_symbol_table *table)
{
    uint64_t next_start = UINT64_MAX;

    for (size_t i = table->count; i-- > 0;) {
        struct symbol *symbol = &table->symbol[i];
        uint64_t section_end = table->code[symbol->section].end;
        if (i + 1 < table->count && table->symbol[i + 1].start != symbol->start)
            next_start = table->symbol[i + 1].start;
        if (symbol->end == symbol->start)
            symbol->end = next_start < section_end ? next_start : section_end;
        else if (symbol->end > section_end)
            symbol->end = section_end;
    }
}

/* True when a symbol with a size holds this address: then a symbol without one only marks a place. */
static bool is_covered(const struct spipe_ranges *sized, uint64_t address)
{
    return spipe_ranges_find(sized, address) != NULL;
}

/* Symbols with a size first; those without one only where none of these is, and only when no function was left out that
 * might stand behind them. */
static int add_ranges(struct spipe_symbol_table *table)
{
    struct spipe_ranges sized;
    bool *has_size = calloc(table->count + 1, sizeof *has_size);
    int status = has_size ? SPIPE_OK : SPIPE_E_NO_MEMORY;

    spipe_ranges_init(&sized);
    for (size_t i = 0; i < table->count && status == SPIPE_OK; i++) {
        has_size[i] = table->symbol[i].end > table->symbol[i].start;
        status = spipe_ranges_add(&sized, table->symbol[i].start, table->symbol[i].end, (uint32_t)i);
    }
    if (status == SPIPE_OK)
        status = spipe_ranges_finish(&sized);
    if (status == SPIPE_OK)
        end_sizeless(table);
    for (size_t i = 0; i < table->count && status == SPIPE_OK; i++) {
        const struct symbol *symbol = &table->symbol[i];
        if (has_size[i] || (table->has_locals && !is_covered(&sized, symbol->start)))
            status = spipe_ranges_add(&table->ranges, symbol->start, symbol->end, (uint32_t)i);
    }
    spipe_ranges_done(&sized);
    free(has_size);
    return status == SPIPE_OK ? spipe_ranges_finish(&table->ranges) : status;
}

static int fill(struct spipe_symbol_table *table, Dwfl_Module *module)
{
    GElf_Addr bias = 0;
    Elf *elf = dwfl_module_getelf(module, &bias);
    struct plt_context context = {table, SPIPE_OK};
    int status = SPIPE_OK;

    if (!elf)
        return SPIPE_E_FORMAT;
    status = add_code_sections(table, elf);
    if (status == SPIPE_OK && table->code_count == 0)
        status = add_code_segments(table, elf);
    if (status == SPIPE_OK)
        status = read_symbols(table, module, bias);
    if (status == SPIPE_OK) {
        spipe_plt_names(elf, add_plt_name, &context);
        status = context.status;
    }
    if (status == SPIPE_OK && table->count > 0)
        qsort(table->symbol, table->count, sizeof *table->symbol, compare_symbols);
    if (status == SPIPE_OK)
        status = add_ranges(table);
    if (status == SPIPE_OK)
        spipe_unwind_starts_init(&table->starts, elf);
    return status;
}

int spipe_symbol_table_new(Dwfl_Module *module, struct spipe_symbol_table **ret_table)
{
    struct spipe_symbol_table *table = calloc(1, sizeof *table);
    int status = SPIPE_E_NO_MEMORY;

    if (!table)
        return status;
    spipe_ranges_init(&table->ranges);
    status = fill(table, module);
    if (status != SPIPE_OK) {
        spipe_symbol_table_free(table);
        return status;
    }
    *ret_table = table;
    return SPIPE_OK;
}

void spipe_symbol_table_free(struct spipe_symbol_table *table)
{
    if (!table)
        return;
    spipe_ranges_done(&table->ranges);
    free(table->symbol);
    free(table->code);
    free(table);
}

enum spipe_symbol_table_kind spipe_symbol_table_kind(const struct spipe_symbol_table *table)
{
    return table->kind;
}

bool spipe_symbol_table_is_code(const struct spipe_symbol_table *table, uint64_t address)
{
    uint32_t section = 0;

    return find_code_section(table, address, &section);
}

const char *spipe_symbol_table_find(const struct spipe_symbol_table *table, uint64_t address, bool *ret_is_plt,
                                    uint64_t *ret_start)
{
    const struct spipe_range *range = spipe_ranges_find(&table->ranges, address);
    const struct symbol *symbol = NULL;

    if (!range)
        return NULL;
    symbol = &table->symbol[range->value];
    *ret_is_plt = symbol->is_plt;
    *ret_start = symbol->start;
    return symbol->name;
}

bool spipe_symbol_table_function_start(const struct spipe_symbol_table *table, uint64_t address, uint64_t *ret_start)
{
    return spipe_unwind_starts_find(&table->starts, address, ret_start);
}
