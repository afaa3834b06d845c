/* SPDX-License-Identifier: MIT */
/*
 * Captures from anywhere, as all the views and exporters write them: nothing that a capture says breaks their form.
 * The last byte chooses a third of them, since a page of HTML alone takes as long as all others.
 */
#include "tools/stackpipe/dump_record.h"
#include "tools/stackpipe/report_text.h"
#include "tools/stackpipe/report_wall.h"
#include "tools/stackpipe/tally.h"
#include "viewer-stub/host/capture.h"
#include "viewer-stub/host/export_collapsed.h"
#include "viewer-stub/host/export_html.h"

#include <stdlib.h>
#include <string.h>

#define TOP 20u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct spipe_store_limits limits = {.memory_bytes = 16u << 20,
                                                 .samples = 1u << 16,
                                                 .nodes = 1u << 12,
                                                 .frames = 1u << 12,
                                                 .threads = 1u << 8,
                                                 .strings = 1u << 12,
                                                 .methods = 1u << 8,
                                                 .images = 1u << 6,
                                                 .markers = 1u << 12};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Text made by one view; NUL-terminated. */
struct page {
    char *text;
    size_t len;
    FILE *stream;
};

static void begin_page(struct page *page)
{
    *page = (struct page){NULL, 0, NULL};
    page->stream = open_memstream(&page->text, &page->len);
    require(page->stream != NULL);
}

/* No view lets a control character out, nor one of those that terminals obey in UTF-8. */
static void end_page(struct page *page)
{
    fclose(page->stream);
    for (size_t i = 0; i < page->len; i++) {
        unsigned char byte = (unsigned char)page->text[i];
        unsigned char next = (unsigned char)page->text[i + 1];
        require((byte >= 0x20 && byte != 0x7f) || byte == '\n');
        require(byte != 0xc2 || next < 0x80 || next >= 0xa0);
    }
    free(page->text);
}

struct dumps {
    struct spipe_dump_writer text;
    struct spipe_dump_writer json;
    struct spipe_tally tally;
};

static void dump(struct spipe_dump_writer *writer, const struct spipe_capture_item *item)
{
    spipe_dump_writer_begin_line(writer, item->offset, item->raw.len, spipe_record_kind_name(item->record->kind));
    spipe_dump_record(writer, item->record);
    spipe_dump_writer_end_line(writer);
}

static int dump_item(void *user, const struct spipe_capture_item *item)
{
    struct dumps *dumps = user;
    if (item->record != NULL) {
        dump(&dumps->text, item);
        dump(&dumps->json, item);
        spipe_tally_add(&dumps->tally, item->record);
    }
    return 0;
}

static void dump_all(const uint8_t *data, size_t size)
{
    struct dumps dumps;
    struct spipe_capture_end end;
    struct page text;
    struct page json;
    begin_page(&text);
    begin_page(&json);
    spipe_dump_writer_init(&dumps.text, text.stream, false);
    spipe_dump_writer_init(&dumps.json, json.stream, true);
    spipe_tally_init(&dumps.tally);
    require(spipe_capture_read_memory(data, size, dump_item, &dumps, &end) == 0);
    spipe_tally_done(&dumps.tally);
    end_page(&text);
    end_page(&json);
}

/* Read anew, as an audit is made on the way. */
static void write_audit(const uint8_t *data, size_t size, FILE *stream)
{
    struct spipe_audit_result result;
    struct spipe_capture_end end;
    struct spipe_json json;
    struct spipe_store *store = spipe_store_new(&limits);
    require(store != NULL && spipe_audit_memory(data, size, store, &result, &end) == 0);
    require(result.agreed <= result.compared && result.whole_stacks <= result.stacks);
    struct spipe_symbols *symbols = spipe_symbols_new(store);
    require(symbols != NULL);
    spipe_report_write_audit(&result, store, symbols, stream);
    spipe_json_init(&json, stream, false);
    spipe_audit_write_json(&result, store, &json);
    spipe_audit_done(&result);
    spipe_symbols_free(symbols);
    spipe_store_free(store);
}

static void write_reports(const struct spipe_store *store, struct spipe_symbols *symbols,
                          const struct spipe_capture_end *end, FILE *stream)
{
    struct spipe_summary summary;
    struct spipe_calltree tree;
    struct spipe_naming naming = spipe_symbols_naming(symbols);
    if (spipe_summary_init(store, &naming, end, TOP, &summary) == 0) {
        spipe_report_write_header(&summary, store, stream);
        spipe_report_write_functions(&summary, stream);
        spipe_report_write_threads(&summary, stream);
        spipe_report_write_ledger(&summary, stream);
        spipe_report_wall_write_header(&summary.wall, stream);
        spipe_report_wall_write_functions(&summary.wall, stream);
        spipe_report_wall_write_threads(&summary.wall, stream);
        spipe_report_wall_write_ledger(&summary.wall, stream);
        (void)spipe_report_wall_write_trees(&summary.wall, store, &naming, stream);
        spipe_summary_write_json(&summary, store, end, stream);
        spipe_summary_done(&summary);
    }
    if (spipe_calltree_init(store, NULL, &naming, SPIPE_CALLTREE_TOP_DOWN, &tree) == 0) {
        spipe_report_write_tree(&tree, "call tree", tree.node[0].total, &naming, stream);
        spipe_calltree_done(&tree);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spipe_store *store = spipe_store_new(&limits);
    struct spipe_capture_end end;
    struct page page;
    require(store != NULL && spipe_capture_load_memory(data, size, store, &end) == 0);
    struct spipe_symbols *symbols = spipe_symbols_new(store);
    require(symbols != NULL);
    begin_page(&page);
    switch (size == 0 ? 0 : data[size - 1] % 3) {
    case 0:
        dump_all(data, size);
        break;
    case 1:
        write_reports(store, symbols, &end, page.stream);
        spipe_export_collapsed(store, symbols, NULL, page.stream);
        write_audit(data, size, page.stream);
        break;
    default:
        spipe_export_html(store, symbols, NULL, &end, page.stream);
        break;
    }
    end_page(&page);
    spipe_symbols_free(symbols);
    spipe_store_free(store);
    return 0;
}
