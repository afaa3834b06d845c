/* SPDX-License-Identifier: MIT */
#include "capture_end.h"

#include "complain.h"
#include "verbs.h"

#include "protocol/status.h"

#include <inttypes.h>

int spipe_capture_end_tell(const char *path, int status, const struct spipe_capture_end *end)
{
    if (status != 0) {
        spipe_complain("%s: %s", path, spipe_status_message(status));
        return SPIPE_EXIT_FAILED;
    }
    if (end->messages == 0) {
        spipe_complain("%s: holds nothing that an agent has sent%s%s", path, end->text[0] != '\0' ? ": " : "",
                       end->text);
        return SPIPE_EXIT_FAILED;
    }
    if (end->reason == SPIPE_CAPTURE_DAMAGED) {
        spipe_complain("%s: damaged at byte %" PRIu64 ": %s; %" PRIu64 " of %" PRIu64 " bytes were left out", path,
                       end->offset, end->text, end->skipped_bytes, end->length);
    } else if (end->reason == SPIPE_CAPTURE_CUT && end->status != 0) {
        spipe_complain("%s: cut at byte %" PRIu64 ": %s", path, end->offset, end->text);
    } else if (end->reason == SPIPE_CAPTURE_CUT) {
        spipe_complain("%s: ends at byte %" PRIu64 " without the agent's goodbye", path, end->offset);
    }
    return SPIPE_EXIT_OK;
}

/* `audit` is NULL when none is wanted. */
static int load(const char *path, struct spipe_store **ret_store, struct spipe_capture_end *ret_end,
                struct spipe_audit_result *audit)
{
    *ret_store = NULL;
    struct spipe_store *store = spipe_store_new(NULL);
    if (store == NULL) {
        spipe_complain("%s", spipe_status_message(SPIPE_E_NO_MEMORY));
        return SPIPE_EXIT_FAILED;
    }
    int status = audit != NULL ? spipe_audit_file(path, store, audit, ret_end)
                               : spipe_capture_load_file(path, store, ret_end);
    int code = spipe_capture_end_tell(path, status, ret_end);
    if (code != SPIPE_EXIT_OK) {
        spipe_store_free(store);
        return code;
    }
    *ret_store = store;
    return SPIPE_EXIT_OK;
}

int spipe_capture_end_load(const char *path, struct spipe_store **ret_store, struct spipe_capture_end *ret_end)
{
    return load(path, ret_store, ret_end, NULL);
}

int spipe_capture_end_load_audited(const char *path, struct spipe_store **ret_store, struct spipe_capture_end *ret_end,
                                   struct spipe_audit_result *ret_audit)
{
    return load(path, ret_store, ret_end, ret_audit);
}
