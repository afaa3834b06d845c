/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/export_collapsed.h"

#include "protocol/status.h"
#include "viewer-stub/host/utf8.h"
#include "viewer-stub/host/wall_summary.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct line {
    char *stack;
    uint64_t weight_ns;
};

/* A growing text. After a failed allocation it stays as it is and says so. */
struct text {
    char *bytes;
    size_t len;
    size_t capacity;
    bool failed;
};

static void append(struct text *text, const char *bytes, size_t len)
{
    size_t capacity = text->capacity ? text->capacity : 256;
    char *grown = NULL;

    while (capacity - text->len <= len)
        capacity *= 2;
    if (capacity != text->capacity) {
        grown = realloc(text->bytes, capacity);
        text->failed = text->failed || !grown;
        if (!grown)
            return;
        text->bytes = grown;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    text->bytes[text->len] = '\0';
}

static void append_name(struct text *text, const char *name)
{
    size_t start = text->len;
    size_t len = strlen(name);

    append(text, len ? name : "[no name]", len ? len : strlen("[no name]"));
    if (text->failed)
        return;
    spipe_utf8_clean(text->bytes + start, text->len - start);
    for (char *at = text->bytes + start; (at = strchr(at, ';')) != NULL;)
        *at = ':';
}

/* Time of the wall clock is told apart by a frame of its own, outside of all functions. */
static void append_state(struct text *text, uint32_t state)
{
    if (text->len > 0)
        append(text, ";", 1);
    append(text, "[", 1);
    append_name(text, spipe_wall_summary_state_name(state));
    append(text, "]", 1);
}

/* The functions of `node` from the outermost on, into `text`. `path` has room for the deepest stack. */
static void append_stack(struct text *text, const struct spipe_symbols *symbols,
                         const struct spipe_export_stacks *stacks, uint32_t node, uint32_t *path)
{
    size_t depth = 0;

    for (; node != 0; node = stacks->node[node].parent)
        path[depth++] = node;
    while (depth-- > 0) {
        if (text->len > 0)
            append(text, ";", 1);
        append_name(text, spipe_export_function_name(symbols, stacks->node[path[depth]].function));
    }
}

static char *make_stack(const struct spipe_store *store, const struct spipe_symbols *symbols,
                        const struct spipe_export_options *options, const struct spipe_export_stacks *stacks,
                        const struct spipe_export_entry *entry, uint32_t *path)
{
    struct text text = {NULL, 0, 0, false};
    struct spipe_store_thread thread;

    if (!options || !options->leave_out_thread) {
        spipe_store_get_thread(store, entry->thread, &thread);
        append_name(&text, thread.name);
    }
    if (options && options->kind == SPIPE_SOURCE_WALL)
        append_state(&text, entry->state);
    append_stack(&text, symbols, stacks, entry->node, path);
    if (text.failed) {
        free(text.bytes);
        return NULL;
    }
    return text.bytes;
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(((const struct line *)left)->stack, ((const struct line *)right)->stack);
}

/* Threads of the same name make the same lines. */
static void print_lines(struct line *lines, size_t count, FILE *stream)
{
    if (count > 0)
        qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++) {
        uint64_t weight_ns = lines[i].weight_ns;
        while (i + 1 < count && strcmp(lines[i].stack, lines[i + 1].stack) == 0)
            weight_ns += lines[++i].weight_ns;
        if (weight_ns > 0)
            fprintf(stream, "%s %" PRIu64 "\n", lines[i].stack, weight_ns);
    }
}

int spipe_export_collapsed(const struct spipe_store *store, struct spipe_symbols *symbols,
                           const struct spipe_export_options *options, FILE *stream)
{
    struct spipe_export_stacks stacks;
    struct line *lines = NULL;
    uint32_t *path = NULL;
    size_t count = 0;
    int status = spipe_export_stacks_init(store, symbols, options, &stacks);

    if (status != SPIPE_OK)
        return status;
    lines = calloc(stacks.entry_count + 1, sizeof *lines);
    path = malloc(stacks.node_count * sizeof *path);
    status = lines && path ? SPIPE_OK : SPIPE_E_NO_MEMORY;
    while (status == SPIPE_OK && count < stacks.entry_count) {
        const struct spipe_export_entry *entry = &stacks.entry[count];
        lines[count] = (struct line){make_stack(store, symbols, options, &stacks, entry, path), entry->weight_ns};
        if (lines[count].stack)
            count++;
        else
            status = SPIPE_E_NO_MEMORY;
    }
    if (status == SPIPE_OK)
        print_lines(lines, count, stream);
    for (size_t i = 0; i < count; i++)
        free(lines[i].stack);
    free(lines);
    free(path);
    spipe_export_stacks_done(&stacks);
    return status;
}
