/* SPDX-License-Identifier: MIT */
/*
 * What the agent itself can call a code address: the dynamic symbol that holds it, else `image+0xoffset`, else the
 * address.
 *
 * Symbol tables are not sorted, so a look-up reads through all of an image's; names are therefore kept, within bounds,
 * for as long as the map of code stays as it is. For the text dialect. Pump only.
 */
#ifndef SPIPE_AGENT_FRAME_NAMES_H
#define SPIPE_AGENT_FRAME_NAMES_H

#include <stdint.h>

/* The name of a runtime address, valid until the next call. Never NULL; "" for the agent's own code, which is not
 * shown. */
const char *spipe_frame_names_get(uint64_t address);

/* In a forked child: what was kept is gone. */
void spipe_frame_names_fork(void);

#endif
