/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/export_html.h"

#include "protocol/status.h"
#include "viewer-stub/host/flamegraph_page.h"
#include "viewer-stub/host/html_data.h"
#include "viewer-stub/host/utf8.h"

#include <stdlib.h>
#include <string.h>

#define TITLE_MARK "@TITLE@"
#define DATA_MARK  "@DATA@"
#define TITLE_MAX  256u

/* The session that most samples are from: a shell that became another program is not what was profiled. */
static uint32_t find_main_session(const struct spipe_store *store)
{
    uint32_t count = spipe_store_session_count(store);
    uint32_t found = SPIPE_STORE_NONE;
    uint64_t most = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct spipe_store_session session;
        spipe_store_get_session(store, i, &session);
        if (found == SPIPE_STORE_NONE || session.samples > most) {
            found = i;
            most = session.samples;
        }
    }
    return found;
}

/* The program's name without its path, clean, cut to what a title can hold. */
static void find_program(const struct spipe_store *store, uint32_t main_session, char *ret_program)
{
    struct spipe_store_session session;
    const char *name = "unknown program";
    size_t len = 0;

    if (main_session != SPIPE_STORE_NONE) {
        spipe_store_get_session(store, main_session, &session);
        if (session.hello.executable[0] != '\0')
            name = strrchr(session.hello.executable, '/') ? strrchr(session.hello.executable, '/') + 1
                                                          : session.hello.executable;
    }
    len = strlen(name);
    if (len >= TITLE_MAX)
        len = spipe_utf8_cut(name, TITLE_MAX - 1);
    memcpy(ret_program, name, len);
    ret_program[len] = '\0';
    spipe_utf8_clean(ret_program, len);
}

/* Text between tags. */
static void print_markup(const char *text, FILE *stream)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", stream);
            break;
        case '>':
            fputs("&gt;", stream);
            break;
        case '&':
            fputs("&amp;", stream);
            break;
        default:
            putc(*text, stream);
        }
    }
}

/* JSON between script tags: no '<' may stand in it, or a name could end the script. It stands in texts only, where it
 * can be escaped. Spaces between values are left out: in the columns of a big profile they would be a third of the
 * page. */
static void print_script_data(const char *json, size_t len, FILE *stream)
{
    bool in_text = false;

    for (size_t i = 0; i < len; i++) {
        if (json[i] == '"')
            in_text = !in_text;
        if (json[i] == '<')
            fputs("\\u003c", stream);
        else if (in_text || json[i] != ' ')
            putc(json[i], stream);
        if (in_text && json[i] == '\\' && i + 1 < len)
            putc(json[++i], stream);
    }
}

static void print_page(const char *program, const char *json, size_t json_len, FILE *stream)
{
    const char *at = spipe_flamegraph_page;

    for (;;) {
        const char *mark = strstr(at, "@");
        while (mark && strncmp(mark, TITLE_MARK, strlen(TITLE_MARK)) != 0 &&
               strncmp(mark, DATA_MARK, strlen(DATA_MARK)) != 0)
            mark = strstr(mark + 1, "@");
        if (!mark)
            break;
        fwrite(at, 1, (size_t)(mark - at), stream);
        if (strncmp(mark, DATA_MARK, strlen(DATA_MARK)) == 0) {
            print_script_data(json, json_len, stream);
            at = mark + strlen(DATA_MARK);
        } else {
            print_markup(program, stream);
            at = mark + strlen(TITLE_MARK);
        }
    }
    fputs(at, stream);
}

/* The page's data as one text, to be freed by the caller. */
static int make_json(const struct spipe_html_data *data, char **ret_json, size_t *ret_len)
{
    char *text = NULL;
    size_t len = 0;
    struct spipe_json json;
    FILE *memory = open_memstream(&text, &len);
    int status = SPIPE_E_NO_MEMORY;

    if (!memory)
        return status;
    spipe_json_init(&json, memory, false);
    status = spipe_html_data_write(data, &json);
    if (ferror(memory))
        status = SPIPE_E_NO_MEMORY;
    if (fclose(memory) != 0 || !text)
        status = SPIPE_E_NO_MEMORY;
    if (status != SPIPE_OK) {
        free(text);
        return status;
    }
    *ret_json = text;
    *ret_len = len;
    return SPIPE_OK;
}

int spipe_export_html(const struct spipe_store *store, struct spipe_symbols *symbols,
                      const struct spipe_export_options *options, const struct spipe_capture_end *end, FILE *stream)
{
    struct spipe_export_stacks stacks;
    struct spipe_summary summary;
    char program[TITLE_MAX];
    char *json = NULL;
    size_t json_len = 0;
    int status = spipe_export_stacks_init(store, symbols, options, &stacks);

    if (status != SPIPE_OK)
        return status;
    status = spipe_summary_init(store, NULL, end, 1, &summary);
    if (status == SPIPE_OK) {
        struct spipe_html_data data = {store, symbols, options, &stacks, &summary, program, find_main_session(store)};
        find_program(store, data.main_session, program);
        status = make_json(&data, &json, &json_len);
        spipe_summary_done(&summary);
    }
    if (status == SPIPE_OK)
        print_page(program, json, json_len, stream);
    free(json);
    spipe_export_stacks_done(&stacks);
    return status;
}
