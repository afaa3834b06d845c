/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/summary_cost.h"

#define PPM_PER_PERCENT 1e4

uint64_t spipe_summary_sampling_ns(const struct spipe_summary *summary)
{
    return summary->handler_cpu_ns + summary->sampling_cpu_ns;
}

static double percent_of_cpu(const struct spipe_summary *summary, uint64_t ns)
{
    return summary->process_cpu_ns == 0 ? 0 : 100.0 * (double)ns / (double)summary->process_cpu_ns;
}

void spipe_summary_write_cost(const struct spipe_summary *summary, struct spipe_json *json)
{
    uint64_t sampling_ns = spipe_summary_sampling_ns(summary);
    spipe_json_key(json, "cost");
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "handler_cpu_ns", summary->handler_cpu_ns);
    spipe_json_member_unsigned(json, "agent_cpu_ns", summary->agent_cpu_ns);
    spipe_json_member_unsigned(json, "sampling_ns", sampling_ns);
    spipe_json_member_real(json, "sampling_percent", percent_of_cpu(summary, sampling_ns));
    spipe_json_member_real(json, "budget_percent", (double)summary->budget_ppm / PPM_PER_PERCENT);
    spipe_json_member_unsigned(json, "stretch_percent", summary->stretch_percent);
    spipe_json_member_unsigned(json, "longest_stretch_percent", summary->longest_stretch_percent);
    spipe_json_end_object(json);
}
