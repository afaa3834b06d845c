/* SPDX-License-Identifier: MIT */
/* Any text as a linker's name: what comes out is fit to print and within its limit. Begun as C++, as Rust, and as it is. */
#include "viewer-stub/host/demangle.h"
#include "viewer-stub/host/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(char *name, bool may_be_empty)
{
    size_t len = name != NULL ? strlen(name) : 0;
    if (name == NULL || len > SPIPE_NAME_MAX || (len == 0 && !may_be_empty))
        abort();
    char *clean = strdup(name);
    spipe_utf8_clean(clean, len);
    if (strcmp(clean, name) != 0)
        abort();
    free(clean);
    free(name);
}

static void demangle(const char *prefix, const uint8_t *data, size_t size)
{
    size_t prefix_len = strlen(prefix);
    char *text = malloc(prefix_len + size + 1);
    memcpy(text, prefix, prefix_len);
    memcpy(text + prefix_len, data, size);
    text[prefix_len + size] = '\0';
    check(spipe_demangle(text), text[0] == '\0');
    check(spipe_name_copy(text), text[0] == '\0');
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    demangle("", data, size);
    demangle("_Z", data, size);
    demangle("_R", data, size);
    return 0;
}
