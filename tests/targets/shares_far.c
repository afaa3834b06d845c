/* SPDX-License-Identifier: MIT */
#include "shares.h"

uint32_t shares_far_away(uint32_t seed)
{
    return seed * 1664525u + 1013904223u;
}
