/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/symbols.h"

#include "protocol/status.h"
#include "viewer-stub/host/demangle.h"
#include "viewer-stub/host/symbol_file.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Function 0 exists from the start, for when there is no memory left. */
#define OUT_OF_MEMORY 0u

/* A function and what tells it from others: image, raw name, kind, and where it is declared. */
struct function {
    struct spipe_symbols_function known;
    char *raw_name;            /* before demangling */
    bool is_plt;               /* the stub that leads to it */
    const char *declared_name; /* last part of the declaring file: units spell the same path in several ways */
    uint32_t function_id;
    char *name; /* owned, what `known.name` points to */
};

/* What a frame stands for: `count` entries of the place column from `first` on. */
struct frame {
    uint32_t first;
    uint32_t count; /* 0: not looked up yet */
};

struct image {
    struct spipe_symbol_file *file;
    const char *path;
    const char *name;
    uint64_t address_in_file;
    bool is_known;
};

struct spipe_symbols {
    const struct spipe_store *store;
    struct image *image;
    size_t image_capacity;
    struct frame *frame;
    size_t frame_capacity;
    struct spipe_symbols_place *place;
    size_t place_count;
    size_t place_capacity;
    struct function **function;
    uint32_t function_count;
    size_t function_capacity;
    void *function_tree; /* the same functions by content */
    uint32_t *ids;       /* the answer of the last naming call */
    size_t ids_capacity;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Makes room for `count` entries, new ones cleared. */
static int reserve(void *array, size_t *capacity, size_t count, size_t size)
{
    void **memory = array;
    size_t wanted = *capacity ? *capacity : 64;
    unsigned char *grown = NULL;

    if (count <= *capacity)
        return SPIPE_OK;
    while (wanted < count)
        wanted *= 2;
    grown = realloc(*memory, wanted * size);
    if (!grown)
        return SPIPE_E_NO_MEMORY;
    memset(grown + *capacity * size, 0, (wanted - *capacity) * size);
    *memory = grown;
    *capacity = wanted;
    return SPIPE_OK;
}

static int compare_functions(const void *left, const void *right)
{
    const struct function *a = left;
    const struct function *b = right;
    int order = 0;

    if (a->known.image != b->known.image)
        return a->known.image < b->known.image ? -1 : 1;
    if (a->known.kind != b->known.kind)
        return a->known.kind < b->known.kind ? -1 : 1;
    if (a->known.line != b->known.line)
        return a->known.line < b->known.line ? -1 : 1;
    if (a->is_plt != b->is_plt)
        return a->is_plt ? 1 : -1;
    order = strcmp(a->raw_name, b->raw_name);
    return order ? order : strcmp(a->declared_name, b->declared_name);
}

static void free_function(void *node)
{
    struct function *function = node;

    free(function->raw_name);
    free(function->name);
    free(function);
}

/* The name to show. Only the names of native code are mangled; others may hold any character. */
static char *readable_name(const struct function *function)
{
    static const char plt[] = "@plt";
    char *name = function->known.kind == SPIPE_SYMBOLS_NAMED ? spipe_demangle(function->raw_name)
                                                             : spipe_name_copy(function->raw_name);
    size_t len = name ? strlen(name) : 0;
    char *longer = NULL;

    if (!name || !function->is_plt)
        return name;
    longer = realloc(name, len + sizeof plt);
    if (!longer) {
        free(name);
        return NULL;
    }
    memcpy(longer + len, plt, sizeof plt);
    return longer;
}

/* A copy of `key` of its own. `key->raw_name` is only borrowed. */
static struct function *copy_function(const struct function *key)
{
    struct function *function = malloc(sizeof *function);

    if (!function)
        return NULL;
    *function = *key;
    function->raw_name = strdup(key->raw_name);
    function->name = readable_name(key);
    function->known.name = function->name;
    if (!function->raw_name || !function->name) {
        free_function(function);
        return NULL;
    }
    return function;
}

/* The id of the function with the content of `key`, made if it is new. */
static uint32_t get_function(struct spipe_symbols *symbols, const struct function *key)
{
    void *node = tfind(key, &symbols->function_tree, compare_functions);
    struct function *function = NULL;

    if (node)
        return (*(struct function **)node)->function_id;
    if (reserve(&symbols->function, &symbols->function_capacity, symbols->function_count + 1u,
                sizeof *symbols->function) != SPIPE_OK)
        return OUT_OF_MEMORY;
    function = copy_function(key);
    if (!function)
        return OUT_OF_MEMORY;
    function->function_id = symbols->function_count;
    if (!tsearch(function, &symbols->function_tree, compare_functions)) {
        free_function(function);
        return OUT_OF_MEMORY;
    }
    symbols->function[symbols->function_count++] = function;
    return function->function_id;
}

static struct function plain_key(const char *name, enum spipe_symbols_kind kind)
{
    struct function key = {.raw_name = (char *)(uintptr_t)name, .declared_name = ""};

    key.known = (struct spipe_symbols_function){name, SPIPE_STORE_NONE, "", "", "", 0, kind};
    return key;
}

/* The image, with its file open. NULL when there is no memory. */
static struct image *get_image(struct spipe_symbols *symbols, uint32_t index)
{
    struct spipe_store_image known;
    struct image *image = NULL;

    if (reserve(&symbols->image, &symbols->image_capacity, index + 1u, sizeof *symbols->image) != SPIPE_OK)
        return NULL;
    image = &symbols->image[index];
    if (image->is_known)
        return image;
    spipe_store_get_image(symbols->store, index, &known);
    if (spipe_symbol_file_open(known.path, known.build_id, &image->file) != SPIPE_OK)
        return NULL;
    image->path = known.path;
    image->name = last_part(known.path);
    image->address_in_file = known.address_in_file;
    image->is_known = true;
    return image;
}

static int add_place(struct spipe_symbols *symbols, uint32_t function, const char *file, uint32_t line)
{
    if (reserve(&symbols->place, &symbols->place_capacity, symbols->place_count + 1, sizeof *symbols->place) !=
        SPIPE_OK)
        return SPIPE_E_NO_MEMORY;
    symbols->place[symbols->place_count++] = (struct spipe_symbols_place){function, file, line};
    return SPIPE_OK;
}

/* The length of a name without what marks a part that the compiler has moved out of its function, such as ".cold".
 * Where debug information knows the function, the part belongs to it. Names in Rust's older mangling have dots of their
 * own. */
static size_t length_to_keep(const struct spipe_symbol_place *place)
{
    const char *dot = strchr(place->name, '.');

    if (!dot || place->declared_line == 0 || strncmp(place->name, "_Z", 2) != 0 || strchr(place->name, '$'))
        return strlen(place->name);
    return (size_t)(dot - place->name);
}

/* What one place of an image is called before demangling, in memory of the caller's; NULL when there is none. */
static char *raw_name(const struct image *image, const struct spipe_symbol_place *place)
{
    size_t len = strlen(place->name) + strlen(image->name) + 32;
    char *name = malloc(len);

    if (!name)
        return NULL;
    if (place->name[0] != '\0')
        snprintf(name, len, "%.*s", (int)length_to_keep(place), place->name);
    else
        snprintf(name, len, "%s+0x%" PRIx64, image->name, place->start);
    return name;
}

static int add_image_place(struct spipe_symbols *symbols, uint32_t index, const struct image *image,
                           const struct spipe_symbol_place *place)
{
    char *name = raw_name(image, place);
    struct function key = plain_key(name, place->name[0] ? SPIPE_SYMBOLS_NAMED : SPIPE_SYMBOLS_NAMELESS);
    int status = SPIPE_E_NO_MEMORY;

    if (!name)
        return status;
    key.known.image = index;
    key.known.image_path = image->path;
    key.known.image_name = image->name;
    key.known.file = place->declared_file;
    key.known.line = place->declared_line;
    key.declared_name = last_part(place->declared_file);
    key.is_plt = place->is_plt;
    status = add_place(symbols, get_function(symbols, &key), place->file, place->line);
    free(name);
    return status;
}

static int add_generated(struct spipe_symbols *symbols)
{
    struct function key = plain_key("[generated code]", SPIPE_SYMBOLS_GENERATED);

    return add_place(symbols, get_function(symbols, &key), "", 0);
}

static int look_up_image(struct spipe_symbols *symbols, const struct spipe_store_frame *frame)
{
    struct image *image = get_image(symbols, frame->image);
    struct spipe_symbol_place place[SPIPE_INLINED_MAX];
    size_t count = 0;
    int status = SPIPE_OK;

    if (!image)
        return SPIPE_E_NO_MEMORY;
    if (image->path[0] == '\0')
        return add_generated(symbols);
    count = spipe_symbol_file_find(image->file, image->address_in_file + frame->offset, place);
    for (size_t i = 0; i < count && status == SPIPE_OK; i++)
        status = add_image_place(symbols, frame->image, image, &place[i]);
    return status;
}

static int look_up_method(struct spipe_symbols *symbols, const struct spipe_store_frame *frame)
{
    const struct spipe_store_method *method = spipe_store_get_method(symbols->store, frame->method);
    const char *name = spipe_store_get_string(symbols->store, method->name_string);
    const char *file = spipe_store_get_string(symbols->store, method->file_string);
    struct function key = plain_key(name[0] ? name : "[nameless method]", SPIPE_SYMBOLS_METHOD);

    key.known.file = file;
    key.known.line = method->line;
    key.declared_name = last_part(file);
    return add_place(symbols, get_function(symbols, &key), file, 0);
}

static int look_up_stand_in(struct spipe_symbols *symbols, uint32_t stand_in)
{
    char name[64];
    struct function key;

    snprintf(name, sizeof name, "[%s]", spipe_stand_in_name(stand_in));
    key = plain_key(name, SPIPE_SYMBOLS_STAND_IN);
    return add_place(symbols, get_function(symbols, &key), "", 0);
}

static int look_up(struct spipe_symbols *symbols, uint32_t index)
{
    const struct spipe_store_frame *frame = spipe_store_get_frame(symbols->store, index);

    if (frame->image != SPIPE_STORE_NONE)
        return look_up_image(symbols, frame);
    if (frame->method != SPIPE_STORE_NONE)
        return look_up_method(symbols, frame);
    return look_up_stand_in(symbols, frame->offset);
}

static size_t naming_functions(void *user, uint32_t frame, const uint32_t **ret_functions)
{
    static const uint32_t out_of_memory = OUT_OF_MEMORY;
    struct spipe_symbols *symbols = user;
    const struct spipe_symbols_place *place = NULL;
    size_t count = spipe_symbols_frame(symbols, frame, &place);

    if (reserve(&symbols->ids, &symbols->ids_capacity, count, sizeof *symbols->ids) != SPIPE_OK) {
        *ret_functions = &out_of_memory;
        return 1;
    }
    for (size_t i = 0; i < count; i++)
        symbols->ids[i] = place[i].function;
    *ret_functions = symbols->ids;
    return count;
}

static const char *naming_name(void *user, uint32_t function)
{
    const struct spipe_symbols *symbols = user;

    return symbols->function[function]->known.name;
}

static const char *naming_image(void *user, uint32_t function)
{
    const struct spipe_symbols *symbols = user;

    return symbols->function[function]->known.image_path;
}

struct spipe_symbols *spipe_symbols_new(const struct spipe_store *store)
{
    struct spipe_symbols *symbols = calloc(1, sizeof *symbols);
    struct function key = plain_key("[out of memory]", SPIPE_SYMBOLS_STAND_IN);

    if (!symbols)
        return NULL;
    symbols->store = store;
    get_function(symbols, &key);
    if (symbols->function_count == 0) {
        spipe_symbols_free(symbols);
        return NULL;
    }
    return symbols;
}

void spipe_symbols_free(struct spipe_symbols *symbols)
{
    if (!symbols)
        return;
    tdestroy(symbols->function_tree, free_function);
    for (size_t i = 0; i < symbols->image_capacity; i++)
        spipe_symbol_file_close(symbols->image[i].file);
    free(symbols->image);
    free(symbols->frame);
    free(symbols->place);
    free(symbols->function);
    free(symbols->ids);
    free(symbols);
}

size_t spipe_symbols_frame(struct spipe_symbols *symbols, uint32_t frame, const struct spipe_symbols_place **ret_places)
{
    static const struct spipe_symbols_place out_of_memory = {OUT_OF_MEMORY, "", 0};
    size_t first = symbols->place_count;
    int status = reserve(&symbols->frame, &symbols->frame_capacity, frame + (size_t)1, sizeof *symbols->frame);

    if (status == SPIPE_OK && symbols->frame[frame].count == 0) {
        status = look_up(symbols, frame);
        if (status == SPIPE_OK)
            symbols->frame[frame] = (struct frame){(uint32_t)first, (uint32_t)(symbols->place_count - first)};
        else
            symbols->place_count = first;
    }
    if (status != SPIPE_OK) {
        *ret_places = &out_of_memory;
        return 1;
    }
    *ret_places = &symbols->place[symbols->frame[frame].first];
    return symbols->frame[frame].count;
}

uint32_t spipe_symbols_function_count(const struct spipe_symbols *symbols)
{
    return symbols->function_count;
}

void spipe_symbols_get_function(const struct spipe_symbols *symbols, uint32_t function,
                                struct spipe_symbols_function *ret_function)
{
    *ret_function = symbols->function[function]->known;
}

const char *spipe_symbols_image_source(struct spipe_symbols *symbols, uint32_t image, bool *ret_is_unproven)
{
    struct image *known = get_image(symbols, image);

    if (ret_is_unproven)
        *ret_is_unproven = known && spipe_symbol_file_is_unproven(known->file);
    return known ? spipe_symbol_source_name(spipe_symbol_file_source(known->file)) : "unreadable";
}

struct spipe_naming spipe_symbols_naming(struct spipe_symbols *symbols)
{
    return (struct spipe_naming){symbols, naming_functions, naming_name, naming_image};
}
