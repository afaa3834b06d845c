/* SPDX-License-Identifier: MIT */
#include "complain.h"

#include "plain_text.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_LEN 2048

void spipe_complain(const char *format, ...)
{
    char line[LINE_MAX_LEN];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);

    fputs("stackpipe: ", stderr);
    spipe_plain_text_write(line, stderr);
    fputc('\n', stderr);
    fflush(stderr);
}
