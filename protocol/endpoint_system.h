/* SPDX-License-Identifier: MIT */
/*
 * What the endpoint grammar needs to know of the system it runs on. Internal to endpoint.c; a file for each system.
 */
#ifndef SPIPE_PROTOCOL_ENDPOINT_SYSTEM_H
#define SPIPE_PROTOCOL_ENDPOINT_SYSTEM_H

#include "endpoint.h"

#include <stdbool.h>

/* True when endpoints of that kind exist on this system. */
bool spipe_endpoint_system_has(enum spipe_endpoint_kind kind);

#endif
