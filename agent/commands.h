/* SPDX-License-Identifier: MIT */
/* What a host asks for while the session runs. Pump only. */
#ifndef SPIPE_AGENT_COMMANDS_H
#define SPIPE_AGENT_COMMANDS_H

#include "session.h"

enum spipe_command_outcome { SPIPE_COMMAND_GOES_ON = 0, SPIPE_COMMAND_ENDS_SESSION = 1 };

/* Carries out a command and puts its result. */
enum spipe_command_outcome spipe_commands_do(struct spipe_session *session, const struct spipe_command *command);

#endif
