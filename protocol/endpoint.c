/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

#include "endpoint_system.h"
#include "status.h"

#include <stdbool.h>
#include <string.h>

#define WINDOWS_PREFIX "\\\\.\\pipe\\"
#define WINDOWS_PIPE_MAX 256u   /* of the whole path, the NUL not counted */
#define DOTNET_PREFIX "CoreFxPipe_"
#define DESCRIPTOR_MAX INT32_MAX

/* What is being parsed into, and the sentence for people when it fails. */
struct parse {
    struct spipe_endpoint *endpoint;
    const char *message;
};

static int fail(struct parse *parse, int status, const char *message)
{
    parse->message = message;
    return status;
}

/* The text after `prefix`, or NULL when `text` does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strlen(text) >= len && memcmp(text, prefix, len) == 0 ? text + len : NULL;
}

static bool holds(const char *text, char wanted)
{
    while (*text != '\0' && *text != wanted) {
        text++;
    }
    return *text != '\0';
}

/* Compares with a lower-case ASCII word, whatever the case of `text`. */
static bool is_word(const char *text, const char *word)
{
    size_t i = 0;
    while (word[i] != '\0' && (text[i] == word[i] || text[i] == word[i] - 'a' + 'A')) {
        i++;
    }
    return text[i] == '\0' && word[i] == '\0';
}

static bool append(struct spipe_endpoint *endpoint, size_t *len, const char *text)
{
    size_t text_len = strlen(text);
    if (text_len >= sizeof(endpoint->path) - *len) {
        return false;
    }
    memcpy(endpoint->path + *len, text, text_len + 1);
    *len += text_len;
    return true;
}

static int parse_socket(struct parse *parse, const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '/') {
        return fail(parse, SPIPE_E_ARGUMENT, "a socket's path must be absolute");
    }
    if (path[len - 1] == '/') {
        return fail(parse, SPIPE_E_ARGUMENT, "a socket's path must not end with a slash");
    }
    if (len >= SPIPE_SOCKET_PATH_MAX) {
        return fail(parse, SPIPE_E_NAME_TOO_LONG, "a socket's path may have at most 107 bytes");
    }
    parse->endpoint->kind = SPIPE_ENDPOINT_SOCKET;
    memcpy(parse->endpoint->path, path, len + 1);
    return SPIPE_OK;
}

static int parse_windows_pipe(struct parse *parse, const char *path)
{
    const char *name = path + strlen(WINDOWS_PREFIX);
    if (name[0] == '\0' || holds(name, '\\') || holds(name, '/')) {
        return fail(parse, SPIPE_E_ARGUMENT, "a pipe's name must not be empty and must hold no slash or backslash");
    }
    if (strlen(path) > WINDOWS_PIPE_MAX) {
        return fail(parse, SPIPE_E_NAME_TOO_LONG, "a Windows pipe's path may have at most 256 bytes");
    }
    parse->endpoint->kind = SPIPE_ENDPOINT_WINDOWS_PIPE;
    memcpy(parse->endpoint->path, path, strlen(path) + 1);
    return SPIPE_OK;
}

/* Joins the parts of a path and parses the whole. `parts` ends with NULL. */
static int parse_joined(struct parse *parse, const char *const *parts, int (*parse_path)(struct parse *, const char *))
{
    struct spipe_endpoint joined;
    size_t len = 0;
    for (; *parts != NULL; parts++) {
        if (!append(&joined, &len, *parts)) {
            return fail(parse, SPIPE_E_NAME_TOO_LONG, "the temporary folder and the name together are too long");
        }
    }
    return parse_path(parse, joined.path);
}

static int parse_name(struct parse *parse, const char *name, const char *temporary_folder)
{
    const char *folder = temporary_folder != NULL && temporary_folder[0] != '\0' ? temporary_folder : "/tmp";
    if (name[0] == '\0') {
        return fail(parse, SPIPE_E_ARGUMENT, "the pipe's name is missing");
    }
    if (holds(name, '/')) {
        return fail(parse, SPIPE_E_ARGUMENT, "a pipe's name holds no slash; write unix:/path for a path");
    }
    if (is_word(name, "anonymous")) {
        return fail(parse, SPIPE_E_ARGUMENT, ".NET does not allow the name \"anonymous\"");
    }
    if (spipe_endpoint_system_has(SPIPE_ENDPOINT_WINDOWS_PIPE)) {
        return parse_joined(parse, (const char *[]){WINDOWS_PREFIX, name, NULL}, parse_windows_pipe);
    }
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return parse_joined(parse, (const char *[]){folder, slash, DOTNET_PREFIX, name, NULL}, parse_socket);
}

/* Reads `-` or a decimal number up to `max`. Returns what follows it, or NULL. */
static const char *parse_handle(const char *text, int64_t max, int64_t *ret_handle)
{
    int64_t number = 0;
    const char *next = text;
    if (text[0] == '-') {
        *ret_handle = -1;
        return text + 1;
    }
    for (; *next >= '0' && *next <= '9'; next++) {
        int64_t digit = *next - '0';
        if (number > (max - digit) / 10) {
            return NULL;
        }
        number = number * 10 + digit;
    }
    *ret_handle = number;
    return next != text ? next : NULL;
}

static int parse_handles(struct parse *parse, const char *text, enum spipe_endpoint_kind kind, int64_t max)
{
    int64_t read_handle = -1;
    int64_t write_handle = -1;
    const char *next = parse_handle(text, max, &read_handle);
    if (next != NULL && *next == ',') {
        next = parse_handle(next + 1, max, &write_handle);
    } else {
        write_handle = read_handle;
    }
    if (next == NULL || *next != '\0') {
        return fail(parse, SPIPE_E_ARGUMENT, "after fd: or handle: come one or two decimal numbers, joined by a comma");
    }
    if (read_handle < 0 && write_handle < 0) {
        return fail(parse, SPIPE_E_ARGUMENT, "at least one direction must be given");
    }
    parse->endpoint->kind = kind;
    parse->endpoint->read_handle = read_handle;
    parse->endpoint->write_handle = write_handle;
    return SPIPE_OK;
}

static int parse_form(struct parse *parse, const char *text, const char *temporary_folder)
{
    const char *rest = NULL;
    if (text == NULL || text[0] == '\0') {
        return fail(parse, SPIPE_E_ARGUMENT, "the endpoint is empty");
    }
    if ((rest = after(text, "pipe:")) != NULL) {
        return parse_name(parse, rest, temporary_folder);
    }
    if ((rest = after(text, "unix:")) != NULL) {
        return parse_socket(parse, rest);
    }
    if (text[0] == '/') {
        return parse_socket(parse, text);
    }
    if (after(text, WINDOWS_PREFIX) != NULL) {
        return parse_windows_pipe(parse, text);
    }
    if ((rest = after(text, "fd:")) != NULL) {
        return parse_handles(parse, rest, SPIPE_ENDPOINT_DESCRIPTORS, DESCRIPTOR_MAX);
    }
    if ((rest = after(text, "handle:")) != NULL) {
        return parse_handles(parse, rest, SPIPE_ENDPOINT_HANDLES, INT64_MAX);
    }
    return fail(parse, SPIPE_E_ARGUMENT, "an endpoint begins with pipe:, unix:, /, \\\\.\\pipe\\, fd: or handle:");
}

int spipe_endpoint_parse(const char *text, const char *temporary_folder, struct spipe_endpoint *ret_endpoint,
                         const char **ret_message)
{
    struct spipe_endpoint endpoint = {.read_handle = -1, .write_handle = -1};
    struct parse parse = {&endpoint, ""};
    int status = parse_form(&parse, text, temporary_folder);
    if (status == SPIPE_OK && !spipe_endpoint_system_has(endpoint.kind)) {
        status = fail(&parse, SPIPE_E_UNSUPPORTED, "this kind of endpoint does not exist on this system");
    }
    if (status == SPIPE_OK) {
        *ret_endpoint = endpoint;
    } else if (ret_message != NULL) {
        *ret_message = parse.message;
    }
    return status;
}
