/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include "control.h"
#include "files.h"
#include "greeting.h"
#include "pages.h"
#include "past.h"

#include <string.h>

#define OWN_PREFIX "STACKPIPE_"
#define PROCESS    OWN_PREFIX "PROCESS="
#define PARENT     OWN_PREFIX "PARENT="
#define TOKEN      OWN_PREFIX "TOKEN="
#define PRELOAD    "LD_PRELOAD="
#define ID_SIZE    16u
#define ID_DIGITS  (2 * ID_SIZE)
/* "STACKPIPE_PROCESS=", twice 32 digits, and a number, between colons; or "STACKPIPE_PARENT=" and 32 digits. */
#define ID_ENTRY_SIZE 128u
/* LD_PRELOAD, the process, its parent, and the end. */
#define ENTRIES_MORE 4u

extern char **environ;

/* The entries that were taken out of the environment, for programs to come. */
static char *kept_entry[32];
static size_t kept_count;

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---------------------------------------------------------------------------------------------------- taking it in */

static void copy_value(char *to, size_t size, const char *value)
{
    struct spipe_text text;
    spipe_text_init(&text, to, size);
    spipe_text_add(&text, value);
}

static void read_variable(const char *entry)
{
    struct spipe_environment *environment = &spipe_control.environment;
    const char *name = entry + sizeof OWN_PREFIX - 1;
    const char *value = strchr(entry, '=');
    if (value == NULL)
        return;
    value++;
    if (begins_with(name, "ENDPOINT="))
        copy_value(environment->endpoint, sizeof environment->endpoint, value);
    else if (begins_with(name, "TOKEN="))
        copy_value(environment->token, sizeof environment->token, value);
    else if (begins_with(name, "LOG="))
        copy_value(environment->log_path, sizeof environment->log_path, value);
    else if (begins_with(name, "CONFIG="))
        copy_value(environment->config, sizeof environment->config, value);
    else if (begins_with(name, "MECHANISM="))
        copy_value(environment->mechanism, sizeof environment->mechanism, value);
    else if (begins_with(name, "FILTERS="))
        copy_value(environment->filters, sizeof environment->filters, value);
    else if (begins_with(name, "START="))
        environment->wait = strcmp(value, "wait") == 0;
}

static unsigned hex_digit(char digit)
{
    return digit >= 'a' ? (unsigned)(digit - 'a') + 10u : (unsigned)(digit - '0');
}

static bool read_id(const char *value, uint8_t *ret_id)
{
    if (strspn(value, "0123456789abcdef") != ID_DIGITS)
        return false;
    for (unsigned i = 0; i < ID_SIZE; i++)
        ret_id[i] = (uint8_t)(hex_digit(value[2 * i]) << 4 | hex_digit(value[2 * i + 1]));
    return true;
}

/* STACKPIPE_PROCESS=<process id>:<last session's id>:<its number>: an earlier program of this process, before its exec,
 * had sessions. */
static void read_process(const char *value)
{
    uint8_t process_id[ID_SIZE];
    uint8_t session_id[ID_SIZE];
    uint64_t number;
    const char *session = value + ID_DIGITS + 1;
    const char *at = session + ID_DIGITS + 1;
    if (!read_id(value, process_id) || value[ID_DIGITS] != ':' || !read_id(session, session_id) ||
        session[ID_DIGITS] != ':' || !spipe_text_take_number(&at, at + strlen(at), 10, &number) ||
        number >= UINT32_MAX)
        return;
    spipe_greeting_continue(process_id, (uint32_t)number);
    spipe_past_continue(session_id);
}

/* STACKPIPE_PARENT=<32 hex digits>: the id of the process that this one was followed from. */
static void read_parent(const char *value)
{
    uint8_t process_id[ID_SIZE];
    if (read_id(value, process_id) && value[ID_DIGITS] == '\0')
        spipe_greeting_descend(process_id);
}

/* Takes the agent's path out of LD_PRELOAD, in place; true when nothing else is left. Its entries are separated by
 * colons or blanks. */
static bool cut_preload(char *entry, const char *own_path)
{
    char *list = entry + sizeof PRELOAD - 1;
    size_t own_len = strlen(own_path);
    char *found = strstr(list, own_path);
    if (found == NULL || own_len == 0)
        return false;
    char *after = found + own_len;
    if (*after == ':' || *after == ' ')
        after++;
    else if (found > list)
        found--;
    memmove(found, after, strlen(after) + 1);
    return *list == '\0';
}

static bool is_own_preload(const char *entry, const char *own_path)
{
    return begins_with(entry, PRELOAD) && own_path[0] != '\0' && strstr(entry + sizeof PRELOAD - 1, own_path) != NULL;
}

static char *keep_entry(const char *entry)
{
    static char memory[16384];
    static size_t used;
    size_t len = strlen(entry) + 1;
    if (len > sizeof memory - used)
        return NULL;
    char *copy = memory + used;
    memcpy(copy, entry, len);
    used += len;
    return copy;
}

static void keep_for_heirs(const char *entry)
{
    char *copy = kept_count < sizeof kept_entry / sizeof kept_entry[0] ? keep_entry(entry) : NULL;
    if (copy != NULL)
        kept_entry[kept_count++] = copy;
}

/* The kernel shows the memory of the first environment to whoever may look at the process. */
static void black_out(char *entry)
{
    if (begins_with(entry, TOKEN))
        memset(entry + sizeof TOKEN - 1, 'x', strlen(entry) - (sizeof TOKEN - 1));
}

static void take_own(char *entry)
{
    if (begins_with(entry, PROCESS)) {
        read_process(entry + sizeof PROCESS - 1);
    } else if (begins_with(entry, PARENT)) {
        read_parent(entry + sizeof PARENT - 1);
    } else {
        read_variable(entry);
        keep_for_heirs(entry);
        black_out(entry);
    }
}

void spipe_environment_take(const char *own_path)
{
    struct spipe_environment *environment = &spipe_control.environment;
    char **to = environ;
    for (char **from = environ; from != NULL && *from != NULL; from++) {
        char *entry = *from;
        if (begins_with(entry, OWN_PREFIX)) {
            take_own(entry);
            continue;
        }
        if (begins_with(entry, "TMPDIR="))
            copy_value(environment->temporary_folder, sizeof environment->temporary_folder, entry + 7);
        if (is_own_preload(entry, own_path)) {
            copy_value(environment->preload, sizeof environment->preload, own_path);
            if (cut_preload(entry, own_path))
                continue;
        }
        *to++ = entry;
    }
    if (to != NULL)
        *to = NULL;
}

/* -------------------------------------------------------------------------------------------------- passing it on */

static size_t count_entries(char *const *environment)
{
    size_t count = 0;
    while (environment != NULL && environment[count] != NULL)
        count++;
    return count;
}

/* What LD_PRELOAD holds besides us; "" for nothing. */
static const char *other_preloads(char *const *environment)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        if (begins_with(*environment, PRELOAD))
            return *environment + sizeof PRELOAD - 1;
    }
    return "";
}

static size_t preload_size(char *const *environment)
{
    return sizeof PRELOAD + strlen(spipe_control.environment.preload) + 1 + strlen(other_preloads(environment)) + 1;
}

static bool has_heir(enum spipe_heir heir)
{
    return heir != SPIPE_HEIR_NONE && spipe_control.environment.preload[0] != '\0';
}

size_t spipe_environment_size(char *const *environment, enum spipe_heir heir)
{
    if (!has_heir(heir))
        return 1;
    return (count_entries(environment) + kept_count + ENTRIES_MORE) * sizeof(char *) + preload_size(environment) +
           2 * ID_ENTRY_SIZE;
}

static void write_preload(struct spipe_text *text, char *const *environment)
{
    const char *own = spipe_control.environment.preload;
    const char *others = other_preloads(environment);
    spipe_text_add(text, PRELOAD);
    if (strstr(others, own) == NULL) {
        spipe_text_add(text, own);
        spipe_text_add(text, others[0] == '\0' ? "" : ":");
    }
    spipe_text_add(text, others);
}

static void write_id(struct spipe_text *text, const char *name, const uint8_t *process_id)
{
    spipe_text_add(text, name);
    for (unsigned i = 0; i < ID_SIZE; i++) {
        spipe_text_add_hex(text, process_id[i] >> 4);
        spipe_text_add_hex(text, process_id[i] & 15u);
    }
}

static char *add_process(char *memory, const uint8_t *session_id)
{
    struct spipe_text text;
    spipe_text_init(&text, memory, ID_ENTRY_SIZE);
    write_id(&text, PROCESS, spipe_greeting_process_id());
    write_id(&text, ":", session_id);
    spipe_text_add(&text, ":");
    spipe_text_add_number(&text, spipe_greeting_session_number());
    return memory;
}

static char *add_parent(char *memory, const uint8_t *process_id)
{
    struct spipe_text text;
    spipe_text_init(&text, memory, ID_ENTRY_SIZE);
    write_id(&text, PARENT, process_id);
    return memory;
}

/* The program's entries, without any of ours that it may have come to. */
static size_t copy_others(char **to, char *const *environment)
{
    size_t used = 0;
    for (; environment != NULL && *environment != NULL; environment++) {
        if (!begins_with(*environment, PRELOAD) && !begins_with(*environment, OWN_PREFIX))
            to[used++] = *environment;
    }
    return used;
}

char *const *spipe_environment_extend(char *const *environment, enum spipe_heir heir, void *memory)
{
    if (!has_heir(heir) || memory == NULL)
        return environment;
    char **extended = memory;
    char *texts = (char *)(extended + count_entries(environment) + kept_count + ENTRIES_MORE);
    size_t used = copy_others(extended, environment);
    for (size_t i = 0; i < kept_count; i++)
        extended[used++] = kept_entry[i];
    if (heir == SPIPE_HEIR_SELF && spipe_past_session_id() != NULL)
        extended[used++] = add_process(texts, spipe_past_session_id());
    const uint8_t *parent = heir == SPIPE_HEIR_SELF ? spipe_greeting_parent_id() : spipe_greeting_id_for_children();
    if (parent != NULL)
        extended[used++] = add_parent(texts + ID_ENTRY_SIZE, parent);
    struct spipe_text preload;
    spipe_text_init(&preload, texts + 2 * ID_ENTRY_SIZE, preload_size(environment));
    write_preload(&preload, environment);
    extended[used++] = preload.data;
    extended[used] = NULL;
    return extended;
}

/* A forked child finds in it what its parent has put there. */
static bool is_open(void)
{
    char own[ID_ENTRY_SIZE];
    const uint8_t *parent = spipe_greeting_id_for_children();
    if (parent == NULL)
        return false;
    (void)add_parent(own, parent);
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strcmp(*entry, own) == 0)
            return true;
    }
    return false;
}

void spipe_environment_open(void)
{
    if (is_open())
        return;
    void *memory = spipe_pages_new_kept(spipe_environment_size(environ, SPIPE_HEIR_CHILD));
    environ = (char **)spipe_environment_extend(environ, SPIPE_HEIR_CHILD, memory);
}
