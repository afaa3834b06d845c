/* SPDX-License-Identifier: MIT */
/*
 * What is said about a capture that does not end as it should, and about one that cannot be read.
 */
#ifndef SPIPE_TOOL_CAPTURE_END_H
#define SPIPE_TOOL_CAPTURE_END_H

#include "viewer-stub/host/audit.h"
#include "viewer-stub/host/capture.h"

/* Complains about `path` when reading it gave `status`, or when it was cut or damaged. Returns the exit code: failed
 * when it could not be read or holds nothing sound. */
int spipe_capture_end_tell(const char *path, int status, const struct spipe_capture_end *end);

/* Loads a capture into a new store, and tells as above. The store is NULL when the exit code is not SPIPE_EXIT_OK. */
int spipe_capture_end_load(const char *path, struct spipe_store **ret_store, struct spipe_capture_end *ret_end);

/* The same, with an audit on the way; free its result in any case. */
int spipe_capture_end_load_audited(const char *path, struct spipe_store **ret_store, struct spipe_capture_end *ret_end,
                                   struct spipe_audit_result *ret_audit);

#endif
