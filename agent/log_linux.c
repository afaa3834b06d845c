/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "control.h"
#include "files.h"
#include "protocol/system_linux.h"

#include <fcntl.h>

void spipe_log(const char *what, const char *detail)
{
    char line[1024];
    struct spipe_text text;
    if (spipe_control.environment.log_path[0] == '\0')
        return;
    spipe_text_init(&text, line, sizeof line - 1);
    spipe_text_add(&text, "stackpipe[");
    spipe_text_add_number(&text, (uint64_t)spipe_system(SYS_getpid));
    spipe_text_add(&text, "]: ");
    spipe_text_add(&text, what);
    if (detail != NULL) {
        spipe_text_add(&text, ": ");
        spipe_text_add(&text, detail);
    }
    line[text.len] = '\n';
    long file = spipe_system(SYS_openat, AT_FDCWD, spipe_control.environment.log_path,
                             O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
    if (file < 0)
        return;
    (void)spipe_system(SYS_write, file, line, text.len + 1);
    (void)spipe_system(SYS_close, file);
}
