/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/demangle.h"

#include "viewer-stub/host/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char ellipsis[] = "\xe2\x80\xa6";

/* "_Z", "_R" and the forms with more underscores that some systems and the compilers' clones use. */
static int looks_mangled(const char *name)
{
    size_t underscores = strspn(name, "_");

    return underscores >= 1 && underscores <= 4 && (name[underscores] == 'Z' || name[underscores] == 'R');
}

/* Copies `len` bytes, cut to SPIPE_NAME_MAX with an ellipsis, as clean UTF-8. */
static char *copy_name(const char *name, size_t len)
{
    size_t keep = len <= SPIPE_NAME_MAX ? len : spipe_utf8_cut(name, SPIPE_NAME_MAX - (sizeof ellipsis - 1));
    char *copy = malloc(keep + sizeof ellipsis);

    if (!copy)
        return NULL;
    memcpy(copy, name, keep);
    copy[keep] = '\0';
    spipe_utf8_clean(copy, keep);
    if (keep < len)
        memcpy(copy + keep, ellipsis, sizeof ellipsis);
    return copy;
}

/* The length without "@VERSION" or "@@VERSION". A name that begins with '@' has none. */
static size_t length_without_version(const char *name)
{
    const char *at = strchr(name, '@');

    return at && at != name ? (size_t)(at - name) : strlen(name);
}

char *spipe_demangle(const char *name)
{
    size_t len = length_without_version(name);
    struct spipe_demangle_sink *sink = NULL;
    char *plain = NULL;
    char *result = NULL;

    if (!looks_mangled(name) || len > SPIPE_MANGLED_MAX)
        return copy_name(name, len);
    sink = malloc(sizeof *sink);
    plain = malloc(len + 1);
    if (sink && plain) {
        memcpy(plain, name, len);
        plain[len] = '\0';
        sink->len = 0;
        bool is_read = spipe_demangle_read(plain, sink) && sink->len > 0;
        result = is_read ? copy_name(sink->text, sink->len) : copy_name(name, len);
    }
    free(plain);
    free(sink);
    return result;
}

char *spipe_name_copy(const char *name)
{
    return copy_name(name, strlen(name));
}
