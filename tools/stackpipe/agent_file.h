/* SPDX-License-Identifier: MIT */
/*
 * Where the agent's library is.
 */
#ifndef SPIPE_TOOL_AGENT_FILE_H
#define SPIPE_TOOL_AGENT_FILE_H

#include <limits.h>

/* Takes STACKPIPE_AGENT when it is set, else what lies beside this command in the build or install tree, else the
 * installed place. The path is absolute. SPIPE_E_NOT_FOUND: it is at none of them; `ret_path` is then where it was
 * expected first. */
int spipe_agent_file_find(char ret_path[PATH_MAX]);

#endif
