/* SPDX-License-Identifier: MIT */
#include "endpoint_system.h"

bool spipe_endpoint_system_has(enum spipe_endpoint_kind kind)
{
    return kind == SPIPE_ENDPOINT_SOCKET || kind == SPIPE_ENDPOINT_DESCRIPTORS;
}
