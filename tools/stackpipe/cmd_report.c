/* SPDX-License-Identifier: MIT */
#include "capture_end.h"
#include "complain.h"
#include "options.h"
#include "report_text.h"

#include "protocol/status.h"

#include <stdio.h>

#define TOP_USUAL 20
#define TOP_MAX   1000000

static int write_tree(const struct spipe_store *store, const struct spipe_naming *naming)
{
    struct spipe_calltree tree;
    int status = spipe_calltree_init(store, NULL, naming, SPIPE_CALLTREE_TOP_DOWN, &tree);
    if (status == 0) {
        spipe_report_write_tree(&tree, naming, stdout);
        spipe_calltree_done(&tree);
    }
    return status;
}

static int write_text(const struct spipe_options *options, const struct spipe_summary *summary,
                      const struct spipe_store *store, const struct spipe_naming *naming)
{
    spipe_report_write_header(summary, store, stdout);
    spipe_report_write_functions(summary, stdout);
    int status = spipe_options_has(options, "tree") ? write_tree(store, naming) : 0;
    if (spipe_options_has(options, "threads")) {
        spipe_report_write_threads(summary, stdout);
    }
    if (spipe_options_has(options, "ledger")) {
        spipe_report_write_ledger(summary, stdout);
    }
    return status;
}

static int write_report(const struct spipe_options *options, const struct spipe_store *store,
                        struct spipe_symbols *symbols, const struct spipe_capture_end *end, size_t top)
{
    struct spipe_naming naming = spipe_symbols_naming(symbols);
    struct spipe_summary summary;
    int status = spipe_summary_init(store, &naming, end, top, &summary);
    if (status != 0) {
        return status;
    }
    if (spipe_options_has(options, "json")) {
        spipe_summary_write_json(&summary, store, end, stdout);
    } else {
        status = write_text(options, &summary, store, &naming);
    }
    spipe_summary_done(&summary);
    return status;
}

int cmd_report(const struct spipe_options *options)
{
    uint64_t top = TOP_USUAL;
    if (!spipe_options_count(options, "top", 1, TOP_MAX, &top)) {
        return SPIPE_EXIT_USAGE;
    }
    struct spipe_store *store = NULL;
    struct spipe_capture_end end;
    int code = spipe_capture_end_load(options->operand[0], &store, &end);
    if (code != SPIPE_EXIT_OK) {
        return code;
    }
    struct spipe_symbols *symbols = spipe_symbols_new(store);
    int status = symbols != NULL ? write_report(options, store, symbols, &end, (size_t)top) : SPIPE_E_NO_MEMORY;
    if (status != 0) {
        spipe_complain("report: %s", spipe_status_message(status));
        code = SPIPE_EXIT_FAILED;
    }
    spipe_symbols_free(symbols);
    spipe_store_free(store);
    return code;
}
