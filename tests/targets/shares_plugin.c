/* SPDX-License-Identifier: MIT */
#include "burn.h"
#include "shares.h"

static volatile uint32_t sink;

static __attribute__((noinline)) void plugin_inner(uint64_t cpu_ns)
{
    sink = burn_for(cpu_ns);
}

uint32_t plugin_work(uint64_t cpu_ns)
{
    plugin_inner(cpu_ns / 2);
    plugin_inner(cpu_ns / 2);
    return sink;
}
