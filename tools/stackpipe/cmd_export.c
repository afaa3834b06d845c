/* SPDX-License-Identifier: MIT */
#include "capture_end.h"
#include "clock_wish.h"
#include "complain.h"
#include "options.h"
#include "out_file.h"

#include "protocol/status.h"
#include "viewer-stub/host/export_collapsed.h"
#include "viewer-stub/host/export_html.h"

#include <errno.h>
#include <string.h>

/* One form that a capture can be written in. */
struct form {
    const char *name;
    const char *ending; /* of the file that is written when none is named; NULL: standard output */
    int (*write)(const struct spipe_store *store, struct spipe_symbols *symbols,
                 const struct spipe_export_options *options, const struct spipe_capture_end *end, FILE *stream);
};

static int write_collapsed(const struct spipe_store *store, struct spipe_symbols *symbols,
                           const struct spipe_export_options *options, const struct spipe_capture_end *end,
                           FILE *stream)
{
    (void)end;
    return spipe_export_collapsed(store, symbols, options, stream);
}

static const struct form forms[] = {
    {"collapsed", NULL, write_collapsed},
    {"html", ".html", spipe_export_html},
};

static const struct form *find_form(const char *name)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

/* The file that is written when none is named: the capture's path, its .spipe replaced. */
static void choose_output(const struct form *form, const char *capture, char *path, size_t size)
{
    static const char capture_ending[] = ".spipe";
    size_t len = strlen(capture);
    size_t ending = sizeof capture_ending - 1;
    if (form->ending == NULL || strcmp(capture, "-") == 0) {
        snprintf(path, size, "-");
        return;
    }
    if (len > ending && strcmp(capture + len - ending, capture_ending) == 0) {
        len -= ending;
    }
    snprintf(path, size, "%.*s%s", (int)len, capture, form->ending);
}

/* A list such as "running,waiting". */
static int read_states(const struct spipe_options *options, uint32_t *ret_states)
{
    static const char *const names[SPIPE_STORE_STATES] = {[SPIPE_STATE_RUNNING] = "running",
                                                          [SPIPE_STATE_WAITING] = "waiting",
                                                          [SPIPE_STATE_RUNNABLE] = "runnable"};
    const char *list = spipe_options_text(options, "state", "");
    for (size_t len; list[0] != '\0'; list += len + (list[len] != '\0')) {
        uint32_t state = 0;
        len = strcspn(list, ",");
        while (state < SPIPE_STORE_STATES && (strlen(names[state]) != len || strncmp(list, names[state], len) != 0)) {
            state++;
        }
        if (state == SPIPE_STORE_STATES) {
            return spipe_options_complain(options->verb, "--state: '%.*s' is none of running, runnable and waiting",
                                          (int)len, list);
        }
        *ret_states |= 1u << state;
    }
    return 0;
}

static int read_wishes(const struct spipe_options *options, const struct form **ret_form,
                       struct spipe_export_options *ret_wishes)
{
    const char *name = spipe_options_text(options, "format", NULL);
    if (name == NULL) {
        return spipe_options_complain(options->verb, "--format is missing");
    }
    *ret_form = find_form(name);
    if (*ret_form == NULL) {
        return spipe_options_complain(options->verb, "--format: '%s' is neither collapsed nor html", name);
    }
    *ret_wishes = (struct spipe_export_options){.thread = spipe_options_text(options, "thread", NULL)};
    int code = read_states(options, &ret_wishes->states);
    if (code != 0) {
        return code;
    }
    if (!spipe_options_seconds(options, "from", 0, UINT64_C(1000000000000000000), &ret_wishes->from_ns) ||
        !spipe_options_seconds(options, "to", 0, UINT64_C(1000000000000000000), &ret_wishes->to_ns)) {
        return SPIPE_EXIT_USAGE;
    }
    if (spipe_options_has(options, "to") && ret_wishes->to_ns <= ret_wishes->from_ns) {
        return spipe_options_complain(options->verb, "--to has to be later than --from");
    }
    return 0;
}

/* Says why nothing came of it. */
static int tell_failure(int status, const struct spipe_export_options *wishes)
{
    if (status == SPIPE_E_NOT_FOUND && wishes->thread != NULL) {
        spipe_complain("export: no thread is called '%s'", wishes->thread);
    } else {
        spipe_complain("export: %s", spipe_status_message(status));
    }
    return SPIPE_EXIT_FAILED;
}

static int write_file(const struct form *form, const char *path, const struct spipe_export_options *wishes,
                      const struct spipe_store *store, const struct spipe_capture_end *end)
{
    struct spipe_out_file file;
    if (spipe_out_file_open(&file, path) != 0) {
        spipe_complain("%s: %s", path, strerror(errno));
        return SPIPE_EXIT_FAILED;
    }
    struct spipe_symbols *symbols = spipe_symbols_new(store);
    int status = symbols != NULL ? form->write(store, symbols, wishes, end, file.stream) : SPIPE_E_NO_MEMORY;
    spipe_symbols_free(symbols);
    if (spipe_out_file_close(&file, status == 0) != 0 && status == 0) {
        spipe_complain("%s: %s", path, strerror(errno));
        return SPIPE_EXIT_FAILED;
    }
    return status == 0 ? SPIPE_EXIT_OK : tell_failure(status, wishes);
}

int cmd_export(const struct spipe_options *options)
{
    const struct form *form = NULL;
    struct spipe_export_options wishes;
    int code = read_wishes(options, &form, &wishes);
    if (code != 0) {
        return code;
    }
    char path[PATH_MAX];
    choose_output(form, options->operand[0], path, sizeof path);

    struct spipe_store *store = NULL;
    struct spipe_capture_end end;
    code = spipe_capture_end_load(options->operand[0], &store, &end);
    if (code == 0) {
        code = spipe_clock_wish_read(options, store, &wishes.kind);
    }
    if (code == 0 && wishes.states != 0 && wishes.kind != SPIPE_SOURCE_WALL) {
        spipe_complain("export: --state is for the wall clock");
        code = SPIPE_EXIT_FAILED;
    }
    if (code == 0) {
        code = write_file(form, spipe_options_text(options, "output", path), &wishes, store, &end);
    }
    spipe_store_free(store);
    return code;
}
