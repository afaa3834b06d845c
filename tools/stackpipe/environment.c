/* SPDX-License-Identifier: MIT */
#include "environment.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LD_PRELOAD, the endpoint, the token, the start, the filters and the log. */
#define OUR_VARIABLES 6

static const char preload_name[] = "LD_PRELOAD";
static const char endpoint_name[] = "STACKPIPE_ENDPOINT";
static const char token_name[] = "STACKPIPE_TOKEN";
static const char start_name[] = "STACKPIPE_START";
static const char filters_name[] = "STACKPIPE_FILTERS";
static const char log_name[] = "STACKPIPE_LOG";

/* Returns what follows "NAME=", or NULL when the entry is another variable's. */
static const char *value_of(const char *entry, const char *name)
{
    size_t len = strlen(name);
    return strncmp(entry, name, len) == 0 && entry[len] == '=' ? entry + len + 1 : NULL;
}

static bool is_replaced(const char *entry, const struct spipe_environment *wanted)
{
    return value_of(entry, endpoint_name) != NULL || value_of(entry, token_name) != NULL ||
           value_of(entry, start_name) != NULL || value_of(entry, filters_name) != NULL || (wanted->log != NULL && value_of(entry, log_name) != NULL);
}

/* "NAME=value", and ":rest" when there is one. */
static char *join(const char *name, const char *value, const char *rest)
{
    size_t size = strlen(name) + strlen(value) + (rest != NULL ? strlen(rest) + 1 : 0) + 2;
    char *entry = malloc(size);
    if (entry == NULL) {
        return NULL;
    }
    strcpy(entry, name);
    strcat(entry, "=");
    strcat(entry, value);
    if (rest != NULL) {
        strcat(entry, ":");
        strcat(entry, rest);
    }
    return entry;
}

/* The array while it is made. */
struct growing {
    char **entry;
    size_t count;
    bool failed;
};

static void add_entry(struct growing *growing, char *entry)
{
    if (entry == NULL) {
        growing->failed = true;
        return;
    }
    growing->entry[growing->count++] = entry;
}

/* Copies what was inherited. Returns whether an LD_PRELOAD was among it, which has then been joined with the agent's
 * path. */
static bool add_inherited(struct growing *growing, char *const *inherited, const struct spipe_environment *wanted)
{
    bool has_preload = false;
    for (size_t i = 0; inherited[i] != NULL && !growing->failed; i++) {
        const char *preload = value_of(inherited[i], preload_name);
        if (preload != NULL && !has_preload) {
            add_entry(growing, join(preload_name, wanted->agent, preload[0] != '\0' ? preload : NULL));
            has_preload = true;
        } else if (!is_replaced(inherited[i], wanted)) {
            add_entry(growing, strdup(inherited[i]));
        }
    }
    return has_preload;
}

char **spipe_environment_make(char *const *inherited, const struct spipe_environment *wanted)
{
    size_t count = 0;
    while (inherited[count] != NULL) {
        count++;
    }
    struct growing growing = {calloc(count + OUR_VARIABLES + 1, sizeof(char *)), 0, false};
    if (growing.entry == NULL) {
        return NULL;
    }
    if (!add_inherited(&growing, inherited, wanted)) {
        add_entry(&growing, join(preload_name, wanted->agent, NULL));
    }
    add_entry(&growing, join(endpoint_name, wanted->endpoint, NULL));
    add_entry(&growing, join(token_name, wanted->token, NULL));
    add_entry(&growing, join(start_name, "wait", NULL));
    if (wanted->filters > 0) {
        char filters[16];
        snprintf(filters, sizeof filters, "%u", wanted->filters);
        add_entry(&growing, join(filters_name, filters, NULL));
    }
    if (wanted->log != NULL) {
        add_entry(&growing, join(log_name, wanted->log, NULL));
    }
    if (growing.failed) {
        spipe_environment_free(growing.entry);
        return NULL;
    }
    return growing.entry;
}

void spipe_environment_free(char **environment)
{
    if (environment == NULL) {
        return;
    }
    for (size_t i = 0; environment[i] != NULL; i++) {
        free(environment[i]);
    }
    free(environment);
}
