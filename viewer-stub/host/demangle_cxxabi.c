/* SPDX-License-Identifier: MIT */
/* Demangling by the C++ runtime, where libiberty is not there: C++ and, since it looks like C++, the older Rust
 * mangling. */
#include "viewer-stub/host/demangle.h"

#include <stdlib.h>
#include <string.h>

/* The runtime gives no way to stop at a length, so long names are left as they are. */
#define MANGLED_READ_MAX 1024u

/* What <cxxabi.h> declares for C++; the name is the C++ ABI's. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

int spipe_demangle_read(const char *name, struct spipe_demangle_sink *sink)
{
    char *text = NULL;
    int status = -1;

    if (strlen(name) > MANGLED_READ_MAX)
        return 0;
    text = __cxa_demangle(name, NULL, NULL, &status);
    if (!text || status != 0) {
        free(text);
        return 0;
    }
    sink->len = strlen(text);
    if (sink->len > sizeof sink->text)
        sink->len = sizeof sink->text;
    memcpy(sink->text, text, sink->len);
    free(text);
    return 1;
}
