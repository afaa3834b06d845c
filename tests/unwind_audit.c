/* SPDX-License-Identifier: MIT */
/*
 * Compares compiled unwind tables with libdw's reading of the same files, address by address.
 *
 *     unwind_audit [-n MAX_ADDRESSES] [FILE...]
 *
 * Looks at every row's offset and its two neighbours and at places between, or at a regular choice of that many.
 * Without files, at those that this program is made of. Prints one line for each file, and the first differences;
 * exits with 1 when there are any.
 */
#define _GNU_SOURCE
#include "elf_parts.h"
#include "agent/unwind_table.h"
#include "protocol/status.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIFFERENCES_SHOWN 5u
#define COMPILATIONS 3

struct audit {
    const char *path;
    struct elf_parts image;
    struct spipe_unwind_table *table;
    Dwarf_CFI *cfi;
    uint64_t bias;          /* link address of image offset 0 */
    uint64_t compared;
    uint64_t same;
    uint64_t unsupported;   /* ours, with good reason or not */
    uint64_t differences;
};

static const char *kind_name(unsigned kind)
{
    static const char *const name[] = {"rsp",      "rbp",  "none",    "unsupported", "root",
                                       "register", "load", "indexed", "plt",         "signal"};
    return kind < sizeof(name) / sizeof(name[0]) ? name[kind] : "?";
}

/* libdw says a register is at CFA + n or is in another one by an expression; read the few shapes that there are. */
static bool same_location(const struct spipe_unwind_location *ours, const Dwarf_Op *ops, size_t count, Dwarf_Op *none)
{
    if (count == 0)
        return ours->kind == (ops == none ? SPIPE_LOCATION_UNDEFINED : SPIPE_LOCATION_SAME);
    bool is_value = ops[count - 1].atom == DW_OP_stack_value;
    size_t used = is_value ? count - 1 : count;
    enum spipe_location_kind kind = is_value ? SPIPE_LOCATION_IS : SPIPE_LOCATION_AT;
    if (used == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
        return ours->kind == SPIPE_LOCATION_IS && ours->base == ops[0].atom - DW_OP_reg0 && ours->words == 0;
    if (used == 1 && ops[0].atom == DW_OP_regx)
        return ours->kind == SPIPE_LOCATION_IS && ours->base == ops[0].number && ours->words == 0;
    int64_t offset = 0;
    unsigned base = SPIPE_REGISTER_CFA;
    for (size_t i = 0; i < used; i++) {
        if (ops[i].atom == DW_OP_call_frame_cfa)
            base = SPIPE_REGISTER_CFA;
        else if (ops[i].atom >= DW_OP_breg0 && ops[i].atom <= DW_OP_breg31) {
            base = ops[i].atom - DW_OP_breg0;
            offset += (int64_t)ops[i].number;
        } else if (ops[i].atom == DW_OP_bregx) {
            base = (unsigned)ops[i].number;
            offset += (int64_t)ops[i].number2;
        } else if (ops[i].atom == DW_OP_plus_uconst)
            offset += (int64_t)ops[i].number;
        else
            return false;
    }
    return ours->kind == kind && ours->base == base && ours->words * 8 == offset;
}

static bool same_cfa(const struct spipe_unwind_rule *ours, const Dwarf_Op *ops, size_t count)
{
    unsigned kind = ours->step.kind;
    unsigned base;
    int64_t offset;
    if (count == 0)
        return false;
    if (ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
        base = ops[0].atom - DW_OP_breg0;
        offset = (int64_t)ops[0].number;
    } else if (ops[0].atom == DW_OP_bregx) {
        base = (unsigned)ops[0].number;
        offset = (int64_t)ops[0].number2;
    } else {
        return false;
    }
    if (count == 1) {
        if (kind == SPIPE_RULE_PLAIN_RSP)
            return base == SPIPE_REGISTER_RSP && ours->step.offset == offset;
        if (kind == SPIPE_RULE_PLAIN_RBP)
            return base == SPIPE_REGISTER_RBP && ours->step.offset == offset;
        return kind == SPIPE_RULE_REGISTER && ours->cfa_register == base && ours->step.offset == offset;
    }
    if (kind == SPIPE_RULE_SIGNAL)
        return count == 2 && ops[1].atom == DW_OP_deref && base == SPIPE_REGISTER_RSP && offset == 160;
    if (ours->cfa_register != base)
        return false;
    if (kind == SPIPE_RULE_PLT)
        return count == 9 && ours->step.offset == offset && ops[5].atom == DW_OP_ge &&
               ops[4].atom == DW_OP_lit0 + (unsigned)ours->inner;
    int64_t after = ops[count - 1].atom == DW_OP_plus_uconst ? (int64_t)ops[count - 1].number : 0;
    if (kind == SPIPE_RULE_LOAD)
        return ops[1].atom == DW_OP_deref && count <= 3 && ours->inner == offset && ours->step.offset == after;
    if (kind == SPIPE_RULE_INDEXED)
        return count >= 6 && ours->inner == offset && ours->step.offset == after &&
               ops[1].atom == DW_OP_breg0 + (unsigned)ours->index_register && ops[2].atom == DW_OP_lit8 &&
               ops[3].atom == DW_OP_mul && ops[4].atom == DW_OP_plus && ops[5].atom == DW_OP_deref;
    return false;
}

static bool is_rip_undefined(Dwarf_Frame *frame)
{
    Dwarf_Op memory[3];
    Dwarf_Op *ops;
    size_t count;
    return dwarf_frame_register(frame, SPIPE_REGISTER_RIP, memory, &ops, &count) == 0 && count == 0 && ops == memory;
}

static bool same_saves(const struct audit *audit, const struct spipe_unwind_rule *ours, Dwarf_Frame *frame)
{
    static const uint8_t number[SPIPE_SAVED_COUNT] = {3, 6, 7, 12, 13, 14, 15, 16};
    const struct spipe_unwind_saves *saves = &audit->table->saves[ours->saves];
    for (unsigned i = 0; i < SPIPE_SAVED_COUNT; i++) {
        Dwarf_Op memory[3];
        Dwarf_Op *ops;
        size_t count;
        if (dwarf_frame_register(frame, number[i], memory, &ops, &count) != 0)
            return false;
        /* libdw's defaults for x86-64 leave rbx undefined where no rule is given; by the ABI it is kept. */
        if (i == SPIPE_SAVED_RBX && count == 0 && saves->location[i].kind == SPIPE_LOCATION_SAME)
            continue;
        if (!same_location(&saves->location[i], ops, count, memory))
            return false;
        if (i == SPIPE_SAVED_RBP && ours->step.kind <= SPIPE_RULE_PLAIN_RBP &&
            ours->step.rbp_words != (saves->location[i].kind == SPIPE_LOCATION_AT ? saves->location[i].words : 0))
            return false;
    }
    return true;
}

static void show(struct audit *audit, uint64_t offset, const struct spipe_unwind_rule *ours, const char *what)
{
    if (audit->differences++ >= DIFFERENCES_SHOWN)
        return;
    printf("%s: +0x%" PRIx64 ": %s; ours is %s reg %u offset %d inner %d rbp %d flags %u\n", audit->path, offset, what,
           kind_name(ours->step.kind), ours->cfa_register, ours->step.offset, ours->inner, ours->step.rbp_words,
           ours->step.flags);
}

static bool is_executable(const struct audit *audit, uint64_t offset)
{
    for (size_t i = 0; i < audit->image.frame.code_count; i++) {
        if (offset >= audit->image.code[i].start && offset < audit->image.code[i].end)
            return true;
    }
    return false;
}

static void compare(struct audit *audit, uint64_t offset)
{
    const struct spipe_unwind_rule *ours = spipe_unwind_table_find(audit->table, offset);
    Dwarf_Frame *frame = NULL;
    if (!is_executable(audit, offset))
        return;
    audit->compared++;
    if (dwarf_cfi_addrframe(audit->cfi, offset + audit->bias, &frame) != 0) {
        /* libdw has none: ours may be padding that a function before it was extended over. */
        const struct spipe_unwind_rule *next = spipe_unwind_table_find(audit->table, (offset | 15) + 1);
        if (ours->step.kind != SPIPE_RULE_NONE && next->step.kind == SPIPE_RULE_NONE)
            show(audit, offset, ours, "libdw has nothing");
        else
            audit->same++;
        return;
    }
    Dwarf_Op *ops = NULL;
    size_t count = 0;
    bool is_signal = false;
    dwarf_frame_info(frame, NULL, NULL, &is_signal);
    if (ours->step.kind == SPIPE_RULE_UNSUPPORTED)
        audit->unsupported++;
    if (ours->step.kind == SPIPE_RULE_ROOT) {
        if (!is_rip_undefined(frame))
            show(audit, offset, ours, "libdw knows a return address");
        else
            audit->same++;
    } else if (dwarf_frame_cfa(frame, &ops, &count) != 0 || !same_cfa(ours, ops, count)) {
        show(audit, offset, ours, "the CFA differs");
    } else if (ours->step.kind != SPIPE_RULE_SIGNAL && !same_saves(audit, ours, frame)) {
        show(audit, offset, ours, "the saves differ");
    } else if (is_signal != (ours->step.kind == SPIPE_RULE_SIGNAL || (ours->step.flags & SPIPE_RULE_EXACT_PC))) {
        show(audit, offset, ours, "the S augmentation differs");
    } else {
        audit->same++;
    }
    free(frame);
}

static uint64_t row_offset(const struct spipe_unwind_table *table, uint32_t page, uint32_t row)
{
    uint64_t start = table->first_offset + ((uint64_t)page << table->page_shift);
    return (start & ~UINT64_C(0xffff)) | table->row[row] >> 16;
}

static void compare_rows(struct audit *audit, uint64_t max_addresses)
{
    const struct spipe_unwind_table *table = audit->table;
    uint64_t stride = max_addresses == 0 ? 1 : table->row_count * UINT64_C(4) / max_addresses + 1;
    for (uint32_t page = 0; page < table->page_count; page++) {
        for (uint32_t row = table->page[page]; row < table->page[page + 1]; row++) {
            if (row % stride != 0)
                continue;
            uint64_t offset = row_offset(table, page, row);
            compare(audit, offset);
            compare(audit, offset + 1);
            if (offset != 0)
                compare(audit, offset - 1);
            compare(audit, offset + 1 + (offset * 2654435761u >> 7) % 64);
        }
    }
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* The quickest of a few compilations, in milliseconds; negative when it fails. */
static double compile(struct audit *audit, struct spipe_eh_frame_summary *summary)
{
    double best_ms = -1;
    for (int i = 0; i < COMPILATIONS; i++) {
        spipe_unwind_table_free(audit->table);
        audit->table = NULL;
        double start_ms = now_ms();
        if (spipe_eh_frame_compile(&audit->image.frame, &audit->table, summary) != SPIPE_OK)
            return -1;
        double elapsed_ms = now_ms() - start_ms;
        if (best_ms < 0 || elapsed_ms < best_ms)
            best_ms = elapsed_ms;
    }
    return best_ms;
}

static void compare_with_libdw(struct audit *audit, uint64_t max_addresses)
{
    elf_version(EV_CURRENT);
    Elf *elf = elf_memory(audit->image.map, audit->image.map_len);
    audit->cfi = dwarf_getcfi_elf(elf);
    audit->bias = audit->image.frame.image_base;
    if (audit->cfi != NULL)
        compare_rows(audit, max_addresses);
    dwarf_cfi_end(audit->cfi);
    elf_end(elf);
}

static int audit_file(const char *path, uint64_t max_addresses)
{
    struct audit audit = {.path = path};
    struct spipe_eh_frame_summary summary;
    if (!elf_parts_open(path, &audit.image)) {
        printf("%s: no 64-bit ELF file\n", path);
        return 1;
    }
    double elapsed_ms = audit.image.frame.eh_frame == NULL ? -1 : compile(&audit, &summary);
    if (elapsed_ms < 0) {
        printf("%s: no .eh_frame\n", path);
        elf_parts_close(&audit.image);
        return 1;
    }
    compare_with_libdw(&audit, max_addresses);
    printf("%s: %s, %u functions, %u skipped, %u cut; %u rows, %u rules, %u saves, %.2f bytes a row; %.1f ms; "
           "%" PRIu64 " compared, %" PRIu64 " same, %" PRIu64 " unsupported, %" PRIu64 " differ\n",
           path, summary.coverage == SPIPE_EH_FRAME_FULL ? "full" : "partial", summary.entry_count,
           summary.skipped_count, summary.cut_count, summary.row_count, summary.rule_count, audit.table->saves_count,
           (double)summary.size_bytes / summary.row_count, elapsed_ms, audit.compared, audit.same, audit.unsupported,
           audit.differences);
    spipe_unwind_table_free(audit.table);
    elf_parts_close(&audit.image);
    return audit.compared == 0 || audit.differences != 0;
}

struct choice {
    uint64_t max_addresses;
    int failed;
};

static int audit_loaded(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct choice *choice = context;
    if (info->dlpi_name[0] == '/')
        choice->failed |= audit_file(info->dlpi_name, choice->max_addresses);
    return 0;
}

int main(int argc, char **argv)
{
    struct choice choice = {0, 0};
    int next = 1;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        choice.max_addresses = strtoull(argv[2], NULL, 10);
        next = 3;
    }
    if (next == argc)
        dl_iterate_phdr(audit_loaded, &choice);
    for (; next < argc; next++)
        choice.failed |= audit_file(argv[next], choice.max_addresses);
    return choice.failed;
}
