/* SPDX-License-Identifier: MIT */
/* The JSON that the page of export_html.h reads. Names are short and columns hold differences, to keep big profiles
 * small. */
#ifndef SPIPE_HOST_HTML_DATA_H
#define SPIPE_HOST_HTML_DATA_H

#include "viewer-stub/host/export_stacks.h"
#include "viewer-stub/host/json.h"
#include "viewer-stub/host/summary.h"

/* What all parts are written from. */
struct spipe_html_data {
    const struct spipe_store *store;
    struct spipe_symbols *symbols;
    const struct spipe_export_options *options; /* may be NULL */
    const struct spipe_export_stacks *stacks;
    const struct spipe_summary *summary;
    const char *program;
    uint32_t main_session; /* SPIPE_STORE_NONE: there is none */
};

/* Writes the whole object. Returns SPIPE_E_NO_MEMORY when there is no memory for its tables. */
int spipe_html_data_write(const struct spipe_html_data *data, struct spipe_json *json);

/* The parts "run" and "summary" of it. */
void spipe_html_data_write_run(const struct spipe_html_data *data, struct spipe_json *json);
void spipe_html_data_write_summary(const struct spipe_summary *summary, struct spipe_json *json);

#endif
