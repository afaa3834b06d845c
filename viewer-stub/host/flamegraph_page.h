/* SPDX-License-Identifier: MIT */
/* The page of export_html.h, put together from flamegraph/ when the project is built. */
#ifndef SPIPE_HOST_FLAMEGRAPH_PAGE_H
#define SPIPE_HOST_FLAMEGRAPH_PAGE_H

/* HTML with @TITLE@, twice, and @DATA@ where they belong. Ends with NUL. */
extern const char spipe_flamegraph_page[];

#endif
