/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/html_data.h"

#include "protocol/status.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* What the page gets, in the page's own dense numbers. Maps hold NONE for what the page does not need. */
struct tables {
    uint32_t *function; /* the symbols' ids, by the page's */
    uint32_t function_count;
    uint32_t *function_map; /* the page's, by the symbols' */
    uint32_t no_stack;      /* the page's number for samples without a stack, NONE when there are none */
    uint32_t *image;
    uint32_t image_count;
    uint32_t *image_map;
    const char **file; /* sorted, each once */
    uint32_t file_count;
    uint32_t *thread;
    uint32_t thread_count;
    uint32_t *thread_map;
    uint64_t *thread_weight;          /* of the wanted samples, by the store's index */
    struct spipe_export_entry *entry; /* with the page's threads */
};

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_entries(const void *left, const void *right)
{
    const struct spipe_export_entry *a = left;
    const struct spipe_export_entry *b = right;

    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->state > b->state) - (a->state < b->state);
}

static void *allocate_map(uint32_t count)
{
    uint32_t *map = malloc(((size_t)count + 1) * sizeof *map);

    if (map)
        memset(map, 0xff, ((size_t)count + 1) * sizeof *map);
    return map;
}

/* Numbers the functions in the order of the nodes, and the images in that of the functions. */
static void number_functions(const struct spipe_html_data *data, struct tables *tables)
{
    for (uint32_t i = 1; i < data->stacks->node_count; i++) {
        uint32_t function = data->stacks->node[i].function;
        struct spipe_symbols_function known;
        if (function == SPIPE_EXPORT_NO_STACK) {
            tables->no_stack = tables->function_count;
            tables->function[tables->function_count++] = function;
            continue;
        }
        if (tables->function_map[function] != NONE)
            continue;
        tables->function_map[function] = tables->function_count;
        tables->function[tables->function_count++] = function;
        spipe_symbols_get_function(data->symbols, function, &known);
        if (known.image == SPIPE_STORE_NONE || tables->image_map[known.image] != NONE)
            continue;
        tables->image_map[known.image] = tables->image_count;
        tables->image[tables->image_count++] = known.image;
    }
}

static void collect_files(const struct spipe_html_data *data, struct tables *tables)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < tables->function_count; i++) {
        struct spipe_symbols_function known;
        if (tables->function[i] == SPIPE_EXPORT_NO_STACK)
            continue;
        spipe_symbols_get_function(data->symbols, tables->function[i], &known);
        if (known.file[0] != '\0')
            tables->file[tables->file_count++] = known.file;
    }
    if (tables->file_count == 0)
        return;
    qsort(tables->file, tables->file_count, sizeof *tables->file, compare_texts);
    for (uint32_t i = 1; i < tables->file_count; i++) {
        if (strcmp(tables->file[kept], tables->file[i]) != 0)
            tables->file[++kept] = tables->file[i];
    }
    tables->file_count = kept + 1;
}

struct heavy {
    uint64_t weight;
    uint32_t thread;
};

static int compare_heavy(const void *left, const void *right)
{
    const struct heavy *a = left;
    const struct heavy *b = right;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return (a->thread > b->thread) - (a->thread < b->thread);
}

/* Threads that have samples, the heaviest first. */
static int number_threads(const struct spipe_html_data *data, struct tables *tables)
{
    uint32_t total = spipe_store_thread_count(data->store);
    struct heavy *heavy = calloc((size_t)total + 1, sizeof *heavy);

    if (!heavy)
        return SPIPE_E_NO_MEMORY;
    for (size_t i = 0; i < data->stacks->entry_count; i++) {
        const struct spipe_export_entry *entry = &data->stacks->entry[i];
        if (i == 0 || entry->thread != entry[-1].thread)
            heavy[tables->thread_count++] = (struct heavy){0, entry->thread};
        heavy[tables->thread_count - 1].weight += entry->weight_ns;
    }
    if (tables->thread_count > 0)
        qsort(heavy, tables->thread_count, sizeof *heavy, compare_heavy);
    for (uint32_t i = 0; i < tables->thread_count; i++) {
        tables->thread[i] = heavy[i].thread;
        tables->thread_map[heavy[i].thread] = i;
        tables->thread_weight[heavy[i].thread] = heavy[i].weight;
    }
    free(heavy);
    return SPIPE_OK;
}

static void number_entries(const struct spipe_html_data *data, struct tables *tables)
{
    for (size_t i = 0; i < data->stacks->entry_count; i++) {
        tables->entry[i] = data->stacks->entry[i];
        tables->entry[i].thread = tables->thread_map[tables->entry[i].thread];
    }
    if (data->stacks->entry_count > 0)
        qsort(tables->entry, data->stacks->entry_count, sizeof *tables->entry, compare_entries);
}

static void free_tables(struct tables *tables)
{
    free(tables->function);
    free(tables->function_map);
    free(tables->image);
    free(tables->image_map);
    free(tables->file);
    free(tables->thread);
    free(tables->thread_map);
    free(tables->thread_weight);
    free(tables->entry);
}

static int make_tables(const struct spipe_html_data *data, struct tables *tables)
{
    uint32_t functions = spipe_symbols_function_count(data->symbols);
    uint32_t images = spipe_store_image_count(data->store);
    uint32_t threads = spipe_store_thread_count(data->store);

    memset(tables, 0, sizeof *tables);
    tables->no_stack = NONE;
    tables->function = allocate_map(functions + 1);
    tables->function_map = allocate_map(functions);
    tables->image = allocate_map(images);
    tables->image_map = allocate_map(images);
    tables->file = calloc((size_t)functions + 1, sizeof *tables->file);
    tables->thread = allocate_map(threads);
    tables->thread_map = allocate_map(threads);
    tables->thread_weight = calloc((size_t)threads + 1, sizeof *tables->thread_weight);
    tables->entry = calloc(data->stacks->entry_count + 1, sizeof *tables->entry);
    if (!tables->function || !tables->function_map || !tables->image || !tables->image_map || !tables->file ||
        !tables->thread || !tables->thread_map || !tables->thread_weight || !tables->entry)
        return SPIPE_E_NO_MEMORY;
    number_functions(data, tables);
    collect_files(data, tables);
    if (number_threads(data, tables) != SPIPE_OK)
        return SPIPE_E_NO_MEMORY;
    number_entries(data, tables);
    return SPIPE_OK;
}

static uint32_t page_function(const struct tables *tables, uint32_t function)
{
    return function == SPIPE_EXPORT_NO_STACK ? tables->no_stack : tables->function_map[function];
}

static void write_column(struct spipe_json *json, const char *key, const struct spipe_html_data *data,
                         const struct tables *tables,
                         int64_t (*value)(const struct spipe_html_data *data, const struct tables *tables, uint32_t i))
{
    spipe_json_key(json, key);
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < tables->function_count; i++)
        spipe_json_signed(json, value(data, tables, i));
    spipe_json_end_array(json);
}

/* The function with the page's number `i`; samples without a stack count as a stand-in. */
static struct spipe_symbols_function get_function(const struct spipe_html_data *data, const struct tables *tables,
                                                  uint32_t i)
{
    struct spipe_symbols_function known = {"[no stack]", SPIPE_STORE_NONE, "", "", "", 0, SPIPE_SYMBOLS_STAND_IN};

    if (tables->function[i] != SPIPE_EXPORT_NO_STACK)
        spipe_symbols_get_function(data->symbols, tables->function[i], &known);
    return known;
}

static int64_t function_image(const struct spipe_html_data *data, const struct tables *tables, uint32_t i)
{
    struct spipe_symbols_function known = get_function(data, tables, i);

    return known.image == SPIPE_STORE_NONE ? -1 : (int64_t)tables->image_map[known.image];
}

static int64_t function_kind(const struct spipe_html_data *data, const struct tables *tables, uint32_t i)
{
    return get_function(data, tables, i).kind;
}

static int64_t function_file(const struct spipe_html_data *data, const struct tables *tables, uint32_t i)
{
    struct spipe_symbols_function known = get_function(data, tables, i);
    const char **found = NULL;

    if (known.file[0] == '\0' || tables->file_count == 0)
        return -1;
    found = bsearch(&known.file, tables->file, tables->file_count, sizeof *tables->file, compare_texts);
    return found ? found - tables->file : -1;
}

static int64_t function_line(const struct spipe_html_data *data, const struct tables *tables, uint32_t i)
{
    return get_function(data, tables, i).line;
}

static void write_functions(const struct spipe_html_data *data, const struct tables *tables, struct spipe_json *json)
{
    spipe_json_key(json, "functions");
    spipe_json_begin_object(json);
    spipe_json_key(json, "name");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < tables->function_count; i++)
        spipe_json_text(json, get_function(data, tables, i).name);
    spipe_json_end_array(json);
    write_column(json, "image", data, tables, function_image);
    write_column(json, "kind", data, tables, function_kind);
    write_column(json, "file", data, tables, function_file);
    write_column(json, "line", data, tables, function_line);
    spipe_json_end_object(json);
    spipe_json_key(json, "files");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < tables->file_count; i++)
        spipe_json_text(json, tables->file[i]);
    spipe_json_end_array(json);
}

static void write_images(const struct spipe_html_data *data, const struct tables *tables, struct spipe_json *json)
{
    spipe_json_key(json, "images");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < tables->image_count; i++) {
        struct spipe_store_image image;
        bool is_unproven = false;
        const char *slash = NULL;
        spipe_store_get_image(data->store, tables->image[i], &image);
        slash = strrchr(image.path, '/');
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "path", image.path);
        spipe_json_member_text(json, "name", slash ? slash + 1 : image.path);
        spipe_json_member_text(json, "source",
                               spipe_symbols_image_source(data->symbols, tables->image[i], &is_unproven));
        spipe_json_member_bool(json, "unproven", is_unproven);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_threads(const struct spipe_html_data *data, const struct tables *tables, struct spipe_json *json)
{
    spipe_json_member_unsigned(json, "thread_total", spipe_store_thread_count(data->store));
    spipe_json_key(json, "threads");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < tables->thread_count; i++) {
        struct spipe_store_thread thread;
        spipe_store_get_thread(data->store, tables->thread[i], &thread);
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "name", thread.name);
        spipe_json_member_unsigned(json, "tid", thread.tid);
        spipe_json_member_unsigned(json, "samples", thread.samples);
        spipe_json_member_unsigned(json, "weight_ns", tables->thread_weight[tables->thread[i]]);
        spipe_json_member_unsigned(json, "cpu_ns", thread.ledger.cpu_us * 1000);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_nodes(const struct spipe_html_data *data, const struct tables *tables, struct spipe_json *json)
{
    const struct spipe_export_stacks *stacks = data->stacks;

    spipe_json_key(json, "nodes");
    spipe_json_begin_object(json);
    spipe_json_key(json, "function");
    spipe_json_begin_array(json);
    spipe_json_signed(json, -1);
    for (uint32_t i = 1; i < stacks->node_count; i++)
        spipe_json_unsigned(json, page_function(tables, stacks->node[i].function));
    spipe_json_end_array(json);
    spipe_json_key(json, "back");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < stacks->node_count; i++)
        spipe_json_unsigned(json, i - stacks->node[i].parent);
    spipe_json_end_array(json);
    spipe_json_end_object(json);
}

static bool is_wall(const struct spipe_html_data *data)
{
    return data->options && data->options->kind == SPIPE_SOURCE_WALL;
}

/* States, which only the wall clock has, are plain numbers. */
static void write_entries(const struct spipe_html_data *data, const struct tables *tables, struct spipe_json *json)
{
    static const struct spipe_export_entry zero = {0, 0, 0, 0, 0};
    static const char *const key[] = {"thread", "node", "weight", "samples", "state"};
    size_t column_count = is_wall(data) ? sizeof key / sizeof key[0] : sizeof key / sizeof key[0] - 1;

    spipe_json_key(json, "entries");
    spipe_json_begin_object(json);
    for (size_t column = 0; column < column_count; column++) {
        spipe_json_key(json, key[column]);
        spipe_json_begin_array(json);
        for (size_t i = 0; i < data->stacks->entry_count; i++) {
            const struct spipe_export_entry *entry = &tables->entry[i];
            const struct spipe_export_entry *before = i ? entry - 1 : &zero;
            int64_t value[] = {(int64_t)entry->thread - before->thread, (int64_t)entry->node - before->node,
                               (int64_t)entry->weight_ns, (int64_t)entry->samples, (int64_t)entry->state};
            spipe_json_signed(json, value[column]);
        }
        spipe_json_end_array(json);
    }
    spipe_json_end_object(json);
}

int spipe_html_data_write(const struct spipe_html_data *data, struct spipe_json *json)
{
    struct tables tables;
    int status = make_tables(data, &tables);

    if (status == SPIPE_OK) {
        spipe_json_begin_object(json);
        spipe_json_member_unsigned(json, "format", 1);
        spipe_json_member_text(json, "clock", is_wall(data) ? "wall" : "cpu");
        spipe_html_data_write_run(data, json);
        spipe_html_data_write_summary(data->summary, json);
        write_images(data, &tables, json);
        write_functions(data, &tables, json);
        write_threads(data, &tables, json);
        write_nodes(data, &tables, json);
        write_entries(data, &tables, json);
        spipe_json_end_object(json);
    }
    free_tables(&tables);
    return status;
}
