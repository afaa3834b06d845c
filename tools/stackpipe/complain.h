/* SPDX-License-Identifier: MIT */
/*
 * What the command says to people on standard error: one line at a time, always begun with its name.
 */
#ifndef SPIPE_TOOL_COMPLAIN_H
#define SPIPE_TOOL_COMPLAIN_H

/* Prints "stackpipe: ..." and a newline. Control characters, which may come from a capture or a file name, become '?'.
 */
void spipe_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
