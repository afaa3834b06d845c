/* SPDX-License-Identifier: MIT */
#include "capture_end.h"
#include "clock_wish.h"
#include "complain.h"
#include "options.h"
#include "report_text.h"
#include "report_wall.h"

#include "protocol/status.h"

#include <stdio.h>

#define TOP_USUAL 20
#define TOP_MAX   1000000

struct wanted {
    size_t top;
    enum spipe_source_kind kind;
    const struct spipe_audit_result *audit; /* NULL: not wanted */
};

static int write_tree(const struct spipe_store *store, const struct spipe_naming *naming)
{
    struct spipe_calltree tree;
    int status = spipe_calltree_init(store, NULL, naming, SPIPE_CALLTREE_TOP_DOWN, &tree);
    if (status == 0) {
        spipe_report_write_tree(&tree, "call tree", tree.node[0].total, naming, stdout);
        spipe_calltree_done(&tree);
    }
    return status;
}

static int write_wall_text(const struct spipe_options *options, const struct spipe_summary *summary,
                           const struct spipe_store *store, const struct spipe_naming *naming)
{
    const struct spipe_wall_summary *wall = &summary->wall;
    spipe_report_write_header(summary, store, stdout);
    spipe_report_wall_write_header(wall, stdout);
    spipe_report_wall_write_functions(wall, stdout);
    int status =
        spipe_options_has(options, "tree") ? spipe_report_wall_write_trees(wall, store, naming, stdout) : 0;
    if (spipe_options_has(options, "threads")) {
        spipe_report_wall_write_threads(wall, stdout);
    }
    if (spipe_options_has(options, "ledger")) {
        spipe_report_wall_write_ledger(wall, stdout);
        spipe_report_write_ledger(summary, stdout);
    }
    return status;
}

static int write_text(const struct spipe_options *options, const struct spipe_summary *summary,
                      const struct spipe_store *store, const struct spipe_naming *naming)
{
    spipe_report_write_header(summary, store, stdout);
    spipe_report_write_functions(summary, stdout);
    int status = spipe_options_has(options, "tree") ? write_tree(store, naming) : 0;
    if (spipe_options_has(options, "processes")) {
        spipe_report_write_processes(summary, stdout);
    }
    if (spipe_options_has(options, "threads")) {
        spipe_report_write_threads(summary, stdout);
    }
    if (spipe_options_has(options, "ledger")) {
        spipe_report_write_ledger(summary, stdout);
    }
    return status;
}

static int write_report(const struct spipe_options *options, const struct spipe_store *store,
                        struct spipe_symbols *symbols, const struct spipe_capture_end *end, const struct wanted *wanted)
{
    struct spipe_naming naming = spipe_symbols_naming(symbols);
    struct spipe_summary summary;
    int status = spipe_summary_init(store, &naming, end, wanted->top, &summary);
    if (status != 0) {
        return status;
    }
    summary.audit = wanted->audit;
    bool is_json = spipe_options_has(options, "json");
    if (is_json) {
        spipe_summary_write_json(&summary, store, end, stdout);
    } else if (wanted->kind == SPIPE_SOURCE_WALL) {
        status = write_wall_text(options, &summary, store, &naming);
    } else {
        status = write_text(options, &summary, store, &naming);
    }
    if (wanted->audit != NULL && !is_json) {
        spipe_report_write_audit(wanted->audit, store, symbols, stdout);
    }
    spipe_summary_done(&summary);
    return status;
}

static int report_store(const struct spipe_options *options, const struct spipe_store *store,
                        const struct spipe_capture_end *end, const struct wanted *wanted)
{
    struct spipe_symbols *symbols = spipe_symbols_new(store);
    int status = symbols != NULL ? write_report(options, store, symbols, end, wanted) : SPIPE_E_NO_MEMORY;
    spipe_symbols_free(symbols);
    if (status != 0) {
        spipe_complain("report: %s", spipe_status_message(status));
        return SPIPE_EXIT_FAILED;
    }
    return SPIPE_EXIT_OK;
}

int cmd_report(const struct spipe_options *options)
{
    uint64_t top = TOP_USUAL;
    if (!spipe_options_count(options, "top", 1, TOP_MAX, &top)) {
        return SPIPE_EXIT_USAGE;
    }
    struct spipe_store *store = NULL;
    struct spipe_capture_end end;
    struct spipe_audit_result audit = {0};
    bool is_audited = spipe_options_has(options, "audit");
    struct wanted wanted = {(size_t)top, SPIPE_SOURCE_CPU, is_audited ? &audit : NULL};
    int code = is_audited ? spipe_capture_end_load_audited(options->operand[0], &store, &end, &audit)
                          : spipe_capture_end_load(options->operand[0], &store, &end);
    if (code == SPIPE_EXIT_OK) {
        code = spipe_clock_wish_read(options, store, &wanted.kind);
    }
    if (code == SPIPE_EXIT_OK) {
        code = report_store(options, store, &end, &wanted);
    }
    spipe_store_free(store);
    spipe_audit_done(&audit);
    return code;
}
